"""Three proxies of one cluster over three real NATS servers, and what happens to them.

Each NATS server and each proxy can be killed, frozen, thawed and started again by itself; the
servers' routes lead through trunks, which can be cut, frozen and slowed down.
"""
import contextlib
import itertools
import pathlib
import signal
import socket
import subprocess
import threading
import time

import harness
from harness import Server, connect, free_port, read_exactly, wait_for

SECRET = "0123456789abcdef" * 4
NODES = range(3)


class Trunk(Server):
    """A TCP line that can be cut, frozen and slowed down; .port leads to the target."""

    def __init__(self, target, change=None):
        """change(): for each line a function of what comes from the target, and instead of it."""
        self.target = target
        self.change = change or (lambda: lambda data: data)
        self.open = threading.Event()
        self.open.set()
        self.is_cut = False
        self.delay = 0.0
        self.lines = []
        super().__init__(self._carry)

    def cut(self):
        """All lines end with RST, and new ones are refused in the same way, until heal()."""
        self.is_cut = True
        for line in list(self.lines):
            self._reset(line)

    def freeze(self):
        self.open.clear()

    def heal(self):
        self.is_cut = False
        self.open.set()

    @staticmethod
    def _reset(line):
        for s in line:
            with contextlib.suppress(OSError):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                s.shutdown(socket.SHUT_RDWR)

    def _carry(self, near):
        if self.is_cut:
            return self._reset([near])
        try:
            far = self._reach()
        except OSError:
            return near.close()
        far.settimeout(None)
        line = near, far
        self.lines.append(line)
        back = threading.Thread(target=self._pass, args=(far, near, self.change()), daemon=True)
        back.start()
        self._pass(near, far, lambda data: data)
        back.join()
        near.close()
        far.close()

    def _reach(self):
        return connect(self.target)

    def _pass(self, source, sink, change):
        try:
            while data := source.recv(65536):
                self.open.wait()
                if self.delay:
                    time.sleep(self.delay)
                sink.sendall(change(data))
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._reset((source, sink))

    def close(self):
        self.open.set()
        super().close()
        self.cut()


class Balancer(Trunk):
    """Each line leads to the next of the targets, or the one behind it if that refuses."""

    def __init__(self, targets):
        self.targets = iter(targets)
        super().__init__(None)

    def _reach(self):
        for _ in NODES:
            with contextlib.suppress(OSError):
                return connect(next(self.targets))
        raise ConnectionRefusedError


class LostMessages:
    """Of what a NATS server says to a client, each `one_of`-th message is lost."""

    def __init__(self, one_of):
        self.one_of = one_of
        self.waiting = b""
        self.count = 0
        self.lost = 0

    def __call__(self, data):
        self.waiting += data
        kept = []
        while (end := self.waiting.find(b"\r\n")) >= 0:
            words = self.waiting[:end].split()
            size = end + 2
            is_message = words[:1] and words[0].upper() in (b"MSG", b"HMSG")
            if is_message:
                size += int(words[-1]) + 2
                if len(self.waiting) < size:
                    break
                self.count += 1
            if is_message and self.count % self.one_of == 0:
                self.lost += 1
            else:
                kept.append(self.waiting[:size])
            self.waiting = self.waiting[size:]
        return b"".join(kept)


