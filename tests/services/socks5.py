"""A small SOCKS5 server (RFC 1928): CONNECT without authentication, for the tests only."""
import socket
import threading

from harness import Server, read_exactly

SUCCEEDED, HOST_UNREACHABLE, CONNECTION_REFUSED = 0, 4, 5
IPV4, DOMAIN, IPV6 = 1, 3, 4


class Socks5(Server):
    """Knows only the names in `hosts` ({name: (address, port)}): nothing but loopback is reached,
    and a name that a test invents proves which side resolved it. `asked` is what clients wanted."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.asked = []
        super().__init__(self.serve)

    def serve(self, client):
        with client:
            version, methods = read_exactly(client, 2)
            assert version == 5
            if not self.choose_method(client, read_exactly(client, methods)):
                return
            host, port = self.request(client)
            self.asked.append((host, port))
            target = self.hosts.get(host)
            if target is None:
                self.reply(client, HOST_UNREACHABLE)
                return
            try:
                upstream = socket.create_connection(target)
            except OSError:
                self.reply(client, CONNECTION_REFUSED)
                return
            with upstream:
                self.reply(client, SUCCEEDED)
                back = threading.Thread(target=copy, args=(upstream, client))
                back.start()
                copy(client, upstream)
                back.join()

    def choose_method(self, client, methods):
        """Whether the client is let in: here everybody is, without a login."""
        client.sendall(b"\x05\x00")
        return True

    @staticmethod
    def request(client):
        """The address and port that the client asks for."""
        _version, _command, _reserved, kind = read_exactly(client, 4)
        if kind == DOMAIN:
            host = read_exactly(client, read_exactly(client, 1)[0]).decode()
        else:
            family, size = {IPV4: (socket.AF_INET, 4), IPV6: (socket.AF_INET6, 16)}[kind]
            host = socket.inet_ntop(family, read_exactly(client, size))
        return host, int.from_bytes(read_exactly(client, 2), "big")

    @staticmethod
    def reply(client, code):
        client.sendall(bytes([5, code, 0, IPV4]) + bytes(6))


def copy(source, sink):
    """One direction, its end included."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other direction ends by the same error
