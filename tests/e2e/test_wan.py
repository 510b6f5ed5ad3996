"""Networks that vanish, return and lose packets; needs root for the namespaces (wan.py)."""
import hashlib
import os
import queue
import socket
import subprocess
import threading

import pytest

from harness import (PATIENCE, echo, expect_echo, expect_failed_open, expect_reset, reset,
                     wait_for)
from late_server import LateServer
from wan import R_FROM_C, Wan, require

PEER_TIMEOUT = {"peer_timeout": 3000}
# Longer than it takes to find the busy streams dead, short enough to wait for.
HEARTBEAT = {"heartbeat_interval": 500, "heartbeat_timeout": 8000}
# Keepalive finds a dead peer after 50 s + 5 probes of 13 s at most; 15 s for the timers' slack.
KEEPALIVE_S = 115 + 15


@pytest.fixture
def wan(run):
    return Wan(run)


def echo_chain(wan, **options):
    return wan.chain(wan.server(echo), proxy={**PEER_TIMEOUT, **options},
                     out={**PEER_TIMEOUT, **HEARTBEAT}, in_=PEER_TIMEOUT)


def stream(chain):
    s = chain.connect()
    expect_echo(s)
    return s


def expect_reset_amid_writing(s, within_s):
    """The side that still sends notices by an RST; whichever call meets it."""
    s.settimeout(within_s * PATIENCE)
    with s, pytest.raises((ConnectionResetError, BrokenPipeError)):
        s.sendall(bytes(1024))
        s.recv(1)


def test_out_that_vanishes_loses_its_registration_and_its_busy_streams(wan):
    chain = echo_chain(wan)
    idle, busy = stream(chain), stream(chain)
    wan.settle()
    wan.rc.cut()
    expect_reset_amid_writing(busy, 15)
    assert chain.proxy.wait_event("stream")["reason"] == "peer timeout of out"
    assert chain.in_.wait_event("stream")["reason"] == "reset by proxy"
    lost = chain.proxy.wait_event("unregistered", timeout=20)
    assert lost["streams"] == 1 and "heartbeat" in lost["reason"]
    wan.inside("a", expect_failed_open, chain.port)
    chain.in_.wait_event("open_failed", code="no_topic")

    wan.rc.mend()
    chain.out.wait_event("registered", timeout=20, count=2)
    with stream(chain):
        pass
    # it was only quiet while the network was away: nobody may have taken it for dead
    expect_echo(idle)
    idle.close()
    # the RST for out's leg of the busy stream was lost: its first keepalive probe (30 s) meets one
    for program in chain.all():
        program.wait_idle(timeout=45)


def test_in_that_vanishes_loses_its_busy_streams_on_both_sides(wan):
    def flood(s):
        s.sendall(b"!")
        try:
            while True:
                s.sendall(bytes(65536))
        except ConnectionResetError:
            ended.set()

    ended = threading.Event()
    chain = wan.chain(wan.server(flood), proxy=PEER_TIMEOUT, in_=PEER_TIMEOUT)
    client = chain.connect()
    assert client.recv(1) == b"!"
    wan.ar.cut()
    assert ended.wait(30 * PATIENCE)
    assert chain.proxy.wait_event("stream")["reason"] == "peer timeout of in"
    assert chain.out.wait_event("stream")["reason"] == "reset by proxy"
    # in is only told by its own sending: what the proxy sent to say goodbye was lost too
    client.settimeout(30 * PATIENCE)
    with client, pytest.raises((ConnectionResetError, BrokenPipeError)):
        client.sendall(b"?")
        while client.recv(65536):
            pass
    assert chain.in_.wait_event("stream")["reason"] == "peer timeout of proxy"

    wan.ar.mend()
    with chain.connect() as client:
        assert client.recv(1) == b"!"
        reset(client)
    chain.wait_idle()


def test_idle_streams_end_by_keepalive_when_both_networks_have_vanished(wan):
    backend = wan.server(lambda s: s.sendall(b"!"))
    chain = wan.chain(backend)
    client = chain.connect()
    assert client.recv(1) == b"!"
    wan.settle()
    wan.ar.cut()
    wan.rc.cut()
    for s in (client, backend.connections[0]):
        s.settimeout(KEEPALIVE_S * PATIENCE)
        expect_reset(s)
    for program, leg in ((chain.in_, "proxy"), (chain.out, "proxy")):
        assert program.wait_event("stream")["reason"] == f"timeout of {leg}"
    assert chain.proxy.wait_event("stream", timeout=20)["reason"] in ("timeout of in",
                                                                      "timeout of out")
    for program in chain.all():
        assert program.wait_idle()["streams"] == 0


def test_an_answer_lost_with_the_network_does_not_keep_its_stream(wan):
    """The last bytes before a stream is relayed are unacknowledged for ever, so keepalive never
    runs: only the sweep can find this leg dead."""
    got = queue.Queue()
    backend = wan.run.own(wan.inside("c", LateServer, got.put))
    chain = wan.chain(backend, out=PEER_TIMEOUT)
    client = chain.connect()
    wait_for(lambda: chain.out.status()["opening"] == 1, what="dial of the backend")
    wan.rc.cut()
    backend.open()
    expect_reset(client)
    chain.in_.wait_event("open_failed", code="open_timeout")
    s = got.get(timeout=10 * PATIENCE)
    s.settimeout(20 * PATIENCE)
    expect_reset(s)
    assert chain.out.wait_event("stream")["reason"] == "peer timeout of proxy"


def destroy_connections(wan, place, address):
    """Ends them as a NAT box does that forgets: only this side knows. Needs a kernel with
    INET_DIAG_DESTROY."""
    killed = wan.inside(place, subprocess.run, ["ss", "-HKtn", "dst", address],
                        capture_output=True, text=True)
    require(address in killed.stdout, "ss -K needs a kernel with INET_DIAG_DESTROY")


def test_out_that_returns_takes_its_topic_over_before_the_proxy_has_missed_it(wan):
    chain = echo_chain(wan)
    wan.rc.cut()
    destroy_connections(wan, "c", R_FROM_C)
    chain.out.wait_event("disconnected")
    assert not chain.proxy.find("unregistered")
    wan.rc.mend()
    assert chain.out.wait_event("registered", count=2)["position"] == 0
    with stream(chain):
        pass
    assert not chain.proxy.find("displaced") and not chain.out.find("displaced")
    assert chain.proxy.wait_event("unregistered")["streams"] == 0
    with stream(chain):
        pass


def test_a_lossy_line_changes_no_byte(run):
    """1 % loss and a round trip of 50 ms on each of the two lines, both directions at once."""
    wan = Wan(run, delay_ms=25, loss=0.01)
    chain = wan.chain(wan.server(echo))
    data = os.urandom(1_500_000)
    client = chain.connect(timeout=60)
    sender = threading.Thread(target=lambda: (client.sendall(data),
                                              client.shutdown(socket.SHUT_WR)), daemon=True)
    sender.start()
    received = hashlib.sha256()
    while part := client.recv(65536):
        received.update(part)
    sender.join(10)
    assert received.digest() == hashlib.sha256(data).digest()
    client.close()
    chain.wait_idle()
    assert [p.wait_event("stream")["bytes_up"] for p in chain.all()] == [len(data)] * 3
