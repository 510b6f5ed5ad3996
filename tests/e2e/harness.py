"""Starts the real programs and the small servers that the end-to-end tests talk to.

Everything listens on loopback with port 0; addresses are read from the programs' JSON log.
A test owns what it starts through the `run` fixture (conftest.py), which ends every process by
its pid and fails the test if a program ended in an unexpected way or a sanitizer spoke.
"""
import json
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import secure

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("INOUT_BIN", ROOT / "build/release/bin"))
# What happens between workers happens in every test, however few processors there are.
TWO_THREADS = {"threads": 2}
# Sanitized builds are slower; every deadline of a test is multiplied by this.
PATIENCE = float(os.environ.get("INOUT_TEST_PATIENCE", "1"))
# A library that all programs get preloaded (tests/CMakeLists.txt).
PRELOADED = {"LD_PRELOAD": str(BIN / preload)} if (preload := os.environ.get("INOUT_TEST_PRELOAD")) else {}


def wait_for(condition, timeout=10.0, what="condition"):
    """Waits until condition() is true and returns its value; fails loudly after the timeout."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {timeout * PATIENCE:.0f} s")
        time.sleep(0.01)


class Program:
    """One of in, out, proxy, with its JSON log parsed as it comes."""

    def __init__(self, name, config=None, args=(), prefix=(), level="debug", env=None, folder=None):
        """level: of the log, by a flag; None: as the configuration says. folder: where it is, if it
        is another place than all programs that are tested have."""
        self.name = name
        self.config = config
        self.events = []
        self.other_output = []
        self.expected_end = False
        command = [*prefix, str((folder or BIN) / name), "--log-format", "json"]
        command += ["--log-level", level] if level else []
        self.config_file = None
        if config is not None:
            self.config_file = tempfile.NamedTemporaryFile("w", suffix=".json")
            self.configure(config)
            command += ["--config", self.config_file.name]
        command += list(args)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, **PRELOADED, **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def configure(self, config):
        """Replaces its file by this (a dictionary, or the text); reloads.py makes it read it. Who
        reads meanwhile sees one or the other."""
        self.config = config
        new = pathlib.Path(self.config_file.name + ".new")
        new.write_text(config if isinstance(config, str) else json.dumps(config))
        new.replace(self.config_file.name)

    def _read(self):
        for line in self.process.stdout:
            try:
                self.events.append(json.loads(line))
            except ValueError:
                self.other_output.append(line.decode(errors="replace"))

    @property
    def pid(self):
        return self.process.pid

    def find(self, event, **fields):
        """All log lines so far of this event with these fields."""
        return [e for e in list(self.events)
                if e.get("event") == event and all(e.get(k) == v for k, v in fields.items())]

    def wait_event(self, event, timeout=10.0, count=1, **fields):
        """Waits for the count-th line of this event and returns it."""
        def found():
            if len(self.find(event, **fields)) < count and self.process.poll() is not None:
                self.reader.join(2)
                if len(self.find(event, **fields)) < count:
                    raise AssertionError(f"{self.name} ended with {self.process.returncode} "
                                         f"before '{event}':\n{self.tail()}")
            return len(self.find(event, **fields)) >= count
        try:
            wait_for(found, timeout, f"'{event}' {fields} in the log of {self.name}")
        except TimeoutError as e:
            raise TimeoutError(f"{e}\n{self.tail()}") from None
        return self.find(event, **fields)[count - 1]

    def tail(self, lines=40):
        return "\n".join([json.dumps(e) for e in self.events[-lines:]] + self.other_output[-lines:])

    def port(self, **fields):
        """The port that the kernel chose for the listener with these fields (topic="…")."""
        return int(self.wait_event("listening", **fields)["address"].rsplit(":", 1)[1])

    def status(self):
        """The program's counters now (SIGUSR1): streams, opening, sockets, pipes, parked, …"""
        before = len(self.find("status"))
        self.signal(signal.SIGUSR1)
        return self.wait_event("status", count=before + 1)

    def wait_idle(self, timeout=15.0):
        """Waits until no stream, opening or pipe is left and returns the status."""
        def idle():
            status = self.status()
            return status if status["streams"] == status["opening"] == status["pipes"] == 0 else None
        return wait_for(idle, timeout, f"idle {self.name}")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def signal(self, number):
        """A program that is to stop has stopped afterwards, with all its threads."""
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            wait_for(lambda: set(self._thread_states()) == {"T"}, what=f"stop of {self.name}")

    def _thread_states(self):
        for stat in pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat"):
            yield stat.read_text().rsplit(")", 1)[1].split()[0]

    def kill(self):
        """kill -9, as an expected end."""
        self.expected_end = True
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=15.0):
        """SIGTERM and the exit code."""
        self.expected_end = True
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end on SIGTERM:\n{self.tail()}") from None
        self.reader.join(5)
        return code

    def end_quickly(self):
        """Teardown: the second SIGTERM skips the drain; then checks how it ended.

        Two that are pending at once are one, so it is sent until the program has ended.
        """
        unexpected = self.process.poll() is not None and not self.expected_end
        end = time.monotonic() + 10 * PATIENCE
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.process.kill()
                unexpected = True
            self.process.terminate()
            try:
                self.process.wait(0.3)
            except subprocess.TimeoutExpired:
                continue
        self.reader.join(5)
        text = "".join(self.other_output)
        if unexpected or "Sanitizer" in text or "runtime error:" in text:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.tail(80)}")


