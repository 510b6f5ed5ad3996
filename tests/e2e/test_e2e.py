"""End-to-end encryption: from in to out through a proxy that need not be trusted."""
import functools
import hashlib
import os
import signal
import ssl
import threading

import pytest

import secure
from harness import (TWO_THREADS, Server, connect, echo, echo_server, expect_echo,
                     expect_failed_open, port_of, read_exactly, read_to_end, refusing_port,
                     wait_for)
from late_server import silent_port
from legacy import LegacyProxy
from peers import encode, exchange, read_frame
from secure import proxy_tls, secret
from test_ends import (  # noqa: F401
    Held, directed,
    test_a_client_that_ends_sending_before_the_stream_is_open_gets_its_answer,
    test_a_killed_program_is_a_reset_at_both_ends,
    test_a_reset_amid_megabytes_loses_only_what_was_not_acknowledged,
    test_a_reset_is_carried_as_a_reset,
    test_a_reset_reaches_a_side_that_is_blocked_by_back_pressure,
    test_a_server_may_speak_first,
    test_all_bytes_acknowledged_before_a_reset_are_delivered_before_it, test_half_close_is_kept)
from test_tls import MEGABYTE
from tunnel import PLACES, TappedStream, Tunnel, spoiled
from test_warm_in import ONE_WORKER, SPARES
from wan import R_FROM_A, R_FROM_C, Wan

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves


@pytest.fixture
def run(run, monkeypatch):
    """in and out have the same key in all that the harness starts. So the tests of other files that
    are imported here hold end to end too."""
    monkeypatch.setattr(secure, "E2E", True)
    return run


@pytest.fixture(params=["plain", "tls"])
def hops(request, monkeypatch):
    monkeypatch.setattr(secure, "TLS", request.param == "tls")


@pytest.fixture
def pair(run, hops):
    """For the imported tests of ends."""
    return Held(run).pair()


@functools.cache
def key(name):
    return secret(f"{name}.e2e", hashlib.sha256(name.encode()).hexdigest() + "\n")


def network(proxy, e2e, topic="t", server_host="127.0.0.1", **more):
    """Of in or out; e2e: the name of a key, the whole object, or None."""
    options = {"e2e": {"key_file": key(e2e)} if isinstance(e2e, str) else e2e} if e2e else {}
    return {"networks": [{"server_host": server_host, "server_port": port_of(proxy),
                          "topic": topic, **options, **more}]}


def start_out(run, proxy, e2e, backend_port, topic="t", backend_host="127.0.0.1", config=None,
              **options):
    out = run.program("out", {**TWO_THREADS, **(config or {}), **network(
        proxy, e2e, topic, backend_host=backend_host, backend_port=backend_port)}, **options)
    out.wait_event("registered")
    return out


def start_in(run, proxy, e2e, topic="t", **options):
    return run.program("in", {**TWO_THREADS, **network(proxy, e2e, topic, port=0)}, **options)


# --- what travels ---

@pytest.mark.parametrize("e2e", ["key", None])
def test_the_relay_sees_content_only_without_a_key(run, e2e):
    greeting, early, late = (os.urandom(32) for _ in range(3))

    def serve(s):
        s.sendall(greeting)
        echo(s)
    proxy = run.proxy()
    tunnels = [run.own(Tunnel(proxy.port())) for _ in range(2)]
    start_out(run, tunnels[1].port, e2e, run.own(Server(serve)).port)
    with connect(start_in(run, tunnels[0].port, e2e).port()) as client:
        client.sendall(early)
        assert read_exactly(client, 64) == greeting + early
        expect_echo(client, late)
    for tunnel in tunnels:
        assert b"Request" in tunnel.everything()
        assert [text in tunnel.everything() for text in (greeting, early, late)] == [not e2e] * 3


def test_bulk_in_both_directions_at_once_keeps_every_byte(run, hops):
    chain = run.chain(echo_server(run).port)
    data = os.urandom(MEGABYTE) * 50
    with chain.connect() as client:
        assert exchange(client, data) == data
    chain.wait_idle()


