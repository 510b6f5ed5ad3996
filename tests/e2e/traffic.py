"""Random streams from one thread: both ends of each, every byte and every end checked.

Client and backend live in one epoll loop, so that each knows the other's plan: which bytes must
come, and whether a FIN or an RST must follow. A stream starts with its number (8 bytes), by which
the backend finds its plan. Everything is drawn from one seeded generator.
"""
import collections
import errno
import fcntl
import heapq
import random
import select
import socket
import struct
import termios
import time

import harness
from traffic_plan import ABORT, CHUNK, FIN, PERIOD, RESET, pattern, random_plan

# The first bytes of every stream.
NUMBER = struct.Struct("!Q")
# What the first and the later operations on a connection say after an RST; shutdown the last.
AFTER_RST = {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}
# Waiting for acknowledgements has no event: they are looked at again after this.
POLL_S = 0.005
# The loop looks at its own end at least this often.
TURN_S = 0.05


def unacknowledged(s):
    """Bytes given to the kernel that the next hop's kernel has not acknowledged (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, b"\0" * 4))[0]


class Endpoint:
    """One end of one stream: a non-blocking socket and how far it is."""

    def __init__(self, traffic, sock, plan, is_client):
        self.traffic = traffic
        self.sock = sock
        self.plan = plan
        self.name = "client" if is_client else "backend"
        self.mine, self.theirs = (plan.up, plan.down) if is_client else (plan.down, plan.up)
        self.key = plan.number * 7919 % PERIOD
        self.their_key = self.key + PERIOD // 2
        if not is_client:
            self.key, self.their_key = self.their_key, self.key
        self.preface = NUMBER.pack(plan.number) if is_client else b""
        self.sent = self.received = 0
        self.fin_sent = self.fin_received = self.closed = False
        self.pause_left = self.mine.pause_s
        self.paused = False
        self.polling = False
        self.peer = None
        self.events = 0      # what epoll watches for it

    def fail(self, what):
        raise AssertionError(f"{self.name} of {self.plan}: {what}; sent {self.sent}, "
                             f"received {self.received}")

    def run(self, events):
        """Moves what can be moved; called on events and after pauses."""
        if self.closed:
            return
        if events & (select.EPOLLERR | select.EPOLLHUP):
            self.paused = False  # an end cuts the pause short; the bytes before it still count
        try:
            if not self.paused:
                self._receive()
            self._send()
        except OSError as e:
            if e.errno not in AFTER_RST:
                raise
            self._was_reset()
            return
        if self.fin_sent and self.fin_received:
            self._close("done")
        elif not self.closed:
            self._watch()

    def _receive(self):
        # a few reads a turn, so that one fast stream does not starve the others
        for _ in range(4):
            if self.fin_received or self.closed:
                return
            try:
                data = self.sock.recv(CHUNK)
            except BlockingIOError:
                return
            if not data:
                self._was_ended()
                return
            self._check(data)
            if self.pause_left and self.received >= self.mine.pause_at:
                self.paused = True
                self.traffic.call_later(self.pause_left, self._resume)
                self.pause_left = 0
                return

    def _resume(self):
        self.paused = False
        self.run(0)

    def _check(self, data):
        if data != pattern(self.their_key, self.received, len(data)):
            self.fail(f"wrong bytes among {len(data)} after {self.received}")
        self.received += len(data)
        self.traffic.bytes += len(data)
        if self.received > self.theirs.size:
            self.fail(f"more than the {self.theirs.size} bytes sent")

    def _send(self):
        if self.fin_sent or self.closed:
            return
        try:
            while self.preface:
                self.preface = self.preface[self.sock.send(self.preface):]
        except BlockingIOError:
            return
        if not self._may_send():
            return
        for _ in range(4):
            if self.sent == self.mine.size:
                break
            part = pattern(self.key, self.sent, min(CHUNK, self.mine.size - self.sent))
            try:
                self.sent += self.sock.send(part)
            except BlockingIOError:
                break
            # an abort may come at any byte; halfway it meets data under way in both directions
            if self.mine.end == ABORT and self.sent >= self.mine.size // 2:
                self._reset()
                return
        if self.sent == self.mine.size:
            self._finish()

    def _may_send(self):
        return self.fin_received or not self.mine.waits

    def _finish(self):
        if self.mine.end == FIN:
            self.sock.shutdown(socket.SHUT_WR)
            self.fin_sent = True
        elif self.peer and not unacknowledged(self.sock):
            self._reset()
        elif not self.polling:
            self.polling = True
            self.traffic.call_later(POLL_S, self._poll)

    def _poll(self):
        self.polling = False
        self.run(0)

    def _was_ended(self):
        if self.theirs.end != FIN or self.received != self.theirs.size:
            self.fail(f"a clean end, but {self.theirs.size} bytes and '{self.theirs.end}' were due")
        self.fin_received = True

    def _was_reset(self):
        """An error of any operation is the RST; what came before it may still be unread."""
        try:
            while data := self.sock.recv(CHUNK):
                self._check(data)
        except ConnectionResetError:
            pass
        if self.theirs.end == FIN:
            self.fail("an RST that nobody sent")
        if self.theirs.end == RESET and self.received != self.theirs.size:
            self.fail(f"an RST before all {self.theirs.size} acknowledged bytes came")
        self._close("was reset")

    def _reset(self):
        self.traffic.forget(self)
        harness.reset(self.sock)
        self._closed("reset")

    def _close(self, how):
        self.traffic.forget(self)
        self.sock.close()
        self._closed(how)

    def _closed(self, how):
        self.closed = True
        self.traffic.ended(self, how)

    def _watch(self):
        wants = 0 if self.paused or self.fin_received else select.EPOLLIN
        if self.preface or (self._may_send() and self.sent < self.mine.size):
            wants |= select.EPOLLOUT
        self.traffic.watch(self, wants)


class Traffic:
    """Keeps `concurrent` random streams running through `port` to its own backend listener."""

    def __init__(self, seed, most_bytes=4 * 1024 * 1024):
        self.rng = random.Random(seed)
        self.most_bytes = most_bytes
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.epoll = select.epoll()
        self.epoll.register(self.listener, select.EPOLLIN)
        self.endpoints = {}                  # by descriptor
        self.strangers = {}                  # accepted, their number not yet read: socket, bytes
        self.clients = {}                    # by number; those whose stream has not ended
        self.aborted = {}                    # by number; their backend may still be called
        self.timers = []                     # heap of (when, id, function)
        self.bytes = 0
        self.started = 0
        self.peak = 0
        self.ends = collections.Counter()

    def close(self):
        strangers = [s for s, _ in self.strangers.values()]
        for s in [self.listener, *strangers, *[e.sock for e in self.endpoints.values()]]:
            s.close()
        self.epoll.close()

    # --- what an endpoint asks for ---

    def call_later(self, seconds, function):
        heapq.heappush(self.timers, (time.monotonic() + seconds, id(function), function))

    def watch(self, endpoint, wants):
        if endpoint.events != wants:
            self.epoll.modify(endpoint.sock, wants)
            endpoint.events = wants

    def forget(self, endpoint):
        self.epoll.unregister(endpoint.sock)
        del self.endpoints[endpoint.sock.fileno()]

    def ended(self, endpoint, how):
        self.ends[endpoint.name, how] += 1
        client = endpoint if endpoint.name == "client" else endpoint.peer
        if client.closed and client.peer is None:
            self.aborted[client.plan.number] = client
        if client.closed and (client.peer is None or client.peer.closed):
            self.clients.pop(client.plan.number, None)

    # --- the loop ---

    def run(self, port, concurrent, seconds, stall_s=30):
        """Returns when all streams have ended; none is started after `seconds`."""
        end = time.monotonic() + seconds
        progress, since = None, time.monotonic()
        while time.monotonic() < end or self.endpoints or self.strangers:
            while len(self.clients) < concurrent and time.monotonic() < end:
                self._start(port)
            self.peak = max(self.peak, len(self.clients))
            self._turn()
            if progress != (now := (self.bytes, self.started, self.ends.total())):
                progress, since = now, time.monotonic()
            elif time.monotonic() - since > stall_s * harness.PATIENCE:
                stuck = [f"{e.name} of {e.plan}: sent {e.sent}, received {e.received}"
                         for e in self.endpoints.values()]
                raise AssertionError(f"nothing moved for {stall_s} s:\n" + "\n".join(stuck[:20]))

    def _turn(self):
        until_timer = self.timers[0][0] - time.monotonic() if self.timers else TURN_S
        for descriptor, events in self.epoll.poll(max(0, min(TURN_S, until_timer)), 256):
            if descriptor == self.listener.fileno():
                self._accept()
            elif descriptor in self.strangers:
                self._meet(descriptor)
            elif descriptor in self.endpoints:  # not ended by an earlier event of this turn
                self.endpoints[descriptor].run(events)
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()

    def _start(self, port):
        self.started += 1
        plan = random_plan(self.rng, self.started, self.most_bytes)
        s = self._socket(socket.socket(), plan.up)
        try:
            s.connect(("127.0.0.1", port))
        except BlockingIOError:
            pass
        self.clients[plan.number] = self._adopt(Endpoint(self, s, plan, True))

    def _socket(self, s, side):
        s.setblocking(False)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if side.window:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, side.window)
        return s

    def _adopt(self, endpoint):
        self.endpoints[endpoint.sock.fileno()] = endpoint
        endpoint.events = select.EPOLLIN | select.EPOLLOUT
        self.epoll.register(endpoint.sock, endpoint.events)
        return endpoint

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except BlockingIOError:
                return
            s.setblocking(False)
            self.strangers[s.fileno()] = (s, b"")
            self.epoll.register(s, select.EPOLLIN)

    def _meet(self, descriptor):
        s, head = self.strangers[descriptor]
        try:
            data = s.recv(NUMBER.size - len(head))
        except ConnectionResetError:
            data = b""  # an aborted client may be gone before its number came
        head += data
        self.strangers[descriptor] = (s, head)
        if data and len(head) < NUMBER.size:
            return
        del self.strangers[descriptor]
        self.epoll.unregister(s)
        if not data:
            s.close()
            return
        number, = NUMBER.unpack(head)
        client = self.clients.get(number) or self.aborted.pop(number, None)
        if client is None or client.peer is not None:
            raise AssertionError(f"a backend connection with the unknown number {number}")
        backend = Endpoint(self, self._socket(s, client.plan.down), client.plan, False)
        client.peer, backend.peer = backend, client
        self._adopt(backend)
