"""An HTTP proxy that answers as a test says, and then, as squid does, ends both directions of a
tunnel when one ends."""
import select
import socket

from harness import Server

OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def wants_login(*schemes, more=b"Content-Length: 0\r\n"):
    fields = b"".join(b"Proxy-Authenticate: " + scheme.encode() + b"\r\n" for scheme in schemes)
    return b"HTTP/1.1 407 Proxy Authentication Required\r\n" + fields + more + b"\r\n"


class ForwardProxy(Server):
    """`answers`: what the next requests get: bytes, or a function of the socket that says them;
    then it ends the connection unless the bytes end a head without `Connection: close`. Behind
    these, and with `OPENED` too, it opens the tunnel. `login`: who shows none gets that instead.
    `asked`: what each request was."""

    def __init__(self, *answers, hosts=None, login=None):
        self.login = login
        self.answers = list(answers)
        self.hosts = hosts or {}
        self.asked = []
        super().__init__(self.serve)

    def serve(self, s):
        with s:
            while head := self.read_head(s):
                self.asked.append(head)
                answer = self.answers.pop(0) if self.answers else OPENED
                if self.login and "Proxy-Authorization" not in head:
                    answer = self.login
                if callable(answer):
                    answer(s)
                    return
                if answer.startswith(OPENED[:12]):
                    self.tunnel(s, head, answer)
                    return
                s.sendall(answer)
                if b"Connection: close" in answer or not answer.endswith(b"\r\n\r\n"):
                    return

    @staticmethod
    def read_head(s):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = s.recv(1)
            if not data:
                return None
            head += data
        return head.decode()

    def tunnel(self, s, head, answer):
        host, port = head.split()[1].rsplit(":", 1)
        with socket.create_connection(self.hosts.get(host, (host, int(port)))) as other:
            self.connections.append(other)
            s.sendall(answer)
            sides = {s: other, other: s}
            while True:
                for source in select.select(list(sides), [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    sides[source].sendall(data)

    def die(self):
        """As its process would: all its connections end with FIN."""
        self.listener.close()
        for s in self.connections:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
