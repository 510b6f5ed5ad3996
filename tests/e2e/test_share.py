"""Several outs share a topic: streams are spread by weight, and the group stands in line as one."""
import collections
import contextlib
import concurrent.futures
import signal
import socket

import pytest

import harness
from admin import ADMIN, get
from harness import connect, free_port, read_exactly, wait_for
from legacy import LegacyOut
from reloads import changed, of_topic, reload, with_networks


def backend(run, name):
    """A backend that says its name (one byte), then echoes."""
    def serve(s):
        s.sendall(name)
        harness.echo(s)
    return run.own(harness.Server(serve)).port


def out(run, proxy, name, topic="t", config=None, **network):
    return run.program("out", {**harness.TWO_THREADS, "networks": [
        {"server_host": "127.0.0.1", "server_port": proxy.port(), "backend_host": "127.0.0.1",
         "backend_port": backend(run, name), "topic": topic, **network}], **(config or {})})


def sharing(run, proxy, name, weight=1, **options):
    return out(run, proxy, name, share=True, weight=weight, **options)


def registered(*outs):
    for each in outs:
        each.wait_event("registered")


def served_by(port, source="127.0.0.1"):
    with socket.create_connection(("127.0.0.1", port), 20 * harness.PATIENCE, (source, 0)) as client:
        return read_exactly(client, 1)


def counted(port, streams, at_once=8):
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return collections.Counter(pool.map(lambda _: served_by(port), range(streams)))


def three(run, config=None):
    proxy = run.proxy({"port": free_port(), **(config or {})})
    outs = [sharing(run, proxy, name, weight) for name, weight in ((b"a", 1), (b"b", 2), (b"c", 3))]
    registered(*outs)
    return proxy, outs, run.in_(proxy, ["t"])


@pytest.mark.parametrize("by", ["round_robin", "random"])
def test_streams_are_spread_by_weight(run, by):
    _, _, in_ = three(run, {"dispatch": [{"topics": ["other"], "by": "source"}, {"by": by}]})
    got = counted(in_.port(), 600)
    slack = 60 if by == "random" else 30
    for name, share in ((b"a", 100), (b"b", 200), (b"c", 300)):
        assert abs(got[name] - share) <= slack, got


def test_streams_that_last_count(run):
    """Least streams, which nobody has to ask for: what runs is made up for by the others."""
    _, _, in_ = three(run)
    held = [connect(in_.port()) for _ in range(60)]
    try:
        got = collections.Counter(read_exactly(s, 1) for s in held)
        for name, share in ((b"a", 10), (b"b", 20), (b"c", 30)):
            assert abs(got[name] - share) <= 2, got
    finally:
        for s in held:
            s.close()


def test_new_streams_move_on_at_once_when_one_is_killed_or_ends(run):
    _, outs, in_ = three(run)
    outs[2].kill()
    assert set(counted(in_.port(), 60)) <= {b"a", b"b"}
    with contextlib.ExitStack() as streams:
        held = {}
        # Of those before, some may still be counted that are just ending.
        while len(held) < 2:
            stream = streams.enter_context(connect(in_.port()))
            held[read_exactly(stream, 1)] = stream
        outs[1].expected_end = True
        outs[1].signal(signal.SIGTERM)
        outs[1].wait_event("draining")
        assert set(counted(in_.port(), 20)) == {b"a"}
        harness.expect_echo(held[b"b"])


def test_an_out_whose_backend_is_down_gets_no_more(run):
    proxy, _, in_ = three(run)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        broken = run.program("out", {**harness.TWO_THREADS, "networks": [
            {"server_host": "127.0.0.1", "server_port": proxy.port(), "backend_host": "127.0.0.1",
             "backend_port": closed.getsockname()[1], "topic": "t", "share": True, "weight": 6}]})
        registered(broken)
        assert sum(counted(in_.port(), 60).values()) == 60
        proxy.wait_event("out rests")
        tries = len(broken.find("open_failed"))
        assert sum(counted(in_.port(), 60).values()) == 60
        assert len(broken.find("open_failed")) <= tries + 1


def test_an_exclusive_takeover_displaces_the_group_and_its_end_brings_it_back(run):
    proxy, outs, in_ = three(run)
    alone = out(run, proxy, b"x")
    registered(alone)
    for each in outs:
        each.wait_event("displaced")
    assert set(counted(in_.port(), 20)) == {b"x"}
    late = sharing(run, proxy, b"d")  # a takeover, too: a new group at the head
    registered(late)
    alone.wait_event("displaced")
    assert set(counted(in_.port(), 20)) == {b"d"}
    late.kill()
    alone.wait_event("promoted")
    alone.kill()
    for each in outs:
        each.wait_event("promoted")
    assert set(counted(in_.port(), 60)) == {b"a", b"b", b"c"}


def test_an_out_of_0_0_1_never_shares(run):
    proxy, outs, in_ = three(run)
    old = run.own(LegacyOut(proxy.port(), {"t": backend(run, b"o")}))
    for each in outs:
        each.wait_event("displaced")
    assert set(counted(in_.port(), 20, at_once=1)) == {b"o"}
    old.close()
    for each in outs:
        each.wait_event("promoted")
    assert set(counted(in_.port(), 30)) == {b"a", b"b", b"c"}


def test_the_status_tells_who_shares(run):
    proxy = run.proxy({"port": free_port(), **ADMIN})
    registered(sharing(run, proxy, b"a", 3), out(run, proxy, b"b", topic="db.*", pattern=True))
    rows = {row["topic"]: row for row in get(proxy, "/api/topics").json["topics"]}
    assert (rows["t"]["share"], rows["t"]["weight"], rows["t"]["pattern"]) == (True, 3, False)
    assert (rows["db.*"]["share"], rows["db.*"]["pattern"]) == (False, True)
    assert "weight" not in rows["db.*"]


def test_a_client_stays_with_its_out(run):
    """Clients differ by their address; whoever comes or goes moves few of them."""
    proxy, outs, in_ = three(run, {"dispatch": [{"by": "source"}]})

    def where():
        return {n: served_by(in_.port(), source=f"127.0.7.{n}") for n in range(1, 40)}

    before = where()
    assert where() == before and len(set(before.values())) == 3
    outs[0].kill()
    proxy.wait_event("unregistered")
    after = where()
    assert all(after[n] == name for n, name in before.items() if name != b"a")


def test_dispatch_changes_with_the_configuration(run):
    proxy, _, in_ = three(run)
    reload(proxy, changed(proxy, dispatch=[{"topics": ["t"], "by": "source"}]))
    wait_for(lambda: len(counted(in_.port(), 20)) == 1, what="one out for this client")


def test_an_out_begins_to_share_without_a_gap(run):
    proxy = run.proxy({"port": free_port(), "dispatch": [{"by": "round_robin"}]})
    first = out(run, proxy, b"a")
    registered(first)
    reload(first, with_networks(first, of_topic(first, "t", share=True, weight=2)))
    first.wait_event("registered", count=2)
    registered(sharing(run, proxy, b"b"))
    in_ = run.in_(proxy, ["t"])
    assert counted(in_.port(), 30, at_once=1) == {b"a": 20, b"b": 10}
    assert not first.find("displaced")
