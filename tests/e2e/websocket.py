"""A raw peer of WebSocket (RFC 6455), and a front that speaks only HTTP, for tests."""
import base64
import hashlib
import os
import socket
import threading

from harness import Server, connect

SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def request(path="/inout", key=None, more=(), **fields):
    """The head of a handshake; a field that is None is left out."""
    fields = {"Host": "relay", "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": key or base64.b64encode(os.urandom(16)).decode(),
              **{name.replace("_", "-"): value for name, value in fields.items()}}
    lines = [f"GET {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, *more, "", ""]).encode()


def read_lines(s):
    """Those of a head, to the empty one that ends it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = s.recv(1)
        if not byte:
            raise EOFError(f"end after {head!r}")
        head += byte
    return head.decode().split("\r\n")


def read_head(s):
    """The head of an answer: (status, {field in lower case: value})."""
    lines = read_lines(s)
    fields = dict(line.lower().split(": ", 1)[0:1] + line.split(": ", 1)[1:]
                  for line in lines[1:] if line)
    return int(lines[0].split()[1]), fields


def accept_of(key):
    """What answers a Sec-WebSocket-Key (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + SALT).digest()).decode()


def accepted(s):
    """Reads a request and gives the answer that takes it."""
    key, = [line.split(": ")[1] for line in read_lines(s) if line.startswith("Sec-WebSocket-Key: ")]
    return ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Protocol: inout\r\nSec-WebSocket-Accept: {accept_of(key)}\r\n\r\n").encode()


def masked(data, mask):
    whole = mask * (len(data) // 4 + 1)
    return (int.from_bytes(data, "big") ^ int.from_bytes(whole[:len(data)], "big")).to_bytes(
        len(data), "big")


def frame(opcode, data=b"", fin=True, mask=True, rsv=0, length=None):
    """length: how its length is written, 7, 16 or 64 bits; None: the shortest."""
    length = length or (7 if len(data) < 126 else 16 if len(data) < 65536 else 64)
    bit = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    head += (bytes([bit | len(data)]) if length == 7 else
             bytes([bit | 126]) + len(data).to_bytes(2, "big") if length == 16 else
             bytes([bit | 127]) + len(data).to_bytes(8, "big"))
    if not mask:
        return head + data
    key = os.urandom(4)
    return head + key + masked(data, key)


class Peer:
    """A client, connected and past the handshake."""

    def __init__(self, port, **fields):
        self.s = connect(port)
        key = base64.b64encode(os.urandom(16)).decode()
        self.s.sendall(request(key=key, **fields))
        status, self.fields = read_head(self.s)
        assert status == 101, status
        assert self.fields["sec-websocket-accept"] == accept_of(key)

    def send(self, *args, **options):
        self.s.sendall(frame(*args, **options))

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.s.recv(size - len(data))
            if not part:
                raise EOFError("end")
            data += part
        return data

    def receive(self):
        """(opcode, content) of the next frame, which has no mask and is whole."""
        first, second = self._exactly(2)
        assert first & 0x80 and not second & 0x80
        size = second
        if size == 126:
            size = int.from_bytes(self._exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(self._exactly(8), "big")
        return first & 15, self._exactly(size)

    def receive_close(self):
        """The status that the server closes with; what comes before is passed over."""
        while True:
            opcode, content = self.receive()
            if opcode == CLOSE:
                return int.from_bytes(content[:2], "big") if content else None

    def close(self):
        self.s.close()


class Front(Server):
    """What stands in front of a proxy and knows no half-close: when one side ends, it passes on
    what it has and ends both, always cleanly, as nginx and others do. on_head may change a request."""

    def __init__(self, target, on_head=lambda head: head):
        self.target = target
        self.on_head = on_head
        self.lines = []
        self.pings = []  # the socket that each Ping, and each answer to one, has come from
        super().__init__(self._carry)

    def _carry(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        server = connect(self.target)
        server.settimeout(None)  # it may be quiet for as long as it likes
        self.lines.append((client, server))
        end = head.index(b"\r\n\r\n") + 4
        server.sendall(self.on_head(head[:end]) + head[end:])
        other = threading.Thread(target=self._pass, args=(server, client), daemon=True)
        other.start()
        self._pass(client, server)

    def _pass(self, source, sink):
        try:
            while data := source.recv(65536):
                if data[0] in (0x80 | PING, 0x80 | PONG) and len(data) in (2, 6):
                    self.pings.append(source)
                sink.sendall(data)
        except OSError:
            pass
        for s in (sink, source):
            try:
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def cut(self):
        for line in self.lines:
            for s in line:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.cut()
        super().close()
