"""What the programs are told to do over HTTP: that it happens, exactly, and to nobody else.

Who may tell them: test_admin_who.py."""
import contextlib
import signal
import threading

import pytest

import framed
import harness
from admin import NEVER_MS, PROGRAMS, acting, acting_chain, get, post, stream_of
from harness import (connect, echo_server, expect_echo, expect_failed_open, expect_reset,
                     wait_for)
from reloads import Bulk

SAME_ID = "00c0ffee00c0ffee"


def kick(program, path):
    reply = post(program, path)
    assert reply.status == 200, reply.body
    return reply.json


def actions_of(program):
    return [(e["action"], e["what"], e["result"]) for e in program.find("admin action")]


# --- streams ---

@pytest.mark.parametrize("name", PROGRAMS)
def test_one_of_many_streams_is_kicked_and_the_others_lose_nothing(run, name):
    chain = acting_chain(run)
    program = getattr(chain, name)
    others = [Bulk(run, chain.port) for _ in range(3)]
    victim, row = stream_of(chain, program)
    for other in others:
        other.moves()
    assert kick(program, f"/api/streams/kick?id={row['id']}") == {"kicked": 1}
    expect_reset(victim)
    for each in chain.all():
        reason = each.wait_event("stream", id=row["id"])["reason"]
        assert reason == "kicked" if each is program else reason.startswith("reset by "), reason
    for other in others:
        other.moves()
        other.end()
    program.wait_event("admin action")
    told = program.find("admin action")
    assert [(e["action"], e["what"], e["result"], e["level"]) for e in told] == \
        [("kick stream", row["id"], "streams: 1", "info")]
    assert told[0]["from"].startswith("127.0.0.1:")
    assert post(program, f"/api/streams/kick?id={row['id']}").status == 404
    chain.wait_idle()


def test_of_streams_with_one_id_the_number_picks_one(run):
    chain = acting_chain(run)
    streams = []
    for _ in range(3):
        peer = framed.In(run, chain.proxy)
        peer.sock.sendall(peer.request(early=0, id=SAME_ID))
        peer.opened()
        peer.echo()
        streams.append(peer)
    other, _ = stream_of(chain, chain.proxy)
    rows = [row for row in get(chain.proxy, "/api/streams").json["streams"]
            if row["id"] == SAME_ID]
    assert len({row["number"] for row in rows}) == 3  # the oldest first
    path = f"/api/streams/kick?id={SAME_ID}"
    assert kick(chain.proxy, f"{path}&number={rows[1]['number']}") == {"kicked": 1}
    expect_reset(streams.pop(1).sock)
    assert post(chain.proxy, f"{path}&number={rows[1]['number']}").status == 404
    assert post(chain.proxy, f"/api/streams/kick?id=00&number={rows[0]['number']}").status == 404
    for stream in streams:
        stream.echo()
    assert kick(chain.proxy, path) == {"kicked": 2}
    for stream in streams:
        expect_reset(stream.sock)
    expect_echo(other)


# --- topics ---

class TwoTopics:
    """Topic "a" with a holder and one that waits, topic "b" with one; a stream of each."""

    def __init__(self, run):
        port = echo_server(run).port
        self.proxy = run.proxy(acting())
        self.first = run.out(self.proxy, {"a": port, "b": port}, acting())
        for topic in "ab":
            self.first.wait_event("registered", topic=topic)
        self.second = run.out(self.proxy, {"a": port}, acting())
        self.second.wait_event("registered")
        self.first.wait_event("displaced", topic="a")
        self.in_ = run.in_(self.proxy, ["a", "b"], acting())
        self.streams = {topic: run.own(connect(self.in_.port(topic=topic))) for topic in "ab"}
        for stream in self.streams.values():
            expect_echo(stream)

    def line(self, topic):
        return [(row["out"], row["state"]) for row in get(self.proxy, "/api/topics").json["topics"]
                if row["topic"] == topic]

    def serves(self, topic):
        with connect(self.in_.port(topic=topic)) as client:
            expect_echo(client)


