"""SIGUSR2: the next process of a program takes over, and no client notices."""
import os
import pathlib
import shutil
import signal
import socket
import sys
import threading
import time

import pytest

import secure
from harness import (BIN, PATIENCE, Chain, connect, echo_server, expect_echo, expect_reset,
                     free_port, read_exactly, wait_for)
from legacy import LegacyIn, LegacyOut
from manager import Manager

UPGRADES = 10
LONG_STREAMS = 50
NEW_STREAMS_PER_SECOND = 200

# Starts a program as a service manager does that listens for it: at argv[1], as descriptor 3.
ACTIVATE = """
import os, socket, sys
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="echo.socket", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""

# Lies where a program's next version is expected: says that it serves, takes the first word that it
# is told then, and dies.
DIES_WHEN_IT_TAKES_OVER = """#!{python}
import os, socket
channel = socket.socket(fileno=int(os.environ["INOUT_UPGRADE"]))
channel.setblocking(True)
while channel.recv(1024) != b"that is all":
    pass
channel.send(b"serves")
assert channel.recv(1024)[:1] == b"="
"""


def has_ended(pid):
    """Its parent has perhaps ended before, and whoever has it now need not have asked yet."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rsplit(")", 1)[1].split()[0] == "Z"


class Line:
    """A program and those that take over from it, which write into the same log."""

    def __init__(self, program):
        self.program = program
        self.pids = [program.pid]
        program.expected_end = True

    @property
    def pid(self):
        return self.pids[-1]

    def upgrade(self):
        os.kill(self.pid, signal.SIGUSR2)
        done = self.program.wait_event("upgraded", timeout=30, count=len(self.pids))
        self.pids.append(done["pid"])

    def wait_end(self, pid, timeout=15):
        if pid == self.program.pid:
            assert self.program.process.wait(timeout * PATIENCE) == 0
        else:
            wait_for(lambda: has_ended(pid), timeout, f"end of {pid}")

    def end_quickly(self):
        for pid in self.pids[1:]:
            end = time.monotonic() + 10 * PATIENCE
            while not has_ended(pid):
                assert time.monotonic() < end, f"{pid} does not end"
                os.kill(pid, signal.SIGTERM)
                time.sleep(0.05)


@pytest.fixture
def line_of(run):
    return lambda program: run.own(Line(program))