class NatsServer:
    """One of a cluster of them. Its ports stay when it is started again."""

    def __init__(self, directory, number):
        self.port, self.route_port = free_port(), free_port()
        self.trunk = Trunk(self.route_port)  # how the others reach it
        self.config = pathlib.Path(directory) / f"nats-{number}.conf"
        self.log = self.config.with_suffix(".log")
        self.process = None
        self.number = number

    def start(self, others):
        routes = ", ".join(f"nats-route://127.0.0.1:{other.trunk.port}" for other in others)
        self.config.write_text(f"""
            server_name: n{self.number}
            listen: 127.0.0.1:{self.port}
            ping_interval: "1s"
            ping_max: 2
            cluster {{
                name: inout
                listen: 127.0.0.1:{self.route_port}
                advertise: "127.0.0.1:{self.trunk.port}"
                no_advertise: true
                routes: [{routes}]
            }}""")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(["nats-server", "-c", self.config], stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        wait_for(self._accepts, what="NATS server")

    def _accepts(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            with connect(self.port) as s:
                return s.recv(5) == b"INFO "
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            self.kill()
        self.trunk.close()


class Backend(Server):
    """Says its name, then what the client has said: 16 bytes that no other client says. Behind that
    it echoes; `reset`, in one piece, it answers with an RST."""

    def __init__(self, name):
        self.name = name
        self.heard = []
        super().__init__(self._answer)

    def _answer(self, s):
        token = read_exactly(s, 16)
        self.heard.append(token)
        s.sendall(self.name + token)
        while data := s.recv(65536):
            if data == b"reset":
                return harness.reset(s)
            s.sendall(data)
        s.close()


class Site:
    """The servers, the proxies, and the backends behind their outs."""

    def __init__(self, run, directory, proxy=None, cluster=None, servers=3, nats=True, pinned=False,
                 lines=None, env=None):
        """proxy: more keys of each one's configuration. cluster(site, number): the same of its
        `cluster`. servers: of NATS. nats: the servers run already. pinned: each
        proxy knows its own server only. lines: what Trunk may do to what each hears from NATS; then
        .trunks lead there. env: of each proxy's process, by its number."""
        self.run = run
        self.directory = pathlib.Path(directory)
        self.key = self.directory / "cluster.key"
        self.key.write_text(SECRET + "\n")
        self.key.chmod(0o600)
        self.more, self.pinned, self.env = proxy or {}, pinned, env or {}
        self.of_cluster = cluster or (lambda _site, _number: {})
        self.tokens = itertools.count(1)
        self.backends = []
        self.nats = [run.own(NatsServer(self.directory, number)) for number in range(servers)]
        self.trunks = [run.own(Trunk(each.port, lines)) for each in self.nats] if lines else []
        if nats:
            self.start_nats()
        self.ports = [free_port() for _ in NODES]
        self.proxies = [None for _ in NODES]
        for number in NODES:
            self.start_proxy(number)
        for proxy in self.proxies:
            proxy.wait_event("cluster connected" if nats else "listening")

    def start_nats(self):
        for number in range(len(self.nats)):
            self.restart_nats(number)

    def restart_nats(self, number):
        self.nats[number].start([other for other in self.nats if other is not self.nats[number]])

    def urls(self, number):
        """Where a proxy looks for NATS: its own server first."""
        ports = [trunk.port for trunk in self.trunks] or [each.port for each in self.nats]
        numbers = [number] if self.pinned else range(number, number + len(ports))
        return [f"nats://127.0.0.1:{ports[i % len(ports)]}" for i in numbers]

    def cluster_config(self, number):
        keys = {"nats": self.urls(number), "name": "test", "key_file": str(self.key),
                "address": f"127.0.0.1:{self.ports[number]}", **self.of_cluster(self, number)}
        return {name: value for name, value in keys.items() if value is not None}

    def start_proxy(self, number):
        config = {"port": self.ports[number], "cluster": self.cluster_config(number), **self.more}
        self.proxies[number] = self.run.proxy(config, env=self.env.get(number))
        return self.proxies[number]

    def backend(self, name):
        self.backends.append(self.run.own(Backend(name)))
        return self.backends[-1]

    def out(self, numbers, topics, name=b"1", config=None):
        """Registered at these proxies for these topics, with one backend of this name."""
        numbers, topics = harness.as_list(numbers), harness.as_list(topics)
        port = self.backend(name).port
        out = self.run.out([self.ports[number] for number in numbers],
                           {topic: port for topic in topics}, config)
        out.wait_event("registered", count=len(numbers) * len(topics))
        return out

    def in_(self, number, topics, config=None):
        """It asks this proxy."""
        return self.run.in_(self.ports[number], harness.as_list(topics), config)

    def ask(self, in_, topic=None, timeout=5.0):
        """The name of the backend that serves a new client; a failure raises."""
        token = b"%016x" % next(self.tokens)
        with connect(in_.port(**({"topic": topic} if topic else {})), timeout) as client:
            client.sendall(token)
            answer = harness.read_to_end(Half(client))
        assert answer[-16:] == token, answer
        return answer[:-16]

    def try_to_ask(self, in_, topic=None, timeout=5.0):
        """The same; nothing if it was not served."""
        try:
            return self.ask(in_, topic, timeout)
        except (OSError, EOFError):
            return None

    def wait_served(self, in_, topic=None, within=10.0, each=5.0):
        """Waits until a client is served, each for so long at most, and says by whom."""
        each = min(each, within)
        return wait_for(lambda: self.try_to_ask(in_, topic, each), within, "client that is served")

    @contextlib.contextmanager
    def stream(self, in_):
        """One that runs."""
        token = b"%016x" % next(self.tokens)
        with connect(in_.port()) as client:
            client.sendall(token)
            while not client.recv(64).endswith(token):
                pass
            yield client

    def check(self):
        """No client was heard by two."""
        heard = [token for backend in self.backends for token in backend.heard]
        assert len(heard) == len(set(heard)), "a client's bytes came twice"
        for proxy in self.proxies:
            for line in proxy.find("protocol error"):
                raise AssertionError(line)


class Half:
    """A client that has sent all that it says."""

    def __init__(self, client):
        client.shutdown(socket.SHUT_WR)
        self.recv = client.recv
