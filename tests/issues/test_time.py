"""The wall clock of the programs goes on by an hour, a day, a year, or is set back, while they run.

What has a lifetime by it (tickets, proofs, certificates, the session that carries a pre-shared key)
must end when it should, and nothing else may. Timers go by the steady clock, which stays; unit
tests move that one. See moved_clock.cpp.
"""
import datetime
import subprocess

import pytest

import secure
from attack import auth, holder, key_entry
from harness import (TWO_THREADS, Chain, connect, echo, echo_server, expect_echo,
                     expect_failed_open, wait_for)
from wall_clock import WallClock
from wan import R_FROM_A, R_FROM_C, Wan

pytestmark = pytest.mark.plain_only  # what protects a stream is chosen here

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY
# Where programs start, after the true time: certificates of the tests do not begin before that.
START = 2 * DAY
# One after the other, each counted from START.
JUMPS = [6 * MINUTE, HOUR, 3 * HOUR, DAY, YEAR, 0, -DAY]


def mutual_tls():
    return secure.proxy_tls(client_ca=str(secure.certificates() / "ca.crt"))


# How the proxy, in and out, and a network of theirs are configured.
PROTECTIONS = {
    "plain": lambda: ({}, {}, {}),
    "keys": lambda: ({"auth": {"keys": [key_entry()]}}, holder(tls=False), {}),
    "tls": lambda: ({"tls": mutual_tls()}, {"tls": secure.client_tls("in")}, {}),
    "keys and tls": lambda: ({"auth": auth(), "tls": mutual_tls()}, holder(), {}),
    "e2e": lambda: ({}, {}, {"e2e": {"key_file": secure.secret("e2e.key")}}),
    "tls and e2e": lambda: ({"tls": mutual_tls()}, {"tls": secure.client_tls("in")},
                            {"e2e": {"key_file": secure.secret("e2e.key")}}),
}


def chain_with_clocks(run, protection):
    """A Chain, its proxy's clock `there` and that of in and out `here`."""
    proxy, peer, network = PROTECTIONS[protection]()
    chain = Chain()
    chain.there, chain.here = WallClock(run, START), WallClock(run, START)
    chain.proxy = run.proxy(proxy, env=chain.there.env)
    peer = {**TWO_THREADS, **peer}
    network = {"server_host": "127.0.0.1", "server_port": chain.proxy.port(), "topic": "default",
               **network}
    backend = {"backend_host": "127.0.0.1", "backend_port": echo_server(run).port}
    chain.out = run.program("out", {**peer, "retry_interval": 200, "networks": [
        {**network, **backend}]}, env=chain.here.env)
    chain.out.wait_event("registered")
    entrance = {"bind": "127.0.0.1", "port": 0}
    chain.in_ = run.program("in", {**peer, "networks": [{**network, **entrance}]},
                            env=chain.here.env)
    chain.port = chain.in_.port()
    return chain


def expect_stream(chain):
    with chain.connect() as client:
        expect_echo(client)


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_streams_open_and_go_on_however_the_wall_clock_moves(run, protection):
    chain = chain_with_clocks(run, protection)
    with chain.connect() as running:
        expect_echo(running)
        for jump in JUMPS:
            chain.there.move(START + jump)
            chain.here.move(START + jump)
            for _ in range(3):  # the last one of them may resume what the first one began
                expect_stream(chain)
            expect_echo(running)
    assert len(chain.out.find("registered")) == 1, "nothing was closed for it"
    chain.wait_idle()


def test_a_proxy_whose_clock_alone_is_wrong_says_so_and_serves_when_it_is_right_again(run):
    chain = chain_with_clocks(run, "keys")
    for jump in (DAY, -DAY):
        chain.there.move(START + jump)
        expect_failed_open(chain.port)
        chain.there.move(START)
        expect_stream(chain)
    chain.in_.wait_event("open_failed", code="clock")


@pytest.mark.parametrize("whose", ["the proxy's", "a client's"])
def test_a_certificate_that_ends_lets_nobody_in_by_a_ticket_and_ends_no_stream(run, whose):
    chain = chain_with_clocks(run, "tls")
    clock = chain.here if whose == "the proxy's" else chain.there  # whoever looks at it
    with chain.connect() as running:
        expect_echo(running)
        expect_stream(chain)
        clock.move(3 * YEAR)
        expect_failed_open(chain.port)
        assert "expired" in str(chain.in_.wait_event("open_failed"))
        expect_echo(running)
        clock.move(START)
        expect_stream(chain)


@pytest.mark.parametrize("whose", ["in's", "the proxy's", "everybody's, and keys"])
def test_a_spare_connection_serves_the_next_client_however_the_clock_moved(run, whose):
    wan = Wan(run)  # in keeps none to a proxy that is near
    clock, still = WallClock(run, START), WallClock(run, START)
    keys = whose.startswith("everybody's")
    clock_of = {name: clock.env if keys or whose == f"{name}'s" else still.env
                for name in ("in", "out", "the proxy")}
    peer = holder(tls=False) if keys else {}
    backend = wan.server(echo)
    proxy = wan.program("r", "proxy", {"bind": "0.0.0.0", "port": 0,
                                       **({"auth": {"keys": [key_entry()]}} if keys else {})},
                        env=clock_of["the proxy"])
    network = {"server_port": proxy.port(), "topic": "t"}
    out = wan.program("c", "out", {**peer, "networks": [
        {**network, "server_host": R_FROM_C, "backend_host": "127.0.0.1",
         "backend_port": backend.port}]}, env=clock_of["out"])
    out.wait_event("registered")
    in_ = wan.program("a", "in", {**peer, "threads": 1, "first_look": "off", "networks": [
        {**network, "server_host": R_FROM_A, "bind": "127.0.0.1", "port": 0}]},
        env=clock_of["in"])

    def serve_one():
        with wan.inside("a", connect, in_.port()) as client:
            expect_echo(client)
    def ports():
        table = wan.inside("a", subprocess.run, ["ss", "-Htn", "state", "established", "dst",
                                                 R_FROM_A], capture_output=True, text=True,
                           check=True).stdout
        return {line.split()[2] for line in table.splitlines()}

    serve_one()
    for jump in (DAY, -DAY):
        wait_for(lambda: in_.status()["warm"] >= 2 and
                 len(ports()) == in_.status()["warm"], what="spares of in, and nothing else")
        spares = ports()
        clock.move(START + jump)
        serve_one()
        wait_for(lambda: in_.status()["warm"] == len(ports()), what="spares of in")
        assert spares <= ports(), "all are kept, also the one that has carried the stream"
    assert not in_.find("open_failed")


def test_a_log_has_the_time_of_the_wall_clock(run):
    clock = WallClock(run, START)
    proxy = run.proxy(env=clock.env)
    before = proxy.wait_event("listening")["time"]
    clock.move(START + DAY)
    after = proxy.status()["time"]
    passed = datetime.datetime.fromisoformat(after) - datetime.datetime.fromisoformat(before)
    assert DAY <= passed.total_seconds() < DAY + 60
