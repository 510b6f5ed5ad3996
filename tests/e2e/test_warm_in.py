"""Spare connections that in keeps at the proxy for its next clients.

It keeps none to a proxy on loopback, which is too near, so all of this runs over the lines of
wan.py, with our proxy or with one that the test plays.
"""
import contextlib
import signal
import socket

import pytest

from harness import (PATIENCE, Server, echo, expect_echo, expect_reset, free_port, read_exactly,
                     reset, wait_for)
from legacy import LegacyOut, LegacyProxy
from peers import encode, exchange, read_frame
from test_warm import wait_warm
from wan import R_FROM_A, Wan

ONE_WORKER = {"threads": 1}
# Spares that in keeps for each of its workers at least, while clients come (kSpareMin).
SPARES = 2
# The time without a client after which it keeps none (kSpareQuiet), with some slack.
QUIET_S = 60 + 10


# --- at our proxy ---

@pytest.fixture
def wan(run):
    return Wan(run)


def echo_chain(wan):
    return wan.chain(wan.server(echo), in_=ONE_WORKER)


def serve_one(chain):
    with chain.connect() as client:
        expect_echo(client)


def wait_spares(chain, count):
    for program in (chain.in_, chain.proxy):
        wait_for(lambda program=program: program.status()["warm"] >= count,
                 what=f"{count} spares at {program.name}")


def test_there_is_no_connection_before_the_first_client_and_spares_after_it(wan):
    chain = echo_chain(wan)
    controls = chain.proxy.status()["controls"]
    wait_for(lambda: chain.proxy.status()["parked"] == 2, what="parked connections")
    assert chain.proxy.status()["sockets"] == controls + 2
    assert (chain.in_.status()["sockets"], chain.in_.status()["warm"]) == (0, 0)
    serve_one(chain)
    wait_spares(chain, SPARES)
    chain.wait_idle()
    wait_for(lambda: chain.in_.status()["sockets"] == chain.in_.status()["warm"],
             what="no connection but spares")


def test_a_burst_leaves_more_spares_for_the_next_one(wan):
    chain = echo_chain(wan)
    for _ in range(2):  # in the first one in does not know yet that the proxy takes spares
        chain.in_.signal(signal.SIGSTOP)  # so that they are there all at once
        clients = [chain.connect() for _ in range(12)]
        chain.in_.signal(signal.SIGCONT)
        for client in clients:
            expect_echo(client)
            client.close()
    wait_spares(chain, SPARES + 1)


def test_spares_are_dropped_after_a_minute_without_a_client(wan):
    chain = echo_chain(wan)
    serve_one(chain)
    wait_spares(chain, SPARES)
    wait_for(lambda: chain.in_.status()["sockets"] == 0, QUIET_S, "end of all spares")
    wait_warm(chain.proxy, 0)
    serve_one(chain)
    assert not chain.in_.find("open_failed")


def test_a_restarted_proxy_is_dialled_afresh(wan):
    port = free_port()
    chain = wan.chain(wan.server(echo), proxy={"port": port}, in_=ONE_WORKER)
    serve_one(chain)
    wait_spares(chain, SPARES)
    chain.proxy.kill()
    wait_warm(chain.in_, 0)
    chain.proxy = wan.program("r", "proxy", {"bind": "0.0.0.0", "port": port})
    chain.out.wait_event("registered", count=2)
    serve_one(chain)
    wait_spares(chain, SPARES)
    assert not chain.in_.find("open_failed")


def test_a_proxy_that_drains_takes_its_spares_back(wan):
    chain = echo_chain(wan)
    serve_one(chain)
    wait_spares(chain, SPARES)
    assert chain.proxy.stop() == 0
    wait_warm(chain.in_, 0)


def test_in_does_not_wait_for_its_spares_when_it_drains(wan):
    chain = wan.chain(wan.server(echo), in_={**ONE_WORKER, "drain_timeout": 600_000})
    serve_one(chain)
    wait_spares(chain, SPARES)
    assert chain.in_.stop() == 0
    wait_warm(chain.proxy, 0)


def test_spares_that_only_in_remembers_do_not_fail_a_silent_client(wan):
    """The proxy's host restarted and nobody was told: it answers the first packet with RST."""
    port = free_port()
    chain = wan.chain(wan.server(echo), proxy={"port": port}, in_=ONE_WORKER)
    serve_one(chain)
    wait_spares(chain, SPARES)
    chain.wait_idle()
    wan.settle()
    wan.ar.cut()
    chain.proxy.kill()
    chain.proxy = wan.program("r", "proxy", {"bind": "0.0.0.0", "port": port})
    chain.out.wait_event("registered", count=2)
    wan.ar.mend()
    assert chain.in_.status()["warm"] >= SPARES
    with chain.connect() as client:
        wait_for(lambda: chain.proxy.status()["streams"] == 1, what="stream by a fresh dial")
        expect_echo(client)
    assert not chain.in_.find("open_failed")


# --- at a proxy that the test plays ---

class PlayedProxy(Server):
    """Serves every stream itself, as an echo, in r. .seen lists each connection's messages, .warm
    is what it announces. .dies(socket, kind, number of the message) before an answer ends the
    connection by .end(socket)."""

    def __init__(self, warm=120_000):
        self.warm = warm
        self.seen = []
        self.dies = lambda s, kind, number: False
        self.end = socket.socket.close
        super().__init__(self._serve, host=R_FROM_A)

    def _serve(self, s):
        messages = []
        self.seen.append(messages)
        with contextlib.suppress(EOFError):
            self._answer(s, messages)
        self.end(s)

    def _answer(self, s, messages):
        kind = None
        while kind != "InRequest":
            kind, payload = read_frame(s)
            messages.append(kind)
            if self.dies(s, kind, len(messages)):
                return
            ext = {} if self.warm is None else {"warm": self.warm}
            s.sendall(encode("Response", {"magic": payload["magic"], "request": kind,
                                          "message": "", "ext": {"v": 1, **ext}}))
        echo(s)

    def asked_for_spares(self):
        return sum(messages[:1] == ["InWarmRequest"] for messages in list(self.seen))


