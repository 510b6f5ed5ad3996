"""Rates of networks and of keys, with the real programs. No time is judged but one that no rate
allows to be shorter; bench/rates measures them."""
import signal
import threading
import time

import pytest

import harness
from harness import (Server, connect, echo_server, expect_echo, expect_reset, read_exactly,
                     read_to_end, wait_for)
from reloads import changed, network_of, reload, with_networks
from test_ends import unacknowledged
from test_identity import key, own_key

pytestmark = pytest.mark.plain_only  # rates know no protection; one test has TLS by itself

RATE = 400_000  # bytes per second
BURST = 16_384
SIZE = 300_000
# Of what the client has already sent when its stream opens, and of turns that are not over.
SLACK = 3 * BURST


def pattern(size, seed=0):
    block = bytes((i * 7 + seed) % 251 for i in range(251 * 257))
    return (block * (size // len(block) + 1))[:size]


def receiver(run):
    """Keeps what each of its streams has sent it, to the end."""
    got = []
    server = run.own(Server(lambda s: (got.append(read_to_end(s)), s.close())))
    server.got = got
    return server


def sender(run, size=SIZE):
    return run.own(Server(lambda s: (s.sendall(pattern(size)), s.close())))


def network(proxy, topic, rate=None, **keys):
    """Of in or out."""
    return {"server_host": "127.0.0.1", "server_port": proxy.port(), "topic": topic, **keys,
            **({"rate": rate} if rate else {})}


def entrance(proxy, topic, rate=None):
    return network(proxy, topic, rate, bind="127.0.0.1", port=0)


def limited(run, backend, rate, place):
    """A chain of which this place has the rate."""
    rates = {place: rate}
    limits = {"rate": rates["key"]} if "key" in rates else {}
    proxy = run.proxy({"auth": {"keys": [key("a", **{"in": ["#"], "out": ["#"]}, **limits)]}})
    exit_ = network(proxy, "t", rates.get("out"), backend_host="127.0.0.1", backend_port=backend)
    out = run.out(proxy, {}, {"networks": [exit_], **own_key("a")})
    in_ = run.in_(proxy, [], {"networks": [entrance(proxy, "t", rates.get("in"))], **own_key("a")})
    out.wait_event("registered")
    in_.wait_event("listening")
    return proxy, out, in_


def least_seconds(size):
    """For so many bytes, at the rate."""
    return (size - BURST - SLACK) / RATE


@pytest.mark.parametrize("place", ["in", "out", "key"])
def test_a_limited_transfer_is_exact_and_not_faster_than_its_rate(run, place):
    rate = {"up": f"{RATE // 1000}kB", "down": f"{RATE // 1000}kB"}
    up, down = receiver(run), sender(run)
    for direction in ("up", "down"):
        server = up if direction == "up" else down
        _, _, in_ = limited(run, server.port, rate, place)
        began = time.monotonic()
        with connect(in_.port(topic="t")) as client:
            if direction == "up":
                client.sendall(pattern(SIZE))
                client.shutdown(harness.socket.SHUT_WR)
                assert read_to_end(client) == b""
                assert up.got == [pattern(SIZE)]
            else:
                assert read_to_end(client) == pattern(SIZE)
        assert time.monotonic() - began >= least_seconds(SIZE)


def test_streams_of_a_network_share_its_rate(run):
    _, _, in_ = limited(run, sender(run, SIZE // 4).port, {"down": f"{RATE // 1000}kB"}, "in")
    began = time.monotonic()
    got = []
    threads = [threading.Thread(target=lambda: got.append(
        read_to_end(connect(in_.port(topic="t"))))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * harness.PATIENCE)
    assert got == [pattern(SIZE // 4)] * 4
    assert time.monotonic() - began >= least_seconds(SIZE) - 3 * SLACK / RATE


def test_a_network_without_a_rate_does_not_wait_for_its_neighbour(run):
    proxy = run.proxy()
    out = run.out(proxy, {"slow": sender(run, 50_000_000).port, "fast": sender(run, SIZE).port})
    out.wait_event("registered", count=2)
    in_ = run.in_(proxy, [], {"networks": [entrance(proxy, "slow", {"down": "8kbit"}),
                                           entrance(proxy, "fast")]})
    with connect(in_.port(topic="slow")) as client:
        assert client.recv(1) == pattern(1)
        assert read_to_end(connect(in_.port(topic="fast"))) == pattern(SIZE)
        assert len(client.recv(50_000_000)) < SIZE


def test_another_rate_counts_for_running_streams_at_once(run):
    _, _, in_ = limited(run, sender(run, 2_000_000).port, {"down": "8kbit"}, "in")
    with connect(in_.port(topic="t")) as client:
        assert client.recv(1) == pattern(1)
        reload(in_, with_networks(in_, {**network_of(in_, "t"), "rate": {"down": "1Gbit"}}))
        assert read_exactly(client, 999_999) == pattern(1_000_000)[1:]
        free = network_of(in_, "t")
        del free["rate"]
        reload(in_, with_networks(in_, free))
        assert read_to_end(client) == pattern(2_000_000)[1_000_000:]


def test_resets_pass_a_direction_that_waits(run):
    def answer(s):
        s.sendall(b"open")
        threading.Event().wait(60)

    server = run.own(Server(answer))
    _, _, in_ = limited(run, server.port, {"up": "8kbit"}, "in")
    client = connect(in_.port(topic="t"))
    client.sendall(bytes(200_000))
    assert read_exactly(client, 4) == b"open"
    harness.reset(client)
    wait_for(lambda: in_.find("stream"), what="its end")
    assert in_.find("stream")[0]["reason"] == "reset by client"

    client = connect(in_.port(topic="t"))
    client.sendall(bytes(200_000))
    assert read_exactly(client, 4) == b"open"
    harness.reset(server.connections[1])
    expect_reset(client)


def test_a_client_that_was_reset_before_its_stream_was_open_does_not_hold_it_for_long(run):
    """What it has sent is delivered at the rate for a while, and not for the minute that it takes."""
    server = receiver(run)
    _, out, in_ = limited(run, server.port, {"up": "8kbit"}, "in")
    in_.signal(signal.SIGSTOP)  # so that all of it is there when the request is made
    client = connect(in_.port(topic="t"))
    client.sendall(bytes(60_000))
    wait_for(lambda: unacknowledged(client) == 0, what="acknowledgement of everything")
    out.signal(signal.SIGSTOP)
    in_.signal(signal.SIGCONT)
    harness.reset(client)
    out.signal(signal.SIGCONT)
    assert in_.wait_event("stream")["reason"] == "reset by client"


def test_a_drain_ends_who_waits(run):
    _, _, in_ = limited(run, sender(run, 50_000_000).port, {"down": "8kbit"}, "key")
    reload(in_, changed(in_, drain_timeout=200))
    with connect(in_.port(topic="t")) as client:
        assert client.recv(1) == pattern(1)
        assert in_.stop() == 0
        with pytest.raises(ConnectionResetError):
            read_to_end(client)


def test_idle_and_stall_timeouts_do_not_end_who_waits(run):
    proxy, _, in_ = limited(run, sender(run, 40_000).port, {"down": "16kB"}, "key")
    reload(proxy, changed(proxy, idle_timeout=300, stall_timeout=300))
    with connect(in_.port(topic="t")) as client:
        assert read_to_end(client) == pattern(40_000)


def test_many_short_streams_are_served(run):
    _, _, in_ = limited(run, echo_server(run).port, {"up": "1MB", "down": "1MB"}, "key")
    for _ in range(50):
        with connect(in_.port(topic="t")) as client:
            expect_echo(client)
