"""Lines that keep, change and cut what they carry, and streams whose legs go through them."""
import contextlib
import socket
import threading

from harness import PATIENCE, Server, connect, read_exactly, wait_for

PLACES = ["between in and proxy", "between proxy and out"]


def unchanged(direction, data):
    return data


def spoiled(direction, data):
    return data[:-1] + bytes([data[-1] ^ 1])


class Tunnel(Server):
    """A line to a port for each connection. .lines keep all that comes; .on_data(direction, data),
    "up" or "down", says what goes on instead."""

    def __init__(self, target, on_data=unchanged):
        self.target = target
        self.on_data = on_data
        self.lines = []
        super().__init__(self._carry)

    def _carry(self, client):
        line = Line(self, client, connect(self.target))
        self.lines.append(line)
        line.carry()

    def everything(self):
        return b"".join(bytes(line.up + line.down) for line in list(self.lines))

    def cut(self, how=socket.SHUT_WR):
        """Ends all TCP connections as if both sides had ended them; with SHUT_RDWR, what they say
        to that is not passed on."""
        for line in list(self.lines):
            line.cut(how)

    def close(self):
        super().close()
        self.cut(socket.SHUT_RDWR)


class Line:
    """.up and .down are what came from the client and from the server."""

    def __init__(self, tunnel, client, server):
        self.tunnel = tunnel
        self.sockets = client, server
        self.up, self.down = bytearray(), bytearray()
        server.settimeout(None)

    def carry(self):
        client, server = self.sockets
        back = threading.Thread(target=self._pass, args=(server, client, "down"), daemon=True)
        back.start()
        self._pass(client, server, "up")
        back.join()
        client.close()
        server.close()

    def _pass(self, source, sink, direction):
        kept = getattr(self, direction)
        try:
            while data := source.recv(65536):
                kept += data
                sink.sendall(self.tunnel.on_data(direction, data))
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.cut(socket.SHUT_RDWR)

    def cut(self, how):
        for s in self.sockets:
            with contextlib.suppress(OSError):
                s.shutdown(how)


class TappedStream:
    """A stream through a tunnel on one of its legs: .client and .backend are the sockets at its
    ends, .programs are in, proxy and out."""

    def __init__(self, run, place):
        server = run.own(Server(lambda s: None))
        proxy = run.proxy()
        self.tunnel = run.own(Tunnel(proxy.port()))
        to_in, to_out = (self.tunnel.port if leg == place else proxy for leg in PLACES)
        out = run.out(to_out, {"t": server.port})
        out.wait_event("registered")
        in_ = run.in_(to_in, ["t"])
        self.programs = in_, proxy, out
        self.client = run.own(connect(in_.port()))
        self.client.sendall(b"x")
        self.backend = wait_for(lambda: server.connections, what="connection at the backend")[0]
        self.backend.settimeout(20 * PATIENCE)
        assert read_exactly(self.backend, 1) == b"x"
        # the client's byte may come before in knows that the stream is open; an answer can not
        self.backend.sendall(b"y")
        assert read_exactly(self.client, 1) == b"y"
        self.ends = self.client, self.backend

    def cut(self):
        self.tunnel.cut(socket.SHUT_RDWR)