@pytest.mark.parametrize("keep", [False, True])
def test_a_topic_that_is_kicked_at_the_proxy_comes_back_with_its_whole_line(run, keep):
    two = TwoTopics(run)
    before, other = two.line("a"), two.line("b")
    assert len(before) == 2
    path = "/api/topics/kick?topic=%61" + ("&streams=keep" if keep else "")
    assert kick(two.proxy, path) == {"registrations": 2, "streams": 0 if keep else 1}
    two.proxy.wait_event("unregistered", count=2, topic="a", reason="kicked")
    two.first.wait_event("registered", count=2, topic="a")
    two.second.wait_event("registered", count=2, topic="a")
    assert two.proxy.find("promoted") == []
    after = wait_for(lambda: len(line := two.line("a")) == 2 and line, what="line")
    assert not {out for out, _ in before} & {out for out, _ in after}
    assert sorted(state for _, state in after) == ["holds", "waits"]
    assert two.line("b") == other and len(two.first.find("registered", topic="b")) == 1
    if keep:
        expect_echo(two.streams["a"])
    else:
        expect_reset(two.streams["a"])
    expect_echo(two.streams["b"])
    for topic in "ab":
        two.serves(topic)
    assert two.proxy.find("unregistered", topic="b") == []


@pytest.mark.parametrize("keep", [False, True])
def test_a_topic_that_is_kicked_at_an_out_is_registered_anew(run, keep):
    two = TwoTopics(run)
    path = "/api/topics/kick?topic=a" + ("&streams=keep" if keep else "")
    assert kick(two.second, path) == {"registrations": 1, "streams": 0 if keep else 1}
    two.second.wait_event("registers anew", topic="a")
    assert two.second.wait_event("registered", count=2, topic="a")["position"] == 0
    two.proxy.wait_event("unregistered", topic="a")
    if keep:
        expect_echo(two.streams["a"])
    else:
        expect_reset(two.streams["a"])
    expect_echo(two.streams["b"])
    two.serves("a")
    assert kick(two.first, "/api/topics/kick?topic=b&streams=keep")["registrations"] == 1
    two.first.wait_event("registered", count=2, topic="b")
    expect_echo(two.streams["b"])
    assert len(two.first.find("registered", topic="a")) == 1
    assert post(two.first, "/api/topics/kick?topic=c").status == 404


def test_a_topic_that_is_kicked_at_in_loses_its_streams(run):
    two = TwoTopics(run)
    assert post(two.in_, "/api/topics/kick?topic=a&streams=keep").status == 400
    expect_echo(two.streams["a"])
    assert kick(two.in_, "/api/topics/kick?topic=a") == {"registrations": 0, "streams": 1}
    expect_reset(two.streams["a"])
    expect_echo(two.streams["b"])
    assert post(two.in_, "/api/topics/kick?topic=a").status == 404
    two.serves("a")
    assert [len(two.proxy.find("registered", topic=topic)) for topic in "ab"] == [2, 1]


def test_topics_are_compared_byte_by_byte(run):
    topics = ["a b&c=d%41", "größe", "a+b"]
    escaped = ["a%20b%26c%3dd%2541", "gr%C3%B6%C3%9fe", "a+b"]
    proxy = run.proxy(acting())
    out = run.out(proxy, {topic: echo_server(run).port for topic in topics})
    for topic in topics:
        out.wait_event("registered", topic=topic)
    for wrong in ["a%20b%26c%3dd%41", "Gr%C3%B6%C3%9fe", "a%20b", "a", "%00", "%ff"]:
        assert post(proxy, f"/api/topics/kick?topic={wrong}").status == 404
    for i, topic in enumerate(topics):
        assert kick(proxy, f"/api/topics/kick?topic={escaped[i]}")["registrations"] == 1
        out.wait_event("registered", count=2, topic=topic)
        assert [len(out.find("registered", topic=t)) for t in topics] == \
            [2 if j <= i else 1 for j in range(3)]
    proxy.wait_event("admin action", what=topics[-1])
    assert [what for action, what, result in actions_of(proxy)][-3:] == topics


