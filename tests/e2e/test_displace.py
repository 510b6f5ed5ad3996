"""A newer out takes the topic gently: streams live on, the displaced one waits in line."""
import signal
import time
import types

import pytest

import harness
from ext_peer import Ask, Control, Data, new_id
from harness import connect, free_port, read_exactly, wait_for
from peers import encode, exchange, read_frame

LINE_MAX = 16


def backend(run, name):
    """A backend that says its name (one byte), then echoes."""
    def serve(s):
        s.sendall(name)
        harness.echo(s)
    return run.own(harness.Server(serve)).port


def served_by(port):
    with connect(port) as client:
        return read_exactly(client, 1)


# --- our outs ---

@pytest.fixture
def two(run):
    """proxy, in_, the displaced out `first` (backend a) and the holder `second` (backend b)."""
    two = types.SimpleNamespace(proxy=run.proxy({"port": free_port()}))
    two.first = run.out(two.proxy, {"t": backend(run, b"a")})
    two.first.wait_event("registered", topic="t", position=0)
    two.in_ = run.in_(two.proxy, ["t"])
    with connect(two.in_.port()) as two.stream:
        assert read_exactly(two.stream, 1) == b"a"
        two.second = run.out(two.proxy, {"t": backend(run, b"b")})
        two.second.wait_event("registered", topic="t", position=0)
        two.first.wait_event("displaced", topic="t")
        yield two


def test_new_streams_go_to_the_newer_out_and_running_ones_stay(two):
    assert served_by(two.in_.port()) == b"b"
    assert exchange(two.stream, b"still here") == b"still here"


@pytest.mark.parametrize("ending", ["stopped", "killed"])
def test_the_displaced_out_serves_again_as_soon_as_the_holder_has_ended(two, ending):
    two.second.stop() if ending == "stopped" else two.second.kill()
    start = time.monotonic()
    two.first.wait_event("promoted", topic="t")
    assert served_by(two.in_.port()) == b"a"
    assert time.monotonic() - start < 5 * harness.PATIENCE  # by its heartbeat after 20 s
    assert exchange(two.stream, b"for ever") == b"for ever"
    assert len(two.first.find("registered")) == 1


@pytest.mark.parametrize("late", ["displaced", "holder"])
def test_a_displaced_out_does_not_take_the_topic_back_after_a_proxy_restart(run, two, late):
    """In whichever order they return, the holder of before holds the topic in the end."""
    returns = [two.second, two.first] if late == "displaced" else [two.first, two.second]
    returns[1].signal(signal.SIGSTOP)
    port = two.proxy.port()
    two.proxy.kill()
    run.proxy({"port": port})
    returns[0].wait_event("registered", count=2)
    returns[1].signal(signal.SIGCONT)
    returns[1].wait_event("registered", count=2)
    wait_for(lambda: served_by(two.in_.port()) == b"b", what="second out in service again")
    two.second.kill()
    two.first.wait_event("promoted")
    assert served_by(two.in_.port()) == b"a"


# --- outs with ext, step by step ---

def test_a_takeover_is_told_to_the_displaced_whose_parked_connections_end(run):
    proxy = run.proxy()
    first = Control(run, proxy, "t")
    data = first.park()
    second = Control(run, proxy, "t", mode="takeover")
    assert (first.position(), second.position()) == (0, 0)
    first.wait_notice("displaced")
    assert data.ended()
    second.wait_asked(1)
    proxy.wait_event("displaced", topic="t")


def test_a_displaced_out_is_still_answered_but_not_asked_for_connections(run):
    proxy = run.proxy()
    first = Control(run, proxy, "t")
    Control(run, proxy, "t")
    first.wait_notice("displaced")
    first.settle()  # what was asked for before may come behind the notice
    asked = first.asked
    first.settle()
    first.settle()
    assert first.asked == asked
    refused = first.park()
    assert refused.answer["message"] != ""


