"""What the deployed 0.0.1 programs do that a peer of theirs must live with."""
import os
import select
import time

import pytest

import harness
from ext_peer import Ask, Data
from harness import connect, read_exactly, read_to_end, refusing_port, wait_for
from legacy import LegacyIn, LegacyOut, LegacyProxy
from peers import encode, exchange, read_frame

# After this a request that was not answered no longer counts (kRequestExpiry).
REQUEST_EXPIRY_S = 5


@pytest.fixture
def peers(run):
    """own(peer) ends it after the test and checks that it met nothing it could not cope with."""
    owned = []

    def own(peer):
        owned.append(run.own(peer))
        return peer
    yield own
    assert [peer.faults for peer in owned] == [[]] * len(owned)


def banner_server(run, text):
    """A backend that says which one it is, then echoes."""
    def serve(s):
        s.sendall(text)
        harness.echo(s)
    return run.own(harness.Server(serve)).port


# --- our out at a 0.0.1 proxy ---

def test_out_answers_an_activation_only_after_its_park_was_answered(run, peers):
    proxy = peers(LegacyProxy(overtake=True))
    run.out(proxy, {"default": harness.echo_server(run).port})
    in_ = peers(LegacyIn(proxy.port(), "default"))
    wait_for(lambda: proxy.parks >= 1, what="parked connection")
    with connect(in_.port()) as client:
        assert exchange(client, b"after all") == b"after all"


def test_out_serves_its_registrations_topic_whatever_a_legacy_proxy_names(run, peers):
    proxy = peers(LegacyProxy(names="another"))
    run.out(proxy, {"default": harness.echo_server(run).port})
    in_ = peers(LegacyIn(proxy.port(), "default"))
    wait_for(lambda: proxy.parks >= 1, what="parked connection")
    with connect(in_.port()) as client:
        assert exchange(client, b"as ever") == b"as ever"


def test_out_parks_anew_when_two_writers_garble_its_data_connection(run, peers):
    proxy = peers(LegacyProxy(overtake=True, garble=1))
    run.out(proxy, {"default": harness.echo_server(run).port})
    in_ = peers(LegacyIn(proxy.port(), "default"))
    wait_for(lambda: proxy.parks >= 1, what="parked connection")
    with connect(in_.port()) as client:
        assert client.recv(1) == b""
    # the garbled one, the replacement that was asked for with it, and the one parked anew
    wait_for(lambda: proxy.parks >= 3, what="connection parked anew")
    with connect(in_.port()) as client:
        assert exchange(client, b"works again") == b"works again"


def test_out_tells_mingled_frames_of_two_writers_apart_and_loses_no_open(run, peers):
    """On data connections the park's Response and DataActiveRequest, on control Pong and
    NewDataRequest: headers and bodies in every order that two writers can make."""
    proxy = peers(LegacyProxy(mingle=True))
    out = run.out(proxy, {"default": harness.echo_server(run).port})
    in_ = peers(LegacyIn(proxy.port(), "default"))
    wait_for(lambda: proxy.parks >= 1, what="parked connection")
    for number in range(60):
        with connect(in_.port()) as client:
            data = f"open {number}".encode()
            assert exchange(client, data) == data
    assert len(proxy.registrations) == 1
    assert not out.find("disconnected") and not out.find("not parked")


def test_out_lives_with_every_other_ping_unanswered(run, peers):
    """A timeout of 2.5 intervals: judged by single Pongs it would lose the registration."""
    proxy = peers(LegacyProxy())
    out = run.out(proxy, {"default": 1}, {"heartbeat_interval": 2000, "heartbeat_timeout": 5000})
    wait_for(lambda: proxy.pings >= 5, 20, what="5 pings")
    assert len(proxy.registrations) == 1
    assert not out.find("disconnected")


def test_out_keeps_running_streams_when_a_kicked_control_connection_registers_again(run, peers):
    proxy = peers(LegacyProxy())
    out = run.out(proxy, {"default": harness.echo_server(run).port})
    out.wait_event("registered")
    in_ = peers(LegacyIn(proxy.port(), "default"))
    with connect(in_.port()) as client:
        assert exchange(client, b"before") == b"before"
        proxy.kick("default")
        out.wait_event("registered", count=2)
        assert exchange(client, b"after") == b"after"


def test_out_doubles_its_retry_and_warns_once_when_it_is_kicked_twice(run, peers):
    proxy = peers(LegacyProxy())
    out = run.out(proxy, {"default": 1}, {"retry_interval": 200})
    for count in range(1, 5):
        out.wait_event("registered", count=count)
        assert len(out.find("contention", level="warning")) == (count > 2)
        if count < 4:
            proxy.kick("default")
    times = [when for when, _ in proxy.registrations]
    waits = [after - before for before, after in zip(times, times[1:])]
    # 200, 400 and 800 ms, each ± 20 %
    assert [wait > least for wait, least in zip(waits, (0.16, 0.32, 0.64))] == [True] * 3


