"""What a service manager hears of each program, where systemd can not be the first process: that it
serves, reads its configuration anew, ends, how it is, and that it is alive."""
import signal

import pytest

from harness import connect, echo_server, expect_echo, free_port
from manager import Manager

PROGRAMS = ("in", "out", "proxy")


@pytest.fixture
def manager(run, tmp_path):
    return run.own(Manager(tmp_path))


def heard(manager, **more):
    return {"NOTIFY_SOCKET": manager.path, **more}


def start(run, manager, name, **more):
    """One of a chain's programs, which the manager hears."""
    proxy = run.proxy(**({"env": heard(manager, **more)} if name == "proxy" else {}))
    if name == "proxy":
        return proxy
    env = heard(manager, **more)
    return (run.in_(proxy, ["a"], env=env) if name == "in" else
            run.out(proxy, {"a": echo_server(run).port}, env=env))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_that_it_serves_reloads_and_stops(run, manager, name):
    program = start(run, manager, name)
    manager.wait_for("READY=1", program.pid)
    manager.wait_for("STATUS=ready, 0 streams", program.pid)
    program.signal(signal.SIGHUP)
    program.wait_event("reloaded")
    manager.wait_for("READY=1", program.pid, count=2)
    assert program.stop() == 0
    manager.wait_for("STOPPING=1", program.pid)
    lines = [line for line in manager.lines(program.pid) if not line.startswith("STATUS=")]
    assert lines[0] == "READY=1" and lines[1] == "RELOADING=1" and lines[-1] == "STOPPING=1"
    assert lines[2].startswith("MONOTONIC_USEC=") and lines[3] == "READY=1"
    assert not any(line == "WATCHDOG=1" for line in lines)  # nobody has asked for it


def test_a_reload_that_fails_ends_too_and_its_reason_is_the_status(run, manager):
    proxy = start(run, manager, "proxy")
    manager.wait_for("READY=1", proxy.pid)
    proxy.configure({"prot": 1})
    proxy.signal(signal.SIGHUP)
    proxy.wait_event("not reloaded")
    manager.wait_for("READY=1", proxy.pid, count=2)
    status = [line for line in manager.lines(proxy.pid) if line.startswith("STATUS=")][-1]
    assert "not reloaded" in status and '"prot"' in status


def test_why_it_is_not_ready_is_the_status(run, manager):
    nobody = free_port()
    out = run.out(nobody, {"a": 1}, env=heard(manager))
    manager.wait_for("STATUS=not ready: 1 of its topics are not registered, 0 streams", out.pid)
    run.proxy({"port": nobody})
    manager.wait_for("STATUS=ready, 0 streams", out.pid)


def test_streams_are_in_the_status(run, manager):
    proxy = run.proxy(env=heard(manager))
    run.out(proxy, {"a": echo_server(run).port}).wait_event("registered")
    in_ = run.in_(proxy, ["a"])
    with connect(in_.port(topic="a")) as client:
        expect_echo(client)
        manager.wait_for("STATUS=ready, 1 stream", proxy.pid)
        proxy.signal(signal.SIGTERM)
        manager.wait_for("STATUS=draining, 1 stream left", proxy.pid)
    assert proxy.stop() == 0


def test_a_watched_program_says_that_it_is_alive_until_it_is_not(run, manager):
    program = start(run, manager, "out", WATCHDOG_USEC="60000000")
    manager.wait_for("WATCHDOG=1", program.pid, count=2)
    program.signal(signal.SIGSTOP)
    before = manager.lines(program.pid).count("WATCHDOG=1")
    program.signal(signal.SIGCONT)
    manager.wait_for("WATCHDOG=1", program.pid, count=before + 1)