class Runner:
    """Starts things and ends them again; what the `run` fixture yields."""

    def __init__(self):
        self.things = []

    def own(self, thing):
        self.things.append(thing)
        return thing

    def program(self, name, config=None, args=(), **options):
        return self.own(Program(name, config, args, **options))

    def proxy(self, config=None, **options):
        config = {"port": 0, **TWO_THREADS, **(config or {})}
        return self.program("proxy", secure.protect_proxy(config), **options)

    def out(self, proxies, topics, config=None, **options):
        """topics: {topic: backend port}; registers each topic at each proxy (Program or port)."""
        networks = [{"server_host": "127.0.0.1", "server_port": port_of(proxy),
                     "backend_host": "127.0.0.1", "backend_port": port, "topic": topic}
                    for topic, port in topics.items() for proxy in as_list(proxies)]
        config = {"networks": networks, "retry_interval": 200, **TWO_THREADS, **(config or {})}
        return self.program("out", secure.protect_client("out", config), **options)

    def in_(self, proxy, topics, config=None, **options):
        networks = [{"server_host": "127.0.0.1", "server_port": port_of(proxy), "bind": "127.0.0.1",
                     "port": 0, "topic": topic} for topic in topics]
         # Tests count what in does for its clients; tests/issues/test_links.py has the first look.
        config = {"networks": networks, "first_look": "off", **TWO_THREADS, **(config or {})}
        return self.program("in", secure.protect_client("in", config), **options)

    def chain(self, backend_port, topic="default", proxy=None, out=None, in_=None):
        """The whole system for one topic, registered and listening: a Chain."""
        chain = Chain()
        chain.proxy = self.proxy(proxy)
        chain.out = self.out(chain.proxy, {topic: backend_port}, out)
        chain.out.wait_event("registered", topic=topic)
        chain.in_ = self.in_(chain.proxy, [topic], in_)
        chain.port = chain.in_.port(topic=topic)
        return chain

    def end(self):
        errors = []
        for thing in reversed(self.things):
            try:
                getattr(thing, "end_quickly", getattr(thing, "close", None))()
            except Exception as e:  # every process must be ended, whatever the first one said
                errors.append(str(e))
        if errors:
            raise AssertionError("\n".join(errors))


class Chain:
    """proxy, out, in_ (Programs) and port, where in listens."""

    def connect(self, timeout=20.0):
        return connect(self.port, timeout)

    def all(self):
        return [self.in_, self.proxy, self.out]

    def wait_idle(self):
        return [program.wait_idle() for program in self.all()]


def as_list(value):
    return value if isinstance(value, (list, tuple)) else [value]


def port_of(thing):
    return thing if isinstance(thing, int) else thing.port()


# What free_port gives, each once: a test may ask for a second port before it uses the first.
_ports = iter(random.sample(range(20_000, 32_768), 12_768))


def free_port():
    """A free port for a program that is restarted on it, or can not report the kernel's choice.
    One that has to refuse is refusing_port's.

    Below 32768, so that no outgoing connection takes it in the meantime (ip_local_port_range).
    """
    for port in _ports:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def refusing_port(run):
    """A port that is bound but does not listen: it refuses, and nobody else can take it."""
    s = run.own(socket.socket())
    s.bind(("127.0.0.1", 0))
    return s.getsockname()[1]


def connect(port, timeout=20.0):
    s = socket.create_connection(("127.0.0.1", port), timeout * PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_exactly(s, size):
    data = bytearray()
    while len(data) < size:
        part = s.recv(min(65536, size - len(data)))
        if not part:
            raise EOFError(f"end after {len(data)} of {size} bytes")
        data += part
    return bytes(data)


def read_to_end(s):
    """Everything until a clean end; an RST raises ConnectionResetError."""
    parts = []
    while part := s.recv(65536):
        parts.append(part)
    return b"".join(parts)


def expect_echo(s, data=b"still here"):
    """A running stream to an echo server runs."""
    s.sendall(data)
    assert read_exactly(s, len(data)) == data


def expect_reset(s):
    """The next thing to come is an RST."""
    with s:
        try:
            data = s.recv(1)
        except ConnectionResetError:
            return
    raise AssertionError(f"{data} instead of an RST")


def expect_refused(port):
    """Nobody listens there."""
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return
    raise AssertionError(f"somebody listens at port {port}")


def expect_failed_open(port, timeout=20.0):
    """A client's connection ends in an RST, which may come before its connect(2) has returned."""
    try:
        s = connect(port, timeout)
    except ConnectionResetError:
        return
    expect_reset(s)


def reset(s):
    """Closes with RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class Server:
    """A backend: calls handler(socket) in a thread for each connection; .port, .connections."""

    def __init__(self, handler, port=0, family=socket.AF_INET, host="127.0.0.1"):
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.port = self.listener.getsockname()[1]
        self._accept_with(handler)

    def _accept_with(self, handler):
        """self.listener is bound."""
        self.listener.listen(512)
        self.connections = []
        self.handler = handler
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            if s.family != socket.AF_UNIX:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(s)
            threading.Thread(target=self._handle, args=(s,), daemon=True).start()

    def _handle(self, s):
        try:
            self.handler(s)
        except OSError:
            pass

    def close(self):
        # shutdown wakes the accept; close alone would leave it waiting
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for s in self.connections:
            s.close()


def echo(s):
    """Echoes until the client ends sending, then ends too."""
    while data := s.recv(65536):
        s.sendall(data)
    s.close()


def echo_server(run, **options):
    return run.own(Server(echo, **options))
