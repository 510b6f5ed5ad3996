"""What is measured side by side: our chain, the bare reference chains, and no hop at all.

A System is a record: the programs that it needs and how its chain is started. Ours is several of
them: plain, and encrypted in each way that it can be.
"""
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from process import Failed, Process, end, listening

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from harness import free_port  # noqa: E402

CERTS = ROOT / "scripts/certs.sh"
HOST = "127.0.0.1"
READY_TIMEOUT_S = 15.0


class Programs:
    """Where the executables are: ours in one directory, peers in INOUT_BENCH_PEERS or in PATH."""

    def __init__(self, ours):
        self.ours = pathlib.Path(ours)
        peers = os.environ.get("INOUT_BENCH_PEERS")
        # Debian keeps nginx, haproxy and sshd where the PATH of a user does not look.
        self.path = os.pathsep.join(
            filter(None, [peers, os.environ.get("PATH", os.defpath), "/usr/sbin"]))

    def find(self, name):
        own = self.ours / name
        found = own if own.exists() else shutil.which(name, path=self.path)
        if not found:
            raise Failed(f"{name} is not installed")
        return pathlib.Path(found)


class Chain:
    """One running system between the load and its backend; a context that ends what it started."""

    def __init__(self, programs):
        self.programs = programs
        self.hops = {}  # the system's own processes by name
        self.ready_ms = {}  # from a process's fork to its listener, and in all to the first byte
        self.port = None
        self._helpers = []

    def __enter__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="inout-bench-",
                                                      ignore_cleanup_errors=True)
        self.directory = pathlib.Path(self._temporary.name)
        # nginx's worker and the like may be another user than the one who runs this.
        self.directory.chmod(0o755)
        return self

    def __exit__(self, *_):
        try:
            end([*self._helpers, *reversed(self.hops.values())])
        finally:
            self._temporary.cleanup()

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    def hop(self, name, argv, port=None):
        """Starts one process of the system and waits until it listens, if it has a port."""
        program, *arguments = argv
        process = Process(name, [self.programs.find(program), *arguments], self.directory)
        self.hops[name] = process
        if port:
            process.wait_for(lambda: listening(port), f"listener on {port}", READY_TIMEOUT_S)
            self.ready_ms[name] = 1000 * (time.monotonic() - process.started)
        return process

    def helper(self, name, argv):
        """A process with pipes that is no part of the system: the load or its backend."""
        program, *arguments = argv
        process = Process(name, [self.programs.find(program), *arguments], self.directory,
                          talk=True)
        self._helpers.append(process)
        return process

    def start(self, system):
        """The backend, then the system in front of it, up to the first byte echoed through it."""
        answer = self.helper("backend", ["load", "serve", f"{HOST}:0"]).read_line(READY_TIMEOUT_S)
        backend = int(answer.split()[1])
        system.prepare(self)
        started = time.monotonic()
        self.port = system.start(self, backend)
        while not _echoes(self.port):
            for process in self.hops.values():
                process.check()
            if time.monotonic() > started + READY_TIMEOUT_S:
                said = "; ".join(f"{hop.name}: {hop.last_words()}" for hop in self.hops.values())
                raise Failed(f"nothing came through in {READY_TIMEOUT_S:.0f} s: {said}")
            time.sleep(0.001)
        self.ready_ms["first_byte"] = 1000 * (time.monotonic() - started)


def _echoes(port):
    """True if a byte comes back; a relay may listen before it has a way to the backend."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1) as client:
        client.sendall(b"Ex")
        return client.recv(1) == b"x"
    return False


def _nothing(_chain):
    pass


@dataclasses.dataclass(frozen=True)
class System:
    name: str
    about: str
    start: callable  # (Chain, backend's port) -> the port where clients connect
    needs: tuple = ()
    prepare: callable = _nothing  # what is no part of the start-up time: keys, certificates
    most_connections: int = 1_000_000
    ours: bool = False
    encrypted: bool = False  # or masked: stands in a group of its own, is asked for fewer figures
    version: tuple = ()  # arguments that make the first program print it

    def missing(self, programs):
        """Why this system can not run here, or nothing."""
        try:
            for name in self.needs:
                programs.find(name)
        except Failed as reason:
            return str(reason)
        return None

    def description(self, programs):
        """What it is, with its version if it tells."""
        if not self.version:
            return self.about
        done = subprocess.run([programs.find(self.needs[0]), *self.version], text=True, timeout=5,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        found = re.search(r"\d+\.\d[\w.-]*", done.stdout)
        return f"{self.about} ({found[0]})" if found else self.about


def chain_of(count, name, argv):
    """The start of so many equal hops; argv(port, target) is the command line of one."""
    def start(chain, target):
        for number in range(count, 0, -1):
            port = free_port()
            chain.hop(f"{name}{number}", argv(port, target), port)
            target = port
        return target
    return start


def inout_keys(chain):
    """A CA, the proxy's certificate, and a key for end-to-end encryption."""
    subprocess.run([CERTS, chain.directory, "server", HOST], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    subprocess.run([chain.programs.find("in"), "--new-key", chain.directory / "e2e.key"],
                   check=True, stdout=subprocess.DEVNULL)


def inout_start(chain, backend, topics=("default",), tls=False, e2e=False,
                websocket=False):
    """proxy, out, in with nothing but their defaults, and what encryption needs."""
    relay = free_port()
    proxy = {"bind": HOST, "port": relay}
    network = {"server_host": HOST, "server_port": relay}
    if websocket:
        network = {"servers": [f"ws://{HOST}:{relay}/inout"]}
    if tls:
        proxy["tls"] = {"cert": f"{HOST}.crt", "key": f"{HOST}.key"}
        network["tls"] = {"ca": "ca.crt"}
    if e2e:
        network["e2e"] = {"key_file": "e2e.key"}

    def program(name, config, port=None):
        chain.hop(name, [name, "--config", chain.write(f"{name}.json", config)], port)

    program("proxy", proxy, relay)
    program("out", {"networks": [network | {"backend_host": HOST, "backend_port": backend,
                                            "topic": topic} for topic in topics]})
    port = free_port()
    program("in", {"networks": [network | {"bind": HOST, "port": port, "topic": topics[0]}]}, port)
    return port


def inout(name, about, **mode):
    """Ours in one mode: `tls` on both legs, `e2e` from in to out, or both; over `websocket`."""
    return System(name, f"in, proxy, out: 3 hops, {about}",
                  functools.partial(inout_start, **mode), needs=("in", "proxy", "out"), ours=True,
                  encrypted=bool(mode), prepare=inout_keys if mode else _nothing,
                  version=("--version",))


OURS = [inout("inout", "plain"),
        inout("inout-tls", "TLS on both legs", tls=True),
        inout("inout-e2e", "encrypted end to end", e2e=True),
        inout("inout-tls-e2e", "TLS on both legs, and end to end inside", tls=True, e2e=True),
        inout("inout-ws", "WebSocket on both legs", websocket=True),
        inout("inout-ws-tls", "WebSocket on both legs, and TLS inside", websocket=True, tls=True)]
REFERENCES = [
    System("raw", "raw_relay: 3 hops, epoll and splice by hand",
           chain_of(3, "hop", lambda port, target: ["raw_relay", port, target]), ("raw_relay",)),
    System("asio", "asio_relay: 3 hops, asio's coroutines",
           chain_of(3, "hop", lambda port, target: ["asio_relay", port, target]), ("asio_relay",)),
    System("direct", "no hop", lambda chain, backend: backend),
]
