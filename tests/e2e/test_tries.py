"""An out whose backend is down costs no client its stream while another one is in line."""
import socket
import types

import pytest

import harness
import secure
from harness import (connect, expect_failed_open, read_exactly, read_to_end, refusing_port, wait_for)
from legacy import LegacyOut

pytestmark = pytest.mark.plain_only  # the modes are chosen here


@pytest.fixture(params=["plain", "tls"])
def mode(request, monkeypatch):
    monkeypatch.setattr(secure, "TLS", "tls" in request.param)
    return request.param


def backend(run, name, port=0):
    """A backend that says its name (one byte), then echoes."""
    def serve(s):
        s.sendall(name)
        harness.echo(s)
    return run.own(harness.Server(serve, port=port)).port


def served_by(port, sends=b"", ends=True):
    """The name of the backend that a client gets; what it has sent comes back once, and whole.
    Not `ends`: it does not end sending first, for which a 0.0.1 out would cut it."""
    with connect(port) as client:
        client.sendall(sends)
        name = read_exactly(client, 1)
        if ends:
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client) == sends
        else:
            assert read_exactly(client, len(sends)) == sends
        return name


def line_of_two(run, next_backend):
    """proxy, in_ and `next`, behind `head`, whose backend refuses."""
    line = types.SimpleNamespace(proxy=run.proxy())
    line.next = run.out(line.proxy, {"t": next_backend})
    line.next.wait_event("registered", topic="t", position=0)
    line.refusing = refusing_port(run)
    line.head = run.out(line.proxy, {"t": line.refusing})
    line.head.wait_event("registered", topic="t", position=0)
    line.next.wait_event("displaced", topic="t")
    line.in_ = run.in_(line.proxy, ["t"])
    return line


def test_an_out_whose_backend_is_down_costs_no_client_its_stream(run, mode):
    line = line_of_two(run, backend(run, b"n"))
    port = line.in_.port()
    assert served_by(port, b"early" * 1000) == b"n"
    assert served_by(port) == b"n"
    rest = line.proxy.wait_event("out rests", topic="t")
    assert rest["for_s"] in (9, 10)
    for _ in range(3):
        assert served_by(port, b"more") == b"n"
    # Both logs say so: two streams were at the head, the others were not.
    wait_for(lambda: len(line.proxy.find("stream")) == 5, what="five streams")
    assert [e.get("tries", 1) for e in line.proxy.find("stream")] == [2, 2, 1, 1, 1]
    refused = line.proxy.find("out refused", topic="t", code="backend_refused")
    assert len(refused) == 2 and refused[0]["out"] == rest["out"]
    assert len(line.head.find("open_failed", code="backend_refused")) == 2
    assert refused[0]["id"] == line.head.find("open_failed")[0]["id"]
    assert not line.proxy.find("open_failed") and not line.in_.find("open_failed")
    # It still holds the topic, and has its streams when its backend is back and its rest over.
    assert not line.next.find("promoted")
    line.proxy.wait_idle()


@pytest.mark.parametrize("tls", [False, True])
def test_with_a_key_that_the_proxy_does_not_have_in_goes_on_with_the_next(run, monkeypatch, tls):
    monkeypatch.setattr(secure, "TLS", tls)
    monkeypatch.setattr(secure, "E2E", True)
    line = line_of_two(run, backend(run, b"n"))
    for sends in (b"early" * 1000, b"", b"more"):
        assert served_by(line.in_.port(), sends) == b"n"
    wait_for(lambda: len(line.in_.find("stream")) == 3, what="three streams")
    assert [e.get("tries", 1) for e in line.in_.find("stream")] == [2, 2, 2]
    assert not line.in_.find("open_failed")
    # The proxy knows nothing of it: what it carried were streams, and nobody rests for others.
    assert len(line.head.find("open_failed", code="backend_refused")) == 3
    assert not line.proxy.find("open_failed") and not line.proxy.find("out rests")
    line.proxy.wait_idle()


def test_a_head_whose_backend_comes_back_gets_streams_again_after_its_rest(run):
    line = types.SimpleNamespace(proxy=run.proxy())
    line.next = run.out(line.proxy, {"t": backend(run, b"n")})
    line.next.wait_event("registered", topic="t", position=0)
    head_port = harness.free_port()
    line.head = run.out(line.proxy, {"t": head_port})
    line.next.wait_event("displaced", topic="t")
    port = run.in_(line.proxy, ["t"]).port()
    for _ in range(2):
        assert served_by(port) == b"n"
    line.proxy.wait_event("out rests", topic="t")
    backend(run, b"h", head_port)
    assert served_by(port) == b"n", "a rest is not cut short by a guess"
    wait_for(lambda: served_by(port) == b"h", timeout=20, what="stream of the head")
    line.proxy.wait_event("out serves again", topic="t")
    assert served_by(port) == b"h"
    # Nothing else has changed: it held the topic all the time.
    assert len(line.head.find("registered")) == len(line.next.find("registered")) == 1


def test_where_all_are_down_the_client_gets_a_reset_and_the_log_the_reasons(run, mode):
    line = line_of_two(run, refusing_port(run))
    expect_failed_open(line.in_.port())
    failed = line.proxy.wait_event("open_failed")
    assert (failed["code"], failed["tries"]) == ("backend_refused", 2)
    assert str(line.refusing) in failed["detail"], "the first one's, which holds the topic"
    for out in (line.head, line.next):
        out.wait_event("open_failed", code="backend_refused", id=failed["id"])
    assert line.in_.wait_event("open_failed")["code"] == "backend_refused"
    with connect(line.in_.port()) as client:
        try:
            client.sendall(b"early")
            assert client.recv(1) == b"", "an RST"
        except ConnectionResetError:
            pass
    assert len(line.proxy.find("out refused")) >= 1
    line.proxy.wait_idle()


def test_an_out_of_0_0_1_in_line_is_tried_too(run):
    proxy = run.proxy()
    old = run.own(LegacyOut(proxy.port(), {"t": backend(run, b"o")}))
    old.wait_registered()
    head = run.out(proxy, {"t": refusing_port(run)})
    head.wait_event("registered", topic="t", position=0)
    port = run.in_(proxy, ["t"]).port()
    for sends in (b"early", b"", b"more", b""):
        assert served_by(port, sends, ends=False) == b"o"
    proxy.wait_event("out rests", topic="t")
    assert not proxy.find("open_failed")


def test_the_words_of_an_out_of_0_0_1_are_final_once_it_has_got_something(run):
    proxy = run.proxy()
    next_ = run.out(proxy, {"t": backend(run, b"n")})
    next_.wait_event("registered", topic="t", position=0)
    old = run.own(LegacyOut(proxy.port(), {"t": refusing_port(run)}))
    old.wait_registered()
    next_.wait_event("displaced", topic="t")
    port = run.in_(proxy, ["t"]).port()
    with connect(port) as client:
        client.sendall(b"early")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert proxy.wait_event("open_failed").get("tries", 1) == 1
    assert served_by(port) == b"n"
