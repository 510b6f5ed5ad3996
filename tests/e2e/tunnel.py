"""Lines that keep, change and cut what they carry, and streams whose legs go through them."""
import socket
import threading

from harness import PATIENCE, Server, connect, read_exactly, wait_for

PLACES = ["between in and proxy", "between proxy and out"]


class Tunnel(Server):
    """A line to a port that keeps all that it carries: .lines, each with .up and .down. While
    .spoils is true, it changes a bit of each part."""

    def __init__(self, target):
        self.target = target
        self.lines = []
        self.spoils = False
        super().__init__(self._carry)

    def _carry(self, client):
        line = TunnelLine(self, client, connect(self.target))
        self.lines.append(line)
        line.carry()

    def everything(self):
        return b"".join(bytes(line.up + line.down) for line in list(self.lines))


class TunnelLine:
    def __init__(self, tunnel, client, server):
        self.tunnel = tunnel
        self.sockets = client, server
        self.up, self.down = bytearray(), bytearray()
        server.settimeout(None)

    def carry(self):
        client, server = self.sockets
        back = threading.Thread(target=self._pump, args=(server, client, self.down), daemon=True)
        back.start()
        self._pump(client, server, self.up)
        back.join()
        client.close()
        server.close()

    def _pump(self, source, sink, kept):
        try:
            while data := source.recv(65536):
                kept += data
                if self.tunnel.spoils:
                    data = data[:-1] + bytes([data[-1] ^ 1])
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.cut()

    def cut(self):
        """Ends both connections as if both sides had ended cleanly."""
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


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
        self.ends = self.client, self.backend

    def cut(self):
        """Ends all TCP connections of the leg as if both sides had ended them."""
        for line in self.tunnel.lines:
            line.cut()
