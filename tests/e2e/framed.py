"""Hand-written peers of the proxy on connections that carry one stream after another."""
import select
import struct
import threading

import harness
from attack import client_context, dial, ended, read_message, request
from ext_peer import Control, Data
from harness import read_exactly, wait_for
from peers import encode

RESET, RAW, FREE = b"R\0\0\0", b"W\0\0\0", b"P\0\0\0"


def frame(kind, content=b"", size=None):
    """One frame; `size` is what its header says instead of the truth."""
    size = len(content) if size is None else size
    return kind + struct.pack("<I", size)[:3] + content


def data(content):
    return frame(b"D", content)


def fin(total):
    return frame(b"F", struct.pack("<Q", total))


def read_frame(s):
    """(kind, content)"""
    header = read_exactly(s, 4)
    size = int.from_bytes(header[1:], "little")
    return header[:1], read_exactly(s, size) if size else b""


def read_stream(s, before=0):
    """(content, how it ended) of one direction of which so many bytes came before; its end is
    `fin` or `reset`."""
    content = b""
    while True:
        kind, more = read_frame(s)
        if kind == b"D":
            content += more
        elif kind == b"F":
            assert struct.unpack("<Q", more)[0] == before + len(content)
            return content, kind
        else:
            return content, kind


def expect_broken(s):
    """Waits for an RST, of which a TLS socket does not tell; returns what came before."""
    watch = select.poll()
    watch.register(s, 0)
    events = watch.poll(20_000 * harness.PATIENCE)
    # Without POLLERR sending has met it: we have not ended, so both ends are over by an RST only.
    assert events and events[0][1] & (select.POLLERR | select.POLLHUP), "no RST"
    return ended(s)


class In:
    """An in connection; .use is the number of its last stream."""

    def __init__(self, run, proxy, topic="default", tls=False):
        self.sock = run.own(dial(proxy, tls=client_context() if tls else None))
        self.topic, self.use, self.nonce, self.received = topic, 0, None, 0

    def request(self, **ext):
        return encode("InRequest", request("InRequest", self.topic, **ext))

    def next_request(self, **ext):
        """That of the next stream on this connection."""
        return self.request(**{"reuse": self.use + 1, **ext})

    def response(self):
        kind, payload = read_message(self.sock)
        assert kind == "Response", kind
        return payload

    def first(self, early=b""):
        """Opens the first stream with these bytes."""
        self.sock.sendall(self.request(early=len(early)) + early)
        ext = self.opened()
        assert ext["reuse"] == 1
        self.nonce = ext["nonce"]
        return self

    def opened(self):
        answer = self.response()
        assert answer["message"] == "", answer
        self.use += 1
        self.received = 0
        return answer["ext"]

    def again(self, content=b"", **ext):
        """Opens the next stream with these bytes."""
        self.sock.sendall(self.next_request(**ext) + (data(content) if content else b""))
        self.opened()
        return self

    def echo(self, content=b"hello"):
        self.sock.sendall(data(content))
        self.expect(content)

    def expect(self, content):
        got = b""
        while len(got) < len(content):
            kind, part = read_frame(self.sock)
            assert kind == b"D", (kind, got)
            got += part
        assert got == content
        self.received += len(got)

    def end(self, total):
        """Ends the stream, whose backend then ends too, and waits until another may follow."""
        self.sock.sendall(fin(total))
        content, how = read_stream(self.sock, self.received)
        assert (content, how) == (b"", b"F")
        assert read_exactly(self.sock, 4) == FREE


class Kept:
    """What one connection of a Recorder got, and how it ended: "fin", "rst", or nothing yet."""

    def __init__(self):
        self.content, self.end = b"", None


class Recorder(harness.Server):
    """An echo that keeps all that came. Behind a client's end its own comes when .closes says so,
    or the client has reset the connection after all."""

    def __init__(self):
        self.kept = []
        self.closes = threading.Event()
        self.closes.set()
        super().__init__(self._record)

    def _record(self, s):
        kept = Kept()
        self.kept.append(kept)
        try:
            while part := s.recv(65536):
                kept.content += part
                s.sendall(part)
            watch = select.poll()
            watch.register(s, 0)
            while not self.closes.is_set():
                if any(event & select.POLLERR for _, event in watch.poll(20)):
                    raise ConnectionResetError
            kept.end = "fin"
        except OSError:
            kept.end = "rst"
        s.close()

    def wait_ended(self, content):
        """Waits for the end of the one that got this, and returns it."""
        def found():
            return next((k for k in list(self.kept) if k.end and k.content == content), None)
        try:
            return wait_for(found, what=f"end of a connection with {content!r}").end
        except TimeoutError as e:
            raise AssertionError([(k.content, k.end) for k in self.kept]) from e

    def everything(self):
        return [kept.content for kept in self.kept]


class Out:
    """A registration whose data connections can be used again."""

    def __init__(self, run, proxy, topic="default"):
        self.control = Control(run, proxy, topic)

    def park(self):
        return OutData(self.control.park(reuse=1))

    def close(self):
        self.control.reset()


class OutData:
    """A data connection of an Out."""

    def __init__(self, parked: Data):
        self.parked, self.sock, self.use = parked, parked.sock, 0

    def answer(self):
        """The bytes that open the stream which has been asked for."""
        active = self.parked.activated()
        self.use += 1
        assert active["ext"]["reuse"] == self.use, active
        return encode("Response", {"magic": active["magic"], "request": "DataActiveRequest",
                                   "message": "", "ext": {"v": 1}})

    def open(self):
        self.sock.sendall(self.answer())
        return self