class Load:
    """New clients at a steady pace, each of which asks for an echo and ends."""

    def __init__(self, port, per_second=NEW_STREAMS_PER_SECOND):
        self.port, self.per_second = port, per_second
        self.served, self.failures = 0, []
        self.stopping = False
        self.threads = [threading.Thread(target=self._run) for _ in range(8)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        pause = len(self.threads) / self.per_second
        while not self.stopping:
            begun = time.monotonic()
            try:
                with connect(self.port) as client:
                    client.sendall(b"12345678")
                    assert read_exactly(client, 8) == b"12345678"
                self.served += 1
            except (OSError, AssertionError, EOFError) as e:
                self.failures.append(repr(e))
            time.sleep(max(0.0, begun + pause - time.monotonic()))

    def close(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("name", ["in_", "out"])
def test_ten_upgrades_under_load_fail_nobody(run, line_of, name):
    chain = run.chain(echo_server(run).port)
    line = line_of(getattr(chain, name))
    streams = [chain.connect() for _ in range(LONG_STREAMS)]
    for stream in streams:
        expect_echo(stream)
    load = run.own(Load(chain.port))
    for _ in range(UPGRADES):
        served = load.served
        line.upgrade()
        for stream in streams:
            expect_echo(stream)
        wait_for(lambda: load.served > served + 20 or load.failures, 30, "clients that are served")
    load.close()
    assert load.failures == []
    # The first one has its streams, those between had none that lasted, the last one serves.
    for pid in line.pids[1:-1]:
        line.wait_end(pid)
    assert not has_ended(line.pids[0]) and not has_ended(line.pid)
    for stream in streams:
        expect_echo(stream)
        stream.close()
    line.wait_end(line.pids[0])
    with chain.connect() as client:
        expect_echo(client)


def test_the_ports_that_the_kernel_chose_stay_with_their_topics(run, line_of):
    proxy = run.proxy()
    out = run.out(proxy, {f"topic{i}": echo_server(run).port for i in range(3)})
    out.wait_event("registered", count=3)
    in_ = run.in_(proxy, ["topic0", "topic1", "topic2"])
    before = {i: in_.port(topic=f"topic{i}") for i in range(3)}
    # The next process finds one topic less: that place goes with the last stream of the old one.
    in_.configure({**in_.config, "networks": in_.config["networks"][1:]})
    line = line_of(in_)
    line.upgrade()
    line.wait_end(in_.pid)
    assert [e["topic"] for e in in_.find("listening")] == ["topic0", "topic1", "topic2",
                                                           "topic1", "topic2"]
    for i in (1, 2):
        assert [e["address"] for e in in_.find("listening", topic=f"topic{i}")] == (
            2 * [f"127.0.0.1:{before[i]}"])
        with connect(before[i]) as client:
            expect_echo(client)
    assert in_.find("socket not used")[0]["level"] == "warning"
    with pytest.raises(ConnectionRefusedError):
        connect(before[0])


@pytest.mark.parametrize("name", ["in_", "proxy"])
def test_a_new_process_that_can_not_start_changes_nothing(run, line_of, name):
    chain = run.chain(echo_server(run).port)
    program = getattr(chain, name)
    good = program.config
    program.configure("{")
    program.signal(signal.SIGUSR2)
    failed = program.wait_event("not upgraded", timeout=30)
    assert failed["level"] == "error" and "its own log says why" in failed["reason"]
    with chain.connect() as client:
        expect_echo(client)
    assert any("config" in text or ".json" in text for text in program.other_output)
    # And the next one can.
    program.configure(good)
    line = line_of(program)
    line.upgrade()
    line.wait_end(program.pid)
    with chain.connect() as client:
        expect_echo(client)
    if name == "proxy":
        assert len({e["proxy"] for e in program.find("listening")}) == 1


def test_the_old_process_ends_on_its_own_signal_within_drain_timeout(run, line_of):
    chain = run.chain(echo_server(run).port, in_={"drain_timeout": 300})
    line = line_of(chain.in_)
    with chain.connect() as stream:
        expect_echo(stream)
        line.upgrade()
        expect_echo(stream)
        chain.in_.signal(signal.SIGTERM)
        expect_reset(stream)
    line.wait_end(chain.in_.pid)
    with chain.connect() as client:
        expect_echo(client)


def test_the_admin_listener_goes_over_too(run, line_of, tmp_path):
    path = tmp_path / "admin.sock"
    chain = run.chain(echo_server(run).port, in_={"admin": {"unix": str(path)}})
    line = line_of(chain.in_)
    line.upgrade()
    line.wait_end(chain.in_.pid)
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(path))
        visitor.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert visitor.recv(100).startswith(b"HTTP/1.1 200 ")
    line.end_quickly()
    assert not path.exists()


def test_a_service_manager_may_have_bound_the_port_and_is_told_of_the_new_process(run, line_of,
                                                                                 tmp_path):
    manager = run.own(Manager(tmp_path))
    port = free_port()
    proxy = run.proxy()
    run.out(proxy, {"echo": echo_server(run).port}).wait_event("registered")
    config = {"networks": [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": port,
                            "topic": "echo"}],
              "first_look": "off"}
    in_ = run.program("in", secure.protect_client("in", config),
                      prefix=(sys.executable, "-c", ACTIVATE, str(port)),
                      env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "60000000"})
    assert in_.port(topic="echo") == port
    manager.wait_for("READY=1", in_.pid)
    with connect(port) as client:
        expect_echo(client)
    line = line_of(in_)
    line.upgrade()
    assert in_.find("socket not used") == []
    manager.wait_for(f"MAINPID={line.pid}", in_.pid)
    for told in ("READY=1", "WATCHDOG=1"):
        manager.wait_for(told, line.pid)
    assert "STOPPING=1" not in manager.lines(in_.pid)  # the service goes on
    with connect(port) as client:
        expect_echo(client)


