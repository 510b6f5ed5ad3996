"""What the session fuzzer puts on the wire: a socket, plain or TLS, whose writes may be damaged.

Everything random comes from the caller's random.Random, so a seed repeats what is said; when the
other side answers is up to the machine.
"""
import socket
import ssl
import struct

import harness
import secure

# Nothing is waited for longer; the silence of the other side is no finding.
PATIENCE_S = 0.3


class Wire:
    """A connection in role of client or server. `records` damages what TLS makes of a message,
    handshake included, instead of the message."""

    def __init__(self, sock, dice, tls=None, server=False, records=False):
        self.sock, self.dice, self.records = sock, dice, records
        sock.settimeout(PATIENCE_S)
        self.tls = None
        if tls:
            self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            name = None if server else "localhost"
            self.tls = tls.wrap_bio(self.incoming, self.outgoing, server, name)
            self._until_done(self.tls.do_handshake)

    def send(self, data):
        if self.tls:
            self._until_done(self.tls.write, data)
        else:
            self._put(data)

    def receive(self, size=65536):
        """What is there within PATIENCE_S; empty at an end."""
        if self.tls:
            return self._until_done(self.tls.read, size)
        return self.sock.recv(size)

    def read_frame(self):
        """The body of one frame, whatever it is; empty if none comes."""
        header = self._exactly(8)
        size = struct.unpack("<q", header)[0] if len(header) == 8 else 0
        return self._exactly(size) if 0 < size <= 65536 else b""

    def end(self):
        """Ends as peers do: cleanly, in one direction, without a word of TLS, or by RST."""
        how = self.dice.choice(["clean", "half", "cut", "reset", "reset"])
        try:
            if how == "clean" and self.tls:
                self.tls.unwrap()
            elif how == "half":
                self.sock.shutdown(socket.SHUT_WR)
                self.sock.recv(65536)
        except (OSError, ssl.SSLError):
            pass
        if how == "reset":
            harness.reset(self.sock)
        self.sock.close()

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.receive(size - len(data))
            if not part:
                break
            data += part
        return data

    def _until_done(self, operation, *args):
        while True:
            try:
                result = operation(*args)
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                self.incoming.write(self.sock.recv(65536) or self._no_more())

    @staticmethod
    def _no_more():
        raise EOFError

    def _flush(self):
        if data := self.outgoing.read():
            self._put(damaged(data, self.dice) if self.records else data)

    def _put(self, data):
        """In one write, or in several."""
        cuts = sorted(self.dice.randrange(len(data) + 1) for _ in range(self.dice.choice([0, 0, 3])))
        for begin, end in zip([0, *cuts], [*cuts, len(data)]):
            if begin < end:
                self.sock.sendall(data[begin:end])


def damaged(data, dice):
    """The same, or cut, repeated, flipped or longer; never more than about 200 kB."""
    how = dice.random()
    data = bytearray(data)
    if not data or how < 0.8:
        return bytes(data)
    if how < 0.86:
        return bytes(data[:dice.randrange(len(data))])
    if how < 0.89:
        return bytes(data * dice.choice([2, 3, 40]))[:200_000]
    if how < 0.97:
        for _ in range(dice.choice([1, 1, 2, 8])):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        return bytes(data)
    at = dice.randrange(len(data) + 1)
    return bytes(data[:at]) + dice.randbytes(dice.choice([1, 8, 500])) + bytes(data[at:])


def client_tls():
    """For a peer of the proxy, without a certificate."""
    context = ssl.create_default_context(cafile=str(secure.certificates() / "ca.crt"))
    context.check_hostname = False
    return context


def server_tls():
    """For a proxy that is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca = secure.certificates()
    context.load_cert_chain(ca / "localhost.crt", ca / "localhost.key")
    return context