class Played:
    """in_ at a played proxy, and its clients."""

    def __init__(self, wan, **options):
        self.wan = wan
        self.proxy = wan.run.own(wan.inside("r", PlayedProxy, **options))
        self.in_ = wan.program("a", "in", {**ONE_WORKER, "first_look": "off", "networks": [
            {"server_host": R_FROM_A, "server_port": self.proxy.port, "port": 0}]})
        self.port = self.in_.port()

    def connect(self):
        return wan_connect(self.wan, self.port)


def wan_connect(wan, port):
    return wan.inside("a", socket.create_connection, ("127.0.0.1", port), 20 * PATIENCE)


def test_the_next_client_gets_a_spare(wan):
    played = Played(wan)
    serve_one(played)
    wait_warm(played.in_, SPARES)
    serve_one(played)
    assert ["InWarmRequest", "InRequest"] in played.proxy.seen
    assert played.proxy.seen.count(["InRequest"]) == 1


@pytest.mark.parametrize("warm", [None, 0])
def test_a_proxy_that_announces_nothing_gets_no_spare(wan, warm):
    played = Played(wan, warm=warm)
    for _ in range(3):
        serve_one(played)
    assert played.proxy.seen == [["InRequest"]] * 3
    assert played.in_.status()["warm"] == 0


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["FIN", "RST"])
def test_a_spare_that_dies_is_noticed_and_not_used(wan, end):
    played = Played(wan)
    serve_one(played)
    wait_warm(played.in_, SPARES)
    played.proxy.end = end
    for s in played.proxy.connections[1:]:
        s.shutdown(socket.SHUT_RD)  # wakes its thread, and tells in nothing
    wait_warm(played.in_, 0)
    serve_one(played)
    assert played.proxy.seen.count(["InRequest"]) == 2
    assert not played.in_.find("open_failed")


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["FIN", "RST"])
def test_a_spare_found_dead_is_replaced_by_a_dial_for_a_silent_client(wan, end):
    played = Played(wan)
    serve_one(played)
    wait_warm(played.in_, SPARES)
    played.proxy.end = end
    played.proxy.dies = lambda s, kind, number: (kind, number) == ("InRequest", 2)
    with played.connect() as client:
        wait_for(lambda: played.proxy.seen.count(["InRequest"]) == 2, what="fresh connection")
        expect_echo(client)
    assert not played.in_.find("open_failed")


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["FIN", "RST"])
def test_a_spare_found_dead_with_bytes_of_the_client_is_an_rst(wan, end):
    played = Played(wan)
    serve_one(played)
    wait_warm(played.in_, SPARES)
    got = []

    def take_and_die(s, kind, number):
        if (kind, number) == ("InRequest", 2):
            got.append(read_exactly(s, 5))
        return bool(got)
    played.proxy.end = end
    played.proxy.dies = take_and_die
    client = played.connect()
    client.sendall(b"first")
    expect_reset(client)
    assert got == [b"first"]
    assert played.in_.wait_event("open_failed")["code"] == "proxy_unreachable"
    assert played.proxy.seen.count(["InRequest"]) == 1


def test_a_spare_is_not_kept_longer_than_half_the_announced_time(wan):
    """So that none is used at the moment when the proxy closes it."""
    played = Played(wan, warm=1000)
    serve_one(played)
    wait_warm(played.in_, SPARES)
    count = len(played.proxy.connections)
    wait_for(lambda: len(played.proxy.connections) > count, 5, "replacement of an old spare")
    assert not played.in_.find("open_failed")


def test_a_refused_spare_is_not_asked_for_again_until_the_next_client(wan):
    def refuse(s, kind, _):
        if kind == "InWarmRequest":
            s.sendall(encode("Response", {"magic": "m", "request": kind, "message": "enough",
                                          "ext": {"v": 1, "code": "limit"}}))
        return kind == "InWarmRequest"
    played = Played(wan)
    played.proxy.dies = refuse
    serve_one(played)
    wait_for(lambda: played.proxy.asked_for_spares() >= 1, what="request for a spare")
    serve_one(played)
    assert played.proxy.asked_for_spares() <= 2 * SPARES
    assert played.in_.status()["warm"] == 0
    assert not played.in_.find("open_failed")


class FarLegacyProxy(LegacyProxy):
    """On all addresses of r, so that in reaches it over the line."""

    def listen(self, port, handler):
        listener = self.own(socket.create_server(("", port), backlog=512))
        self.spawn(self._accept, listener, handler)
        return listener


def test_a_legacy_proxy_never_gets_a_request_for_a_spare(wan):
    proxy = wan.run.own(wan.inside("r", FarLegacyProxy))
    backend = wan.run.own(wan.inside("r", Server, echo))
    out = wan.run.own(wan.inside("r", LegacyOut, proxy.port(), {"default": backend.port}))
    out.wait_registered()
    in_ = wan.program("a", "in", {**ONE_WORKER, "networks": [
        {"server_host": R_FROM_A, "server_port": proxy.port(), "port": 0}]})
    for number in range(4):
        with wan_connect(wan, in_.port()) as client:
            assert exchange(client, b"%d" % number) == b"%d" % number
    assert in_.status()["warm"] == 0
    assert proxy.faults == []
