"""Compression of streams between in and out: what it saves, that every byte and every end is the
stream's own, and that whoever does not want it, or does not know it, has streams as ever."""
import itertools
import os
import socket
import threading

import pytest

import harness
import secure
from attack import dial, read_message, request, unharmed
from cluster_site import Member, Nats, needs_nats
from framed import Recorder, data
from harness import (connect, echo_server, expect_echo, expect_reset, read_exactly, read_to_end,
                     reset, wait_for)
from legacy import LegacyProxy
from peers import encode, exchange
from test_reuse import Held

pytestmark = pytest.mark.plain_only  # the modes are chosen here

MODES = ["plain", "tls", "e2e", "tls-e2e"]
ZSTD = {"compression": "zstd"}
LOG = b"".join(b'192.0.2.%d - - "GET /api/v1/orders/%d HTTP/1.1" 200 %d "Mozilla/5.0 (X11; Linux)"\n'
               % (i * 7 % 256, i * i % 9973, i * 31 % 65521) for i in range(40_000))
SOME = LOG[:400_000]  # on the wire too little for a direction that goes raw


@pytest.fixture(params=MODES)
def mode(request, monkeypatch):
    monkeypatch.setattr(secure, "TLS", "tls" in request.param)
    monkeypatch.setattr(secure, "E2E", "e2e" in request.param)
    monkeypatch.setattr(secure, "ZSTD", True)
    return request.param


@pytest.fixture
def zstd(monkeypatch):
    monkeypatch.setattr(secure, "ZSTD", True)


def network(**more):
    return {"server_host": "127.0.0.1", "topic": "default", **more}


def lines(chain, count=1):
    return [program.wait_event("stream", count=count) for program in (chain.in_, chain.out)]


# --- what it saves ---

def test_text_is_a_fraction_on_the_wire_and_whole_at_both_ends(run, mode):
    chain = run.chain(echo_server(run).port)
    with chain.connect() as client:
        assert exchange(client, LOG) == LOG
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""
    for line in lines(chain):
        assert line["code"] == "done"
        assert line["bytes_up"] == line["bytes_down"] == len(LOG)
        assert line["wire_up"] < len(LOG) / 4 and line["wire_down"] < len(LOG) / 4
    at_proxy = chain.proxy.wait_event("stream")
    assert at_proxy["bytes_up"] < len(LOG) / 4  # the proxy carries what it can not read
    assert "wire_up" not in at_proxy
    chain.wait_idle()


def test_what_does_not_shrink_is_hardly_more(run, mode):
    chain = run.chain(echo_server(run).port)
    noise = os.urandom(8 << 20)
    with chain.connect() as client:
        assert exchange(client, noise) == noise
    for line in lines(chain):
        assert line["wire_up"] < len(noise) * 1.03 and line["wire_down"] < len(noise) * 1.03
    chain.wait_idle()


def test_every_line_arrives_before_the_next_is_written(run, mode):
    chain = run.chain(echo_server(run).port)
    with chain.connect() as client:
        for line in LOG.splitlines(keepends=True)[:200]:
            expect_echo(client, line)
    assert lines(chain)[0]["wire_up"] < lines(chain)[0]["bytes_up"]


def test_bytes_from_before_the_stream_is_open_are_in_their_place(run, mode):
    chain = run.chain(echo_server(run).port)
    chain.out.signal(harness.signal.SIGSTOP)
    with chain.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(LOG,), daemon=True)
        sender.start()
        wait_for(lambda: chain.proxy.status()["opening"] == 1, what="opening stream")
        chain.out.signal(harness.signal.SIGCONT)
        assert read_exactly(client, len(LOG)) == LOG
        sender.join()
    chain.wait_idle()


# --- ends ---

def test_half_close_reset_and_reuse_on_the_same_connection(run, mode):
    held = Held(run)
    for use, end in enumerate(["half", "reset by client", "half", "reset by backend", "half"], 1):
        client, backend = held.pair()
        threading.Thread(target=client.sendall, args=(SOME,), daemon=True).start()
        assert read_exactly(backend, len(SOME)) == SOME
        if end == "half":
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(backend) == b""
            threading.Thread(target=lambda b=backend: (b.sendall(SOME), b.close()),
                             daemon=True).start()
            assert read_to_end(client) == SOME
            client.close()
        else:
            first, second = (client, backend) if "client" in end else (backend, client)
            reset(first)
            expect_reset(second)
        line = held.chain.in_.wait_event("stream", count=use)
        assert line["use"] == use and line["wire_up"] < len(SOME)
        held.chain.wait_idle()


