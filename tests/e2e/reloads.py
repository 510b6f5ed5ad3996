"""Reloads of the programs for the tests of them: asking for one, new configurations, and clients
that must not notice.

Their configurations are those that they were started with (Program.config), changed.
"""
import contextlib
import copy
import pathlib
import signal
import threading
import time

import harness
from harness import connect, expect_echo, read_exactly, wait_for
from test_drain import named_echo_server

# Files that a program names are looked at each 5 s or so, and a change has to stay for one more.
FILES_SEEN_S = 10


def reload(program, config=None, fails=False):
    """SIGHUP, with this configuration if there is one. Waits until it is in use or, as the test
    says, until it is refused; the line that tells."""
    if config is not None:
        program.configure(config)
    told, other = ("not reloaded", "reloaded") if fails else ("reloaded", "not reloaded")
    before, surprises = len(program.find(told)), len(program.find(other))
    program.signal(signal.SIGHUP)
    wait_for(lambda: len(program.find(told)) > before or len(program.find(other)) > surprises,
             what=f"end of the reload of {program.name}")
    assert len(program.find(other)) == surprises, program.find(other)[-1]
    return program.find(told)[before]


def changed(program, **keys):
    """Its configuration with other values of these keys; None: without the key."""
    config = copy.deepcopy(program.config)
    for key, value in keys.items():
        if value is None:
            config.pop(key, None)
        else:
            config[key] = value
    return config


def network_of(program, topic):
    """Its network with this topic, which a test may change."""
    return copy.deepcopy(next(n for n in program.config["networks"] if n["topic"] == topic))


def with_networks(program, *networks):
    """Its configuration with these networks; a string stands for the one that it has."""
    return changed(program, networks=[
        network_of(program, network) if isinstance(network, str) else network
        for network in networks])


def of_topic(program, topic, **keys):
    """A network like its first one, with another topic and other values of these keys."""
    return {**copy.deepcopy(program.config["networks"][0]), "topic": topic, **keys}


def who_serves(port, size=1):
    """The name that a named_echo_server says there."""
    with connect(port) as client:
        return read_exactly(client, size)


def is_served_by(port, name):
    """Whether a new client is served, by this one; False also before anybody listens."""
    try:
        return who_serves(port) == name
    except (OSError, EOFError):
        return False


class Topics:
    """A proxy and an out that serves "a", "b", and "c" by servers that say their names."""

    def __init__(self, run, proxy=None):
        self.proxy = run.proxy(proxy)
        self.out = run.out(self.proxy, {
            topic: named_echo_server(run, topic.encode()).port for topic in "abc"})
        for topic in "abc":
            self.out.wait_event("registered", topic=topic)


@contextlib.contextmanager
def stream_of(port, name):
    """A stream that a named_echo_server serves; runs before the block and still does behind it."""
    with connect(port) as stream:
        assert read_exactly(stream, 1) == name
        expect_echo(stream)
        yield stream
        expect_echo(stream)


class Bulk:
    """A stream to an echo server on which bytes never stop, each compared with what was sent."""

    def __init__(self, run, port, name=b""):
        self.sock = run.own(connect(port))
        assert read_exactly(self.sock, len(name)) == name
        self.stop = threading.Event()
        self.problem = None
        self.size = 0
        self.threads = [threading.Thread(target=self._try, args=(work,), daemon=True)
                        for work in (self._send, self._receive)]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def block(number):
        return number.to_bytes(4, "big") * 2048

    def _try(self, work):
        try:
            work()
        except Exception as e:  # told by end(), whatever it is
            self.problem = self.problem or e

    def _send(self):
        number = 0
        while not self.stop.is_set():
            self.sock.sendall(self.block(number))
            number += 1
        self.sock.shutdown(harness.socket.SHUT_WR)
        self.sent = number

    def _receive(self):
        while part := self.sock.recv(65536):
            first, offset = divmod(self.size, 8192)
            blocks = b"".join(self.block(first + i) for i in range(10))
            assert part == blocks[offset:offset + len(part)], f"wrong bytes behind {self.size}"
            self.size += len(part)

    def moves(self):
        """Returns when more bytes have come back."""
        before = self.size
        wait_for(lambda: self.problem or self.size > before + 100_000, what="bytes")
        assert self.problem is None, self.problem

    def end(self):
        """Ends it, and checks that every byte came back."""
        self.stop.set()
        for thread in self.threads:
            thread.join(30 * harness.PATIENCE)
        assert self.problem is None, self.problem
        assert self.size == self.sent * 8192
        self.sock.close()


class Clients:
    """Clients that come one after another, for as long as the block runs; none may fail."""

    def __init__(self, port, name, at_once=3):
        self.port, self.name = port, name
        self.served, self.failures = 0, []
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._come, daemon=True) for _ in range(at_once)]

    def _come(self):
        while not self.stop.is_set():
            try:
                with connect(self.port) as client:
                    assert read_exactly(client, len(self.name)) == self.name
                    expect_echo(client)
                with self.lock:
                    self.served += 1
            except Exception as e:  # whatever it is
                with self.lock:
                    self.failures.append(repr(e))

    def more(self, count=10):
        """Returns when so many more were served."""
        wanted = self.served + count
        wait_for(lambda: self.failures or self.served >= wanted, what="clients")
        assert not self.failures, self.failures

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.more()
        return self

    def __exit__(self, *failure):
        self.stop.set()
        for thread in self.threads:
            thread.join(30 * harness.PATIENCE)
        if failure[0] is None:
            assert not self.failures, self.failures


def stays_silent(program, event, seconds, **fields):
    """Nothing of this kind is logged for as long: for what must not be repeated."""
    before = len(program.find(event, **fields))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert len(program.find(event, **fields)) == before, program.tail(10)
        time.sleep(0.1)


def rename_into(path, content, mode=0o600):
    """Replaces a file as careful programs do."""
    path = pathlib.Path(path)
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.chmod(mode)
    new.rename(path)


def resident_kb(program):
    with open(f"/proc/{program.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])
