"""Spare connections of an in at our proxy, driven by peers; how in uses them: test_warm_in."""
import socket

import pytest

from ext_peer import Ask, Connection
from harness import PATIENCE, echo_server, expect_echo, expect_reset, read_exactly, wait_for
from peers import VERSION, encode


class Spare(Connection):
    """An in connection that is kept for later; .answer is the proxy's."""

    def __init__(self, run, proxy):
        super().__init__(run, proxy, "InWarmRequest", "", {})
        self.answer = self.read("Response")

    def ask(self, topic, behind=b""):
        """InRequest on it, with a client's first bytes in the same segment."""
        self.sock.sendall(encode("InRequest", {"magic": "m", "version": VERSION, "type": topic,
                                               "ext": {"v": 1}}) + behind)


def code(connection):
    return connection.answer["ext"].get("code")


def wait_warm(program, count):
    wait_for(lambda: program.status()["warm"] == count, what=f"{count} spare connections")


def test_the_proxy_announces_how_long_it_keeps_a_spare(run):
    chain = run.chain(echo_server(run).port)
    assert Ask(run, chain.proxy, "default").response()["ext"]["warm"] >= 1000
    spare = Spare(run, chain.proxy)
    assert (spare.answer["request"], spare.answer["message"]) == ("InWarmRequest", "")
    assert spare.answer["ext"]["warm"] >= 1000


@pytest.mark.parametrize("behind", [b"", b"early"])
def test_a_request_on_a_spare_opens_a_stream(run, behind):
    chain = run.chain(echo_server(run).port)
    spare = Spare(run, chain.proxy)
    wait_warm(chain.proxy, 1)
    spare.ask("default", behind)
    assert spare.read("Response")["request"] == "InRequest"
    assert read_exactly(spare.sock, len(behind)) == behind
    expect_echo(spare.sock)
    wait_warm(chain.proxy, 0)
    spare.sock.close()
    assert chain.proxy.wait_event("stream")["bytes_up"] == len(behind) + len(b"still here")


def test_a_refusal_on_a_spare_is_told(run):
    spare = Spare(run, run.proxy())
    spare.ask("nobody's")
    assert spare.read("Response")["ext"]["code"] == "no_topic"


def test_spares_are_limited_and_a_place_becomes_free_again(run):
    proxy = run.proxy({"limits": {"warm": 2, "handshakes": 1}})
    kept = [Spare(run, proxy), Spare(run, proxy)]
    refused = Spare(run, proxy)
    assert code(refused) == "limit" and "warm" not in refused.answer["ext"]
    assert refused.ended()
    kept[0].sock.close()
    wait_warm(proxy, 1)
    assert code(Spare(run, proxy)) is None


def test_a_limit_of_zero_announces_nothing_and_takes_none(run):
    chain = run.chain(echo_server(run).port, proxy={"limits": {"warm": 0}})
    assert "warm" not in Ask(run, chain.proxy, "default").response()["ext"]
    assert code(Spare(run, chain.proxy)) == "limit"


@pytest.mark.parametrize("end", ["FIN", "RST"])
def test_a_spare_that_ends_is_forgotten(run, end):
    proxy = run.proxy()
    spare = Spare(run, proxy)
    wait_warm(proxy, 1)
    spare.reset() if end == "RST" else spare.sock.close()
    wait_warm(proxy, 0)
    wait_for(lambda: proxy.status()["sockets"] == 0, what="closed connection")
    assert not proxy.find("open_failed")


@pytest.mark.parametrize("message", [
    encode("InWarmRequest", {"magic": "m", "version": VERSION, "ext": {"v": 1}}),
    encode("OutRequest", {"magic": "m", "version": VERSION, "type": "t"}),
    encode("Ping", {}), b"\xff" * 16], ids=["again", "OutRequest", "Ping", "garbage"])
def test_a_spare_that_brings_anything_but_a_request_is_closed(run, message):
    proxy = run.proxy()
    spare = Spare(run, proxy)
    spare.sock.sendall(message)
    assert spare.ended()
    wait_warm(proxy, 0)


def test_a_request_for_a_spare_without_ext_is_malformed(run):
    proxy = run.proxy()
    s = run.own(socket.create_connection(("127.0.0.1", proxy.port()), 20 * PATIENCE))
    s.sendall(encode("InWarmRequest", {"magic": "m", "version": VERSION}))
    expect_reset(s)


def test_a_draining_proxy_closes_its_spares_and_need_not_wait_for_them(run):
    proxy = run.proxy({"drain_timeout": 600_000})
    spares = [Spare(run, proxy) for _ in range(3)]
    wait_warm(proxy, 3)
    assert proxy.stop() == 0
    assert all(spare.ended() for spare in spares)