def test_a_killed_out_is_a_reset_for_the_client(run, mode):
    held = Held(run)
    client, _ = held.pair()
    held.chain.out.kill()
    expect_reset(client)


# --- agreement ---

def run_pair(run, in_zstd, out_zstd, proxy=None):
    proxy = proxy or run.proxy()
    port = echo_server(run).port
    out = run.out(proxy, {"default": port}, {"networks": [network(
        server_port=harness.port_of(proxy), backend_host="127.0.0.1", backend_port=port,
        **(ZSTD if out_zstd else {}))]})
    out.wait_event("registered")
    in_ = run.in_(proxy, ["default"], {"networks": [network(
        server_port=harness.port_of(proxy), port=0, **(ZSTD if in_zstd else {}))]})
    return in_, out


@pytest.mark.parametrize("e2e", [False, True])
@pytest.mark.parametrize("in_zstd, out_zstd", [(True, False), (False, True), (False, False)])
def test_a_side_that_does_not_want_it_has_streams_as_they_are(run, monkeypatch, in_zstd, out_zstd,
                                                              e2e):
    monkeypatch.setattr(secure, "E2E", e2e)
    in_, out = run_pair(run, in_zstd, out_zstd)
    for count in (1, 2):
        with connect(in_.port()) as client:
            assert exchange(client, LOG[:100_000]) == LOG[:100_000]
        for program, wants in ((in_, in_zstd), (out, out_zstd)):
            assert "wire_up" not in program.wait_event("stream", count=count)
            assert len(program.find("not compressed")) == wants  # once


@pytest.mark.parametrize("e2e", [False, True])
def test_through_a_proxy_that_does_not_know_it(run, monkeypatch, e2e):
    """End to end the proxy is not asked."""
    monkeypatch.setattr(secure, "E2E", e2e)
    in_, _ = run_pair(run, True, True, run.own(LegacyProxy()))
    with connect(in_.port()) as client:
        assert exchange(client, LOG) == LOG
    assert ("wire_up" in in_.wait_event("stream")) == e2e
    assert bool(in_.find("not compressed")) != e2e


@needs_nats()
def test_over_another_proxy_of_the_cluster(run, zstd):
    nats = Nats(run)
    a, b = Member(run, nats), Member(run, nats)
    b.out(echo_server(run).port)
    [port], in_ = a.in_()
    with connect(port) as client:
        assert exchange(client, LOG) == LOG
    line = in_.wait_event("stream")
    assert line["wire_up"] < len(LOG) / 4 and line["wire_down"] < len(LOG) / 4


# --- memory ---

def test_a_stream_that_rests_says_so_and_goes_on(run, zstd):
    """The end of a frame is the only thing that travels while nobody says anything."""
    chain = run.chain(echo_server(run).port)
    with chain.connect() as client:
        expect_echo(client, b"first")
        expect_echo(client, LOG[:10_000])

        # What else moves has more than the four bytes of that word.
        readings = []

        def rested():
            status = chain.proxy.status()
            readings.append((status["bytes_up_total"], status["bytes_down_total"]))
            return all(any(new[way] - old[way] == 4 for old, new in itertools.pairwise(readings))
                       for way in (0, 1))
        wait_for(rested, what="word of rest")
        expect_echo(client, LOG[:10_000])
    for line in lines(chain):
        assert line["code"] == "done"


# --- peers that break the rules ---

WRONG = {"unknown kind": b"XXXX", "no length": b"S\0\0\0", "too long": b"S\x01\x40\0",
         "end of no frame": b"E\0\0\0", "no frame": b"Z\x08\0\0garbage!"}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_in_that_breaks_the_rules_resets_its_stream_and_no_other(run, zstd, wrong):
    backend = run.own(Recorder())
    chain = run.chain(backend.port)
    with unharmed(chain), dial(chain.proxy) as stranger:
        stranger.sendall(encode("InRequest", request("InRequest", "default", zstd=5, early=5))
                         + b"hello")
        _, response = read_message(stranger)
        assert response["ext"]["zstd"] == response["ext"]["reuse"] == 1
        echoed = data(b"S\x05\0\0hello")
        assert read_exactly(stranger, len(echoed)) == echoed
        stranger.sendall(data(b"S\x03\0\0new" + WRONG[wrong]))
        assert backend.wait_ended(b"hellonew") == "rst"
    line = chain.out.wait_event("stream", code="compression")
    assert line["level"] == "error" and line["reason"].startswith("compression of proxy: ")