# --- our proxy with 0.0.1 outs ---

def test_proxy_never_has_more_than_eight_unanswered_requests_at_a_legacy_out(run, peers):
    proxy = run.proxy({"pool": {"min": 20, "max": 100}, "open_timeout": 15000})
    start = time.monotonic()
    out = peers(LegacyOut(proxy.port(), {"default": harness.echo_server(run).port}, parks=False,
                          heartbeat_interval=0.1))
    out.wait_registered()
    in_ = run.in_(proxy, ["default"])
    clients = [connect(in_.port()) for _ in range(30)]
    wait_for(lambda: proxy.status()["opening"] == 30, what="30 waiting opens")
    pongs = out.pongs  # the second one from here was asked for, and is behind all requests
    wait_for(lambda: out.pongs >= pongs + 2, what="2 pongs")
    assert 8 <= out.asked <= 8 * (1 + (time.monotonic() - start) // REQUEST_EXPIRY_S)
    out.may_park.set()
    for number, client in enumerate(clients):
        data = f"client {number}".encode()
        assert exchange(client, data) == data
        client.close()
    wait_for(lambda: proxy.status()["parked"] >= 20, what="20 parked connections")


def test_a_legacy_out_that_pings_rarely_keeps_its_registration_and_its_streams(run, peers):
    """Its pause is ten times what the proxy allows one of which it knows nothing better."""
    proxy = run.proxy({"heartbeat_timeout": 200})
    out = peers(LegacyOut(proxy.port(), {"t": harness.echo_server(run).port},
                          heartbeat_interval=2.0))
    out.wait_registered()
    in_ = run.in_(proxy, ["t"])
    with connect(in_.port()) as client:
        assert exchange(client, b"before") == b"before"
        wait_for(lambda: out.pongs >= 2, what="second Pong")
        assert exchange(client, b"after") == b"after"
    assert out.registrations == 1 and not proxy.find("unregistered")


def test_a_legacy_out_that_pings_no_more_is_given_up_after_three_of_its_pauses(run, peers):
    proxy = run.proxy({"heartbeat_timeout": 200})
    out = peers(LegacyOut(proxy.port(), {"t": harness.echo_server(run).port},
                          heartbeat_interval=0.3, retry_interval=60))
    out.wait_registered()
    wait_for(lambda: out.pongs >= 2, what="second Pong")
    out.pinging.clear()
    assert "heartbeat" in proxy.wait_event("unregistered")["reason"]


def test_two_legacy_outs_on_one_topic_take_turns_without_kicking_each_other(run, peers):
    """The displaced one keeps its control connection and its running stream, and serves again
    when the newer one ends. Any Notice on the way would be a fault of theirs."""
    proxy = run.proxy()
    first = peers(LegacyOut(proxy.port(), {"t": banner_server(run, b"1")}, heartbeat_interval=0.1))
    first.wait_registered()
    in_ = run.in_(proxy, ["t"])
    with connect(in_.port()) as old_client:
        assert read_exactly(old_client, 1) == b"1"
        # It has no ticket: what it parks later would be taken for the newer one's.
        wait_for(lambda: proxy.status()["parked"] >= 2, what="full pool")
        second = peers(LegacyOut(proxy.port(), {"t": banner_server(run, b"2")}))
        second.wait_registered()
        with connect(in_.port()) as client:
            assert read_exactly(client, 1) == b"2"
        pongs = first.pongs
        wait_for(lambda: first.pongs >= pongs + 5, what="pongs for the displaced out")
        assert exchange(old_client, b"still mine") == b"still mine"
        asked = first.asked
        second.close()
        wait_for(lambda: first.asked > asked, what="request to the promoted out")
        with connect(in_.port()) as client:
            assert read_exactly(client, 1) == b"1"
        assert exchange(old_client, b"for ever") == b"for ever"
    assert (first.registrations, second.registrations) == (1, 1)


def test_a_legacy_out_and_ours_take_turns_without_kicking_each_other(run, peers):
    proxy = run.proxy()
    ours = run.out(proxy, {"t": banner_server(run, b"o")})
    ours.wait_event("registered")
    legacy = peers(LegacyOut(proxy.port(), {"t": banner_server(run, b"l")}))
    legacy.wait_registered()
    ours.wait_event("displaced")
    in_ = run.in_(proxy, ["t"])
    with connect(in_.port()) as client:
        assert read_exactly(client, 1) == b"l"
    legacy.close()
    ours.wait_event("promoted")
    with connect(in_.port()) as client:
        assert read_exactly(client, 1) == b"o"
    assert legacy.registrations == 1
    assert len(ours.find("registered")) == 1


def test_streams_are_told_apart_although_legacy_magics_repeat(run, peers):
    """Every LegacyIn and LegacyOut draws the same magics, and all open at the same time."""
    proxy = run.proxy()
    topics = [f"topic {n}" for n in range(4)]
    outs = [peers(LegacyOut(proxy.port(), {t: banner_server(run, t.encode())})) for t in topics]
    for out in outs:
        out.wait_registered()
    clients = [(topic, connect(peers(LegacyIn(proxy.port(), topic)).port())) for topic in topics]
    for topic, client in clients:
        assert read_exactly(client, len(topic)) == topic.encode()
        client.close()


def test_a_legacy_out_is_not_ended_by_a_stranger_who_parks_and_says_that_it_drains(run, peers):
    proxy = run.proxy()
    out = peers(LegacyOut(proxy.port(), {"t": harness.echo_server(run).port}, parks=False))
    out.wait_registered()
    stranger = Data(run, proxy, "t", {})
    assert stranger.answer["message"] == ""
    ask = Ask(run, proxy, "t")
    stranger.activated()
    stranger.respond("ending", code="draining")
    out.may_park.set()
    assert ask.response()["message"] == ""
    harness.expect_echo(ask.sock)
    assert out.registrations == 1 and not proxy.find("out draining")


def test_a_legacy_out_is_left_in_peace_while_the_proxy_drains(run, peers):
    """A Notice would end it, and so would a lost control connection end its stream."""
    proxy = run.proxy({"drain_timeout": 600_000})
    out = peers(LegacyOut(proxy.port(), {"t": harness.echo_server(run).port},
                          heartbeat_interval=0.1))
    out.wait_registered()
    in_ = run.in_(proxy, ["t"])
    with connect(in_.port()) as client:
        assert exchange(client, b"before") == b"before"
        proxy.expected_end = True
        proxy.process.terminate()
        proxy.wait_event("draining")
        pongs = out.pongs
        wait_for(lambda: out.pongs >= pongs + 3, what="pongs during the drain")
        assert exchange(client, b"during the drain") == b"during the drain"
    assert proxy.process.wait(10 * harness.PATIENCE) == 0


@pytest.mark.parametrize("text", ["x" * 900, "\x01" * 900, "ä€" * 200, '"' * 900],
                         ids=["long", "control", "multibyte", "quotes"])
def test_any_error_text_of_a_legacy_out_reaches_a_legacy_in_in_one_frame(run, peers, text):
    """Bytes that JSON writes as six must not make a frame that 0.0.1 misreads."""
    class Failing(LegacyOut):
        def answer(self, sock, kind, request, message=""):
            super().answer(sock, kind, request, message and text)
    proxy = run.proxy()
    peers(Failing(proxy.port(), {"t": refusing_port(run)})).wait_registered()
    with connect(peers(LegacyIn(proxy.port(), "t")).port()) as client:
        assert client.recv(1) == b""


# --- our in at a 0.0.1 proxy ---

def test_in_resets_its_client_when_a_legacy_proxy_refuses(run, peers):
    proxy = peers(LegacyProxy())
    in_ = run.in_(proxy, ["nobody"])
    harness.expect_failed_open(in_.port())
    failure = in_.wait_event("open_failed", topic="nobody")
    assert "topic not found" in failure["detail"]


def test_in_passes_on_all_bytes_that_came_before_the_legacy_end(run, peers):
    """The relay of 0.0.1 ends both directions; what the backend sent before must still arrive."""
    data = os.urandom(3 << 20)

    def send_all(s):
        s.sendall(data)
        s.close()
    proxy = peers(LegacyProxy())
    peers(LegacyOut(proxy.port(), {"t": run.own(harness.Server(send_all)).port})).wait_registered()
    with connect(run.in_(proxy, ["t"]).port()) as client:
        assert read_to_end(client) == data


def test_in_gives_up_a_legacy_proxy_that_never_answers(run):
    """0.0.1 has no deadline on any read; open_timeout of in bounds the whole open."""
    silent = run.own(harness.Server(lambda s: select.select([], [], [], 30)))
    in_ = run.in_(silent.port, ["t"], {"open_timeout": 1000})
    start = time.monotonic()
    harness.expect_failed_open(in_.port())
    assert time.monotonic() - start >= 0.9
    in_.wait_event("open_failed", code="open_timeout")


# --- the 0.0.1 peers themselves ---

def test_a_legacy_proxy_answers_a_misplaced_first_message_and_is_silent_to_unknown_ones(run):
    proxy = run.own(LegacyProxy())
    with connect(proxy.port()) as s:
        s.sendall(encode("Ping", {}))
        kind, payload = read_frame(s)
        assert (kind, payload["magic"], payload["request"]) == ("Response", "invalid tp",
                                                                "invalid tp")
        assert s.recv(1) == b""
    with connect(proxy.port()) as s:
        s.sendall(encode("Notice", {"code": "displaced", "message": ""}))
        assert s.recv(1) == b""
    assert proxy.faults == ["unknown message Notice"]