def test_a_megabyte_sent_before_the_stream_is_open_arrives_as_it_was_sent(run, hops):
    chain = run.chain(echo_server(run).port)
    wait_for(lambda: chain.proxy.status()["parked"] == 2, what="parked connections")
    data = os.urandom(MEGABYTE)
    chain.out.signal(signal.SIGSTOP)
    with chain.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(data,), daemon=True)
        sender.start()
        wait_for(lambda: chain.proxy.status()["opening"] == 1, what="opening stream")
        chain.out.signal(signal.SIGCONT)
        assert read_exactly(client, len(data)) == data
        sender.join()
    chain.wait_idle()


def test_a_spare_connection_carries_the_handshake(run):
    """A dial takes one round trip to the proxy, the request and the handshake two each to out."""
    round_trip_ms = 100
    wan = Wan(run, delay_ms=round_trip_ms // 2)
    proxy = wan.program("r", "proxy", {"bind": "0.0.0.0", "port": 0})
    out = wan.program("c", "out", network(proxy, "key", server_host=R_FROM_C,
                                          backend_host="127.0.0.1",
                                          backend_port=wan.server(echo).port))
    out.wait_event("registered")
    in_ = wan.program("a", "in", {**ONE_WORKER, **network(proxy, "key", server_host=R_FROM_A,
                                                          port=0)})

    def open_ms(count):
        with wan.inside("a", connect, in_.port()) as client:
            expect_echo(client)
        wait_for(lambda: in_.status()["warm"] >= SPARES, what="spare connections")
        return in_.wait_event("stream", count=count)["open_ms"]
    assert open_ms(1) >= 5 * round_trip_ms
    # the machine may be slow at times, but without a spare none is so fast
    assert any(open_ms(count) < 5 * round_trip_ms for count in range(2, 10))


# --- keys that do not fit ---

KEYS = {  # the key of in, that of out, and which of them says what
    "other keys": ("key", "other", "is the key the same on both sides"),
    "none at in": (None, "key", "which in does not have"),
    "none at out": ("key", None, "which out does not have"),
}


@pytest.mark.parametrize("case", KEYS)
def test_without_the_same_key_on_both_sides_nothing_reaches_the_backend(run, case):
    in_key, out_key, told = KEYS[case]
    backend = echo_server(run)
    proxy = run.proxy()
    out = start_out(run, proxy, out_key, backend.port)
    in_ = start_in(run, proxy, in_key)
    expect_failed_open(in_.port())
    for program in (in_, out):
        assert told in program.wait_event("open_failed", code="e2e")["detail"]
    assert backend.connections == []


@pytest.mark.parametrize("in_key, fails", [("key", False), ("other", False), ("third", True)])
def test_out_may_accept_a_second_key(run, in_key, fails):
    proxy = run.proxy()
    start_out(run, proxy, {"key_file": key("key"), "also_accept": key("other")},
              echo_server(run).port)
    in_ = start_in(run, proxy, in_key)
    if fails:
        expect_failed_open(in_.port())
        in_.wait_event("open_failed", code="e2e")
        return
    with connect(in_.port()) as client:
        expect_echo(client)


# --- what out says to in ---

@pytest.mark.parametrize("code, host, place", [
    ("backend_refused", "127.0.0.1", refusing_port),
    ("backend_timeout", "127.0.0.1", silent_port),
    ("backend_unresolved", "something.invalid", refusing_port)])
def test_why_a_backend_failed_is_told_to_in_and_not_to_the_proxy(run, code, host, place):
    proxy, port = run.proxy(), place(run)
    # open_timeout is the handshake's as well, and long enough for a name server that is silent:
    # RES_OPTIONS (resolv.conf(5))
    out = start_out(run, proxy, "key", port, backend_host=host, config={"open_timeout": 4000},
                    env={"RES_OPTIONS": "timeout:1 attempts:1"})
    in_ = start_in(run, proxy, "key")
    expect_failed_open(in_.port())
    lines = [program.wait_event("open_failed", code=code) for program in (in_, out)]
    assert lines[0]["id"] == lines[1]["id"]
    for line in lines:
        assert f"{host}:{port}" in line["detail"]
    proxy.wait_event("stream")
    assert f"{host}:{port}" not in proxy.tail(10_000)


# --- relays that are not to be trusted ---

@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("has_key", [True, False])
def test_a_relay_that_ends_a_stream_early_is_found_out(run, monkeypatch, has_key, place):
    """A clean end of TCP is no end of a stream: that is said in frames."""
    monkeypatch.setattr(secure, "E2E", has_key)
    stream = TappedStream(run, place)
    stream.cut()
    for end in stream.ends:
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    in_, _, out = stream.programs
    for program in (in_, out):
        assert program.wait_event("stream")["reason"] == "reset by proxy"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("has_key", [True, False])
def test_a_relay_that_changes_a_byte_is_found_out(run, monkeypatch, has_key, place):
    """Without a key the backend gets what the relay has made of it."""
    monkeypatch.setattr(secure, "E2E", has_key)
    stream = TappedStream(run, place)
    stream.tunnel.on_data = spoiled
    stream.client.sendall(b"pay 1000")
    if not has_key:
        assert read_exactly(stream.backend, 8) == b"pay 1001"
        return
    for end in stream.ends:
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    assert "bad record mac" in stream.programs[2].wait_event("stream")["reason"]


def test_it_works_through_a_proxy_that_knows_nothing_of_it(run):
    proxy = run.own(LegacyProxy())
    start_out(run, proxy, "key", echo_server(run).port)
    in_ = start_in(run, proxy, "key")
    data = os.urandom(3 * MEGABYTE)
    for _ in range(2):
        with connect(in_.port()) as client:
            assert exchange(client, data) == data
    assert proxy.faults == []


@pytest.mark.parametrize("in_key, out_key", [("key", "other"), (None, "key"), ("key", None)])
def test_through_such_a_proxy_a_missing_key_shows_in_the_handshake(run, in_key, out_key):
    backend_got = []

    def serve(s):
        backend_got.append(s.recv(65536))
        s.sendall(b"220 welcome\r\n")
    proxy = run.own(LegacyProxy())
    out = start_out(run, proxy, out_key, run.own(Server(serve)).port)
    in_ = start_in(run, proxy, in_key)
    with connect(in_.port()) as client:
        try:
            client.sendall(b"private")
            assert read_to_end(client) == b""
        except (ConnectionResetError, BrokenPipeError):
            assert in_key  # an in without one can not tell the relay's clean end from the stream's
    for program, its_key in ((in_, in_key), (out, out_key)):
        if its_key:
            detail = program.wait_event("open_failed", code="e2e")["detail"]
            assert "is the key the same on both sides" in detail
    assert b"private" not in b"".join(backend_got)


@pytest.mark.parametrize("e2e", ["key", None])
def test_a_relay_can_hand_a_client_to_another_topic_only_without_a_key(run, e2e):
    backend = echo_server(run)
    proxy = run.own(LegacyProxy())
    out = start_out(run, proxy, e2e, backend.port, topic="payroll")
    in_ = start_in(run, proxy, e2e, topic="news")
    proxy.topics["news"] = proxy.topics["payroll"]
    if e2e:
        expect_failed_open(in_.port())
        for program in (in_, out):
            program.wait_event("open_failed", code="e2e")
        assert backend.connections == []
    else:
        with connect(in_.port()) as client:
            expect_echo(client)


def test_a_relay_that_answers_with_a_certificate_gets_nothing(run):
    """One that the machine of in trusts, at that."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(proxy_tls()["cert"], proxy_tls()["key"])
    ends = []

    def pose_as_out(s):
        kind, request = read_frame(s)
        s.sendall(encode("Response", {"magic": request["magic"], "request": kind, "message": ""}))
        try:
            ends.append(context.wrap_socket(s, server_side=True).recv(1))
        except OSError as e:
            ends.append(e)
    in_ = start_in(run, run.own(Server(pose_as_out)).port, "key",
                   env={"SSL_CERT_FILE": str(secure.certificates() / "ca.crt")})
    with connect(in_.port()) as client, pytest.raises((ConnectionResetError, BrokenPipeError)):
        client.sendall(b"private")
        assert client.recv(1) != b""
    assert "verify failed" in in_.wait_event("open_failed", code="e2e")["detail"]
    wait_for(lambda: ends, what="end of the relay's handshake")
    assert isinstance(ends[0], OSError) or ends[0] == b""
