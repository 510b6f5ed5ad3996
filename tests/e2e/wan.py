"""Three network namespaces in a row, joined by two wanlinks, for tests of a network that fails.

    a (client side, `in`)  ──line ar──  r (relay, `proxy`)  ──line rc──  c (service side, `out`)

The namespaces have no names: this process holds them by descriptors, so that the kernel removes
them with everything inside however the test ends. Programs enter by nsenter(1), sockets of the
test itself are made in a thread that enters by setns(2) and stay in their namespace for life.
"""
import concurrent.futures
import contextlib
import ctypes
import os
import signal
import subprocess

import harness
import secure

CLONE_NEWNET = 0x40000000  # <linux/sched.h>
LIBC = ctypes.CDLL(None, use_errno=True)
# The relay's addresses as seen from a and from c, and theirs as seen from the relay.
A, R_FROM_A = "10.99.1.1", "10.99.1.2"
C, R_FROM_C = "10.99.2.1", "10.99.2.2"


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def new_namespace():
    """A descriptor of a fresh network namespace; the calling thread stays where it is. The programs'
    own ports are nobody's local port there."""
    def make():
        check(LIBC.unshare(CLONE_NEWNET), "unshare")
        with contextlib.suppress(OSError):  # /proc/sys may be read-only in a container
            with open("/proc/sys/net/ipv4/ip_local_reserved_ports", "w") as ports:
                ports.write("40001-40003")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    return in_thread(make)


def inside(namespace, function, *args, **options):
    """Calls it in the namespace; sockets and threads that it makes belong there."""
    def enter():
        check(LIBC.setns(namespace, CLONE_NEWNET), "setns")
        return function(*args, **options)
    return in_thread(enter)


def path_of(namespace):
    return f"/proc/{os.getpid()}/fd/{namespace}"


def prefix(namespace):
    """What a command line begins with to run there; it dies with the thread that started it."""
    return ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={path_of(namespace)}"]


def in_thread(function):
    """Runs it in a thread of its own, which takes whatever namespace it entered to its grave."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()


def require(met, reason):
    """What this machine does not allow is a skip that says so; where nothing may be skipped (CI,
    INOUT_REQUIRE_ALL=1) a failure."""
    if met:
        return
    import pytest  # here, because the WAN bench uses this file on machines without it
    if os.environ.get("INOUT_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def require_name_files():
    """A test that resolves names by files of its own mounts them over the machine's; a bare container
    has none."""
    for file in ("/etc/hosts", "/etc/nsswitch.conf"):
        require(os.path.exists(file), f"{file} is not there to mount another one over: touch {file}")


class Line:
    """One wanlink process."""

    def __init__(self, *command):
        self.silent = False
        # wanlink ends with the thread that started it: lines are made by the main thread
        self.process = subprocess.Popen([str(harness.BIN / "wanlink"), *command],
                                        stdout=subprocess.PIPE, text=True)
        self.expect("up")

    def expect(self, state):
        line = self.process.stdout.readline().strip()
        if line != state:
            raise AssertionError(f"wanlink said '{line}', not '{state}'")

    def cut(self):
        """From here on every packet is swallowed and nobody is told."""
        if not self.silent:
            self._turn("silent")

    def mend(self):
        if self.silent:
            self._turn("up")

    def _turn(self, state):
        self.process.send_signal(signal.SIGUSR1)
        self.expect(state)
        self.silent = not self.silent

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


class Wan:
    """The three namespaces and their two lines; owned by a Runner, which closes it."""

    def __init__(self, run, seed=1, **line):
        """line: the options of both wanlinks (delay_ms=…); they do not lose the same packets."""
        require(os.geteuid() == 0, "network namespaces and TUN devices need root")
        self.run = run
        self.namespaces = {place: new_namespace() for place in "arc"}
        # first in, last out: the programs inside end before their network does
        run.own(self)
        line.setdefault("delay_ms", 5)
        options = [text for name, value in line.items()
                   for text in ("--" + name.replace("_", "-"), str(value))]
        a, r, c = (path_of(self.namespaces[place]) for place in "arc")
        self.ar = run.own(Line(a, A, r, R_FROM_A, "--name", "ar", "--seed", f"{seed}", *options))
        self.rc = run.own(Line(r, R_FROM_C, c, C, "--name", "rc", "--seed", f"{seed}0", *options))

    def settle(self):
        """Waits until everything sent is acknowledged, so that a cut meets idle connections."""
        def unacknowledged(place):
            table = self.inside(place, subprocess.run, ["ss", "-Htn"], capture_output=True,
                                text=True, check=True)
            return [line for line in table.stdout.splitlines() if line.split()[2] != "0"]
        harness.wait_for(lambda: not any(map(unacknowledged, self.namespaces)),
                         what="acknowledgement of all bytes")

    def inside(self, place, function, *args, **options):
        return inside(self.namespaces[place], function, *args, **options)

    def prefix(self, place):
        return prefix(self.namespaces[place])

    def program(self, place, name, config, **options):
        return self.run.program(name, config, prefix=self.prefix(place), **options)

    def server(self, handler):
        """A backend beside `out`."""
        return self.run.own(self.inside("c", harness.Server, handler))

    def chain(self, backend, topic="default", proxy=None, out=None, in_=None, **options):
        """The whole system over the two lines, like Runner.chain; options are those of Program."""
        chain = harness.Chain()
        chain.proxy = self.program("r", "proxy", secure.protect_proxy(
            {"bind": "0.0.0.0", "port": 0, **(proxy or {})}), **options)
        port = chain.proxy.port()
        chain.out = self.program("c", "out", secure.protect_client("out", {
            "networks": [{"server_host": R_FROM_C, "server_port": port, "topic": topic,
                          "backend_host": "127.0.0.1", "backend_port": backend.port}],
            "retry_interval": 200, **(out or {})}), **options)
        chain.out.wait_event("registered", topic=topic)
        chain.in_ = self.program("a", "in", secure.protect_client("in", {
            "networks": [{"server_host": R_FROM_A, "server_port": port, "topic": topic,
                          "bind": "127.0.0.1", "port": 0}],
            "first_look": "off", **(in_ or {})}), **options)
        chain.port = chain.in_.port(topic=topic)
        chain.connect = lambda timeout=20.0: self.inside("a", harness.connect, chain.port, timeout)
        return chain

    def close(self):
        for descriptor in self.namespaces.values():
            os.close(descriptor)
