"""What the test peers share: frames as 0.0.1 reads them, threads and sockets with one owner.

Only facts of docs/protocol.md are used here, no code of the programs under test.
"""
import fcntl
import json
import random
import socket
import struct
import termios
import threading

from harness import PATIENCE, connect, port_of, read_exactly

VERSION = "0.0.1"
# What one write of ours may hold, because a 0.0.1 peer reads a body with a single read.
FRAME_MAX = 1200
# Every message that 0.0.1 knows, with the fields of its payload; all are strings.
FIELDS = {
    "OutRequest": ("magic", "version", "type"),
    "OutDataRequest": ("magic", "version", "type"),
    "InRequest": ("magic", "version", "type"),
    "NewDataRequest": ("magic", "type"),
    "DataActiveRequest": ("magic", "type"),
    "Response": ("magic", "request", "message"),
    "Ping": (),
    "Pong": (),
}


class Fault(Exception):
    """The other side did what a 0.0.1 program can not cope with."""


def encode(kind, payload):
    body = json.dumps({"Type": kind, "Payload": payload}, separators=(",", ":")).encode()
    return struct.pack("<q", len(body)) + body


def unread(sock):
    """Bytes that wait in the receive buffer."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, b"\0" * 4))[0]


def unacknowledged(sock):
    """Bytes sent that the other kernel has not acknowledged (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


def read_frame(sock):
    """One (type, payload) as 0.0.1 reads it; EOFError at an end, Fault for what it misreads.

    The body must be there in full when the header is: whatever came in one write is.
    """
    header = sock.recv(8)
    if not header:
        raise EOFError
    if len(header) < 8:
        raise Fault(f"header cut after {len(header)} bytes")
    size, = struct.unpack("<q", header)
    if not 2 <= size <= FRAME_MAX - 8:
        raise Fault(f"body of {size} bytes")
    there = unread(sock)
    body = sock.recv(size)
    if min(there, len(body)) < size:
        raise Fault(f"body cut: {there} of {size} bytes came with the header")
    try:
        message = {key.lower(): value for key, value in json.loads(body).items()}
        payload = {key.lower(): value for key, value in message["payload"].items()}
        return message["type"], payload
    except (ValueError, KeyError, AttributeError) as e:
        raise Fault(f"not a message: {body!r}") from e


def check_fields(kind, payload):
    """Fault unless 0.0.1 knows the message and can store each field; other keys are ignored."""
    if kind not in FIELDS:
        raise Fault(f"unknown message {kind}")
    for field in FIELDS[kind]:
        if not isinstance(payload.get(field), str):
            raise Fault(f"{kind}.{field} is {payload.get(field)!r}")


def cut(sock):
    """Ends both directions and wakes the thread that reads; that thread closes."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Peer:
    """Threads and sockets of one peer; .faults lists what no 0.0.1 program would cope with."""

    def __init__(self):
        self.faults = []
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.sockets = set()
        self.threads = []
        # The deployed originals never seed their generator: every run has the same magics.
        self.random = random.Random(1)

    def magic(self):
        return f"{self.random.getrandbits(128):032x}"

    def spawn(self, function, *args):
        thread = threading.Thread(target=self._guard, args=(function, args), daemon=True)
        self.threads.append(thread)
        thread.start()

    @staticmethod
    def _guard(function, args):
        try:
            function(*args)
        except (OSError, EOFError, Fault):
            pass  # the connection has ended; faults are kept by read()

    def own(self, sock):
        with self.lock:
            if self.ended.is_set():
                sock.close()
                raise EOFError
            self.sockets.add(sock)
        return sock

    def release(self, *socks):
        for sock in socks:
            with self.lock:
                self.sockets.discard(sock)
            sock.close()

    def listen(self, port, handler):
        """Calls handler(socket) in a thread for each connection; returns the listener."""
        listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.own(listener)
        self.spawn(self._accept, listener, handler)
        return listener

    def _accept(self, listener, handler):
        try:
            while True:
                sock = self.own(listener.accept()[0])
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.spawn(handler, sock)
        finally:
            self.release(listener)

    def dial(self, port):
        sock = self.own(connect(port_of(port)))
        sock.settimeout(None)  # 0.0.1 has no deadline on a read
        return sock

    def send(self, sock, kind, **payload):
        sock.sendall(encode(kind, payload))

    def answer(self, sock, kind, request, message=""):
        self.send(sock, "Response", magic=request["magic"], request=kind, message=message)

    def read(self, sock, *kinds):
        """The payload of the next message, which must be of one of these kinds; (kind, payload)
        if several (or none) are named."""
        try:
            kind, payload = read_frame(sock)
            if kind == "InWarmRequest" and not kinds:
                return kind, payload  # how in asks a proxy that it does not know yet
            check_fields(kind, payload)
            if kinds and kind not in kinds:
                raise Fault(f"{kind} instead of {' or '.join(kinds)}")
        except Fault as e:
            self.faults.append(str(e))
            raise
        return payload if len(kinds) == 1 else (kind, payload)

    def relay(self, a, b):
        """Raw bytes both ways until either side ends, then neither goes on: half-close is lost."""
        back = threading.Thread(target=self._pump, args=(b, a), daemon=True)
        back.start()
        self._pump(a, b)
        back.join()
        self.release(a, b)

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        cut(source)
        cut(sink)

    def close(self):
        with self.lock:
            self.ended.set()
            sockets = list(self.sockets)
        for sock in sockets:
            cut(sock)
        for thread in self.threads:
            thread.join(5)
        for sock in list(self.sockets):
            self.release(sock)


def exchange(sock, data, size=None):
    """Sends data while reading size bytes (as many, if not given); returns what was read."""
    sender = threading.Thread(target=sock.sendall, args=(data,), daemon=True)
    sender.start()
    received = read_exactly(sock, len(data) if size is None else size)
    sender.join(20 * PATIENCE)
    assert not sender.is_alive()
    return received
