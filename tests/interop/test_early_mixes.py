"""Early data between our programs and 0.0.1 peers, which read exact frames and know nothing of it."""
import os
import socket
import threading

import pytest

import harness
from ext_peer import Control
from harness import connect, read_exactly, read_to_end, wait_for
from late_server import LateServer
from legacy import LegacyIn, LegacyOut, LegacyProxy
from peers import encode, exchange, read_frame, unread
from test_mixes import kinds, start  # noqa: F401  (fixtures)

SIZES = [1, 1000, 16_384, 1 << 20]


# --- all eight mixes ---

@pytest.mark.parametrize("size", SIZES)
def test_bytes_sent_before_the_backend_is_there_arrive_once_and_in_order(run, start, size):  # noqa
    backend = run.own(LateServer())
    mix = start(backend.port)
    with connect(mix.port) as client:
        data = os.urandom(size)
        opener = threading.Timer(0.2, backend.open)  # well after the client's first bytes
        opener.start()
        assert exchange(client, data) == data
        assert exchange(client, b"and on") == b"and on"
        opener.join()


def test_clients_that_send_at_once_do_not_mix(run, start):  # noqa: F811
    mix = start(harness.echo_server(run).port)
    clients = [(connect(mix.port), os.urandom(3_000)) for _ in range(20)]
    for client, data in clients:
        client.sendall(data)
    for client, data in clients:
        assert read_exactly(client, len(data)) == data
        client.close()


# --- one hop at a time ---

@pytest.mark.parametrize("size", SIZES)
def test_a_legacy_proxy_gets_in_request_and_the_bytes_right_behind_it(run, size):
    """And answers only when they are there: a peer that waits for more than the frame is no 0.0.1
    peer, so nothing of the frame may be missing, and nothing doubled behind it."""
    early = min(size, 16_384)
    has_learned = threading.Event()

    def serve(s):
        kind, request = read_frame(s)
        wait_for(lambda: not has_learned.is_set() or unread(s) >= early, what="early bytes")
        s.sendall(encode("Response", {"magic": request["magic"], "request": kind, "message": ""}))
        s.sendall(read_to_end(s))
        s.close()
    in_ = run.in_(run.own(harness.Server(serve)).port, ["t"])
    with connect(in_.port()) as client:  # before, what comes late waits: the proxy may know frames
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""
    has_learned.set()
    data = os.urandom(size)
    with connect(in_.port()) as client:
        sender = threading.Thread(target=lambda: (client.sendall(data),
                                                  client.shutdown(socket.SHUT_WR)), daemon=True)
        sender.start()
        assert read_to_end(client) == data
        sender.join(10)


@pytest.mark.parametrize("size", SIZES)
def test_a_legacy_out_gets_the_activation_and_the_bytes_right_behind_it(run, size):
    early = min(size, 16_384)
    is_warm = threading.Event()

    class Patient(LegacyOut):
        """Answers an activation when the early bytes are there, as one with a slow backend."""

        def answer(self, sock, kind, request, message=""):
            wait_for(lambda: not is_warm.is_set() or unread(sock) >= early, what="early bytes")
            super().answer(sock, kind, request, message)
    proxy = run.proxy()
    out = run.own(Patient(proxy.port(), {"t": harness.echo_server(run).port}))
    out.wait_registered()
    data = os.urandom(size)
    in_ = run.in_(proxy, ["t"], {"threads": 1})
    with connect(in_.port()) as client:  # on a fresh connection what comes late waits
        assert exchange(client, b"first") == b"first"
    wait_for(lambda: in_.status()["warm"] == 1, what="connection for the next stream")
    is_warm.set()
    with connect(in_.port()) as client:
        assert exchange(client, data) == data
    assert out.faults == []


def test_a_legacy_in_that_does_not_wait_is_served_too(run):
    """Its client's bytes may come right behind InRequest without ext as well."""
    proxy = run.proxy()
    control = Control(run, proxy, "t")
    data = control.park()
    s = run.own(connect(proxy.port()))
    s.sendall(encode("InRequest", {"magic": "m", "version": "0.0.1", "type": "t"}) + b"early")
    data.activated()
    assert read_exactly(data.sock, 5) == b"early"
    data.respond()
    data.sock.sendall(b"answer")
    assert read_frame(s)[1]["message"] == ""
    assert read_exactly(s, 6) == b"answer"


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("peer", ["in", "proxy", "out"])
def test_a_refusal_is_not_lost_behind_early_bytes(run, peer, size):
    """Through one 0.0.1 peer at each place: the client's connection ends, and nothing hangs. A
    0.0.1 peer may lose the reason, because it closes with bytes unread."""
    proxy = run.own(LegacyProxy()) if peer == "proxy" else run.proxy()
    port = harness.refusing_port(run)
    if peer == "out":
        run.own(LegacyOut(proxy.port(), {"t": port})).wait_registered()
    else:
        run.out(proxy, {"t": port}).wait_event("registered")
    in_ = run.own(LegacyIn(proxy.port(), "t")) if peer == "in" else run.in_(proxy, ["t"])
    sender = threading.Thread(target=exchange_until_the_end, args=(in_.port(), bytes(size)),
                              daemon=True)
    sender.start()
    sender.join(20 * harness.PATIENCE)
    assert not sender.is_alive()
    if peer != "in":
        in_.wait_event("open_failed")
        in_.wait_idle()


def exchange_until_the_end(port, data):
    """Whichever end a 0.0.1 hop makes of it; it may come before connect(2) has returned."""
    try:
        with connect(port) as client:
            client.sendall(data)
            assert client.recv(1) == b""
    except OSError:
        pass