def test_a_crowd_of_streams_is_kicked_while_another_topic_is_served(run):
    port = echo_server(run).port
    proxy = run.proxy(acting())
    out = run.out(proxy, {"a": port, "b": port})
    for topic in "ab":
        out.wait_event("registered", topic=topic)
    in_ = run.in_(proxy, ["a", "b"])
    crowd = [run.own(connect(in_.port(topic="a"))) for _ in range(150)]
    for stream in crowd:
        expect_echo(stream)
    other = Bulk(run, in_.port(topic="b"))
    other.moves()
    assert kick(proxy, "/api/topics/kick?topic=a")["streams"] == 150
    for stream in crowd:
        expect_reset(stream)
    assert len(wait_for(lambda: len(found := proxy.find("stream", reason="kicked")) == 150 and found,
                        what="150 lines")) == 150
    other.moves()
    other.end()


# --- the program's life ---

@pytest.mark.parametrize("name", PROGRAMS)
def test_a_drain_is_that_of_one_signal_however_often_it_is_asked_for(run, name):
    chain = acting_chain(run, drain_timeout=NEVER_MS, open_timeout=1000)
    program = getattr(chain, name)
    stream = chain.connect()
    expect_echo(stream)
    program.expected_end = True
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(post(program, "/api/drain").status))
               for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [202] + 4 * [409]
    program.wait_event("draining")
    assert get(program, "/api/status").json["draining"]
    assert post(program, "/api/drain").status == 409
    assert post(program, "/api/reload").status == 409
    expect_echo(stream)
    with contextlib.suppress(ConnectionRefusedError):
        expect_failed_open(chain.port)
    assert len(program.find("draining")) == 1
    stream.close()
    assert program.process.wait(10 * harness.PATIENCE) == 0


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_signal_behind_a_drain_ends_it_however_that_was_asked_for(run, by_signal):
    chain = acting_chain(run, drain_timeout=NEVER_MS)
    stream = chain.connect()
    expect_echo(stream)
    proxy = chain.proxy
    proxy.expected_end = True
    if by_signal:
        proxy.signal(signal.SIGTERM)
    else:
        assert post(proxy, "/api/drain").status == 202
    proxy.wait_event("draining")
    assert post(proxy, "/api/drain").status == 409
    expect_echo(stream)
    proxy.signal(signal.SIGTERM)
    assert proxy.process.wait(10 * harness.PATIENCE) == 0
    expect_reset(stream)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_reload_takes_another_configuration_into_use(run, name):
    program = getattr(acting_chain(run), name)

    def counts():
        counters = get(program, "/api/status").json["counters"]
        return {"reloads": counters["reloads_total"],
                "reloads_failed": counters["reloads_failed_total"]}
    for change, expected in [({"drain_timeout": 12_345}, {"reloads": 1, "reloads_failed": 0}),
                             ({"drain_timeout": -1}, {"reloads": 1, "reloads_failed": 1})]:
        before = counts()
        program.configure({**program.config, **change})
        reply = post(program, "/api/reload")
        assert (reply.status, reply.json) == (202, before)
        wait_for(lambda: counts() != before, what="end of the reload")
        assert counts() == expected
    assert program.wait_event("reloaded", cause="admin")["changed"] == "drain_timeout"
    program.wait_event("not reloaded", cause="admin")


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_log_level_changes_what_is_logged_until_a_reload(run, name):
    program = getattr(acting_chain(run), name)

    def level():
        return get(program, "/api/status").json["log_level"]
    assert level() == "debug"
    for i, word in enumerate(["error", "warning", "info", "error", "debug"]):
        was = level()
        reply = post(program, f"/api/log?level={word}")
        assert (reply.status, reply.json) == (200, {"level": word, "was": was})
        assert level() == word
        assert post(program, f"/api/streams/kick?id={i}").status == 404
    program.wait_event("admin action", what="4")
    seen = [(action, what) for action, what, _ in actions_of(program)]
    # A change is told unless neither level lets it be seen.
    assert seen == [("log level", "error"), ("log level", "info"), ("kick stream", "2"),
                    ("log level", "error"), ("log level", "debug"), ("kick stream", "4")]
    assert post(program, "/api/log?level=error").json["was"] == "debug"
    assert post(program, "/api/reload").status == 202
    wait_for(lambda: level() == "debug", what="the level of the configuration")