def test_a_standby_joins_the_line_and_is_promoted_when_its_turn_comes(run):
    proxy = run.proxy()
    holder, second, third = (Control(run, proxy, "t", mode=mode)
                             for mode in ("takeover", "standby", "standby"))
    assert [c.position() for c in (holder, second, third)] == [0, 1, 2]
    for waiting in (second, third):
        waiting.settle()
        assert waiting.asked == 0 and waiting.notices == []
    holder.settle()
    assert holder.notices == []
    holder.sock.close()
    second.wait_notice("promoted")
    second.wait_asked(1)
    third.settle()
    assert third.notices == []
    second.reset()
    third.wait_notice("promoted")
    data = third.park()
    ask = Ask(run, proxy, "t")
    data.activated()
    data.respond()
    assert ask.response()["message"] == ""


def test_a_standby_holds_a_topic_that_nobody_has(run):
    assert Control(run, run.proxy(), "t", mode="standby").position() == 0


def test_the_same_instance_replaces_its_own_registration(run):
    """As after a network that vanished silently: no displacement, no second place in line."""
    proxy = run.proxy()
    first = Control(run, proxy, "t")
    other = Control(run, proxy, "t", mode="standby")
    again = Control(run, proxy, "t", instance=first.instance)
    assert again.position() == 0
    assert again.ticket() != first.ticket()
    wait_for(lambda: ended_without(first, "displaced"), what="end of the replaced connection")
    other.settle()
    assert other.notices == []
    again.sock.close()
    other.wait_notice("promoted")


def ended_without(control, notice):
    try:
        control.settle()
    except (EOFError, OSError):
        assert notice not in control.notices
        return True
    return False


def test_a_line_is_bounded(run):
    proxy = run.proxy()
    line = [Control(run, proxy, "t", mode="standby") for _ in range(LINE_MAX)]
    assert [c.position() for c in line] == list(range(LINE_MAX))
    refused = Control(run, proxy, "t")
    assert refused.answer["ext"]["code"] == "limit"
    assert refused.ended()
    line[0].settle()
    assert line[0].notices == []


@pytest.mark.parametrize("ticket", [None, "", "00" * 16, "of another topic", "of the displaced"])
def test_a_data_connection_without_the_right_ticket_never_joins_a_pool(run, ticket):
    proxy = run.proxy({"open_timeout": 300})
    displaced, other = Control(run, proxy, "t"), Control(run, proxy, "u")
    holder = Control(run, proxy, "t")
    value = {"of another topic": other.ticket(), "of the displaced": displaced.ticket()}.get(ticket,
                                                                                         ticket)
    foreign = Data(run, proxy, "t", {} if value is None else {"ticket": value})
    assert foreign.answer["message"] != ""
    assert foreign.answer["ext"]["code"] == ("limit" if ticket == "of the displaced" else "denied")
    assert foreign.ended()
    assert proxy.status()["parked"] == 0
    assert holder.park().answer["message"] == ""


def test_a_legacy_data_connection_does_not_join_the_pool_of_an_out_with_ext(run):
    proxy = run.proxy()
    Control(run, proxy, "t")
    data = run.own(connect(proxy.port()))
    data.sendall(encode("OutDataRequest", {"magic": new_id(16), "version": "0.0.1", "type": "t"}))
    assert read_frame(data)[1]["message"] != ""
    assert proxy.status()["parked"] == 0


def test_a_holder_that_falls_silent_loses_the_topic_at_its_announced_deadline(run):
    """5 s is the least that may be announced."""
    proxy = run.proxy({"heartbeat_timeout": 600000})
    start = time.monotonic()
    holder = Control(run, proxy, "t", heartbeat_timeout=1)
    standby = Control(run, proxy, "t", mode="standby", heartbeat_timeout=60000)
    standby.wait_notice("promoted")
    assert time.monotonic() - start >= 5
    wait_for(lambda: ended_without(holder, "displaced"), what="end of the silent connection")