@pytest.fixture
def proxy_chain(run):
    """A chain whose proxy has 0.0.1 programs as well: an out, for the topic "old", and an in."""
    backend = echo_server(run).port
    chain = Chain()
    chain.proxy = run.proxy({"tls": secure.proxy_tls(mode="optional")} if secure.TLS else {})
    chain.out = run.out(chain.proxy, {"default": backend, "other": backend})
    chain.out.wait_event("registered", count=2)
    chain.old_out = run.own(LegacyOut(chain.proxy.port(), {"old": backend}))
    chain.old_out.wait_registered()
    chain.in_ = run.in_(chain.proxy, ["default", "old"])
    chain.port = chain.in_.port(topic="default")
    chain.old_in = run.own(LegacyIn(chain.proxy.port(), "default"))
    return chain


def test_ten_upgrades_of_the_proxy_fail_nobody_whom_an_old_out_does_not_cut(run, line_of,
                                                                           proxy_chain):
    chain = proxy_chain
    line = line_of(chain.proxy)
    streams = [chain.connect() for _ in range(LONG_STREAMS)]
    for stream in streams:
        expect_echo(stream)
    load = run.own(Load(chain.port))
    old_in = run.own(Load(chain.old_in.port(), per_second=20))
    old_out = run.own(Load(chain.in_.port(topic="old"), per_second=20))
    loads = [load, old_in, old_out]
    for _ in range(UPGRADES):
        line.upgrade()
        served = [each.served for each in loads]
        for stream in streams:
            expect_echo(stream)
        wait_for(lambda: load.failures or old_in.failures or
                 all(each.served > before + 2 for each, before in zip(loads, served)),
                 30, "clients that are served")
    for each in loads:
        each.close()
    assert load.failures == old_in.failures == []
    # What it cuts was open, or on its way to it: none of those who came meanwhile was refused.
    refused = chain.in_.find("open_failed")
    assert {(line["topic"], line["detail"]) for line in refused} <= {
        ("old", "out ended with the first bytes")}
    assert chain.out.find("another proxy answered") == chain.out.find("disconnected") == []
    for pid in line.pids[1:-1]:
        line.wait_end(pid)
    assert not has_ended(line.pids[0]) and not has_ended(line.pid)
    for stream in streams:
        expect_echo(stream)
        stream.close()
    line.wait_end(line.pids[0])
    with chain.connect() as client:
        expect_echo(client)


def test_a_new_proxy_that_dies_when_it_takes_over_changes_nothing(run, line_of, tmp_path):
    path = tmp_path / "proxy"
    shutil.copy(BIN / "proxy", path)
    proxy = run.program(str(path), secure.protect_proxy({"port": 0}))
    out = run.out(proxy, {"default": echo_server(run).port})
    out.wait_event("registered")
    in_ = run.in_(proxy, ["default"])
    load = run.own(Load(in_.port(), per_second=50))
    path.rename(tmp_path / "good")
    path.write_text(DIES_WHEN_IT_TAKES_OVER.format(python=sys.executable))
    path.chmod(0o755)
    proxy.signal(signal.SIGUSR2)
    failed = proxy.wait_event("not upgraded", timeout=30)
    assert failed["reason"] == "the new process ended when it took over"
    served = load.served
    wait_for(lambda: load.served > served + 20 or load.failures, 30, "clients that are served")
    (tmp_path / "good").replace(path)
    line = line_of(proxy)
    line.upgrade()
    line.wait_end(proxy.pid)
    load.close()
    assert load.failures == [] and out.find("disconnected") == []
