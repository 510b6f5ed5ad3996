"""Why a stream is gone: for the rows of the failure table (docs/architecture.md) what the programs
say over HTTP, which is what stands in their logs."""
import signal
import socket

import pytest

from admin import ADMIN, OPENAPI, differences, get
from harness import (Server, connect, echo_server, expect_echo, expect_failed_open, expect_reset,
                     refusing_port, wait_for)
from late_server import silent_port
from secure import secret
from reloads import reload

KEY = {"id": "site", "secret_file": secret("why.secret")}
ENDED = OPENAPI["components"]["schemas"]["EndedStreams"]


def ended(program, query=""):
    """The newest first."""
    reply = get(program, "/api/streams?state=ended" + query)
    assert reply.status == 200
    assert list(differences(reply.json, ENDED)) == []
    return reply.json["streams"]


class Scene:
    """The three programs with their admin listeners, and clients that fare in some way."""

    def __init__(self, run, backend=None, in_=None, proxy=None, out=None, topic="t"):
        self.run = run
        self.proxy = run.proxy({**ADMIN, **(proxy or {})})
        port = backend or echo_server(run).port
        self.out = run.out(self.proxy, {"t": port}, {**ADMIN, **(out or {})})
        self.out.wait_event("registered")
        self.in_ = run.in_(self.proxy, [topic], {**ADMIN, **(in_ or {})})

    def fails(self):
        expect_failed_open(self.in_.port())

    def runs(self):
        stream = self.run.own(connect(self.in_.port()))
        expect_echo(stream)
        return stream

    def programs(self):
        return {"in": self.in_, "proxy": self.proxy, "out": self.out}


def no_topic(run):
    scene = Scene(run, topic="nobody's")
    scene.fails()
    return scene


def backend_refused(run):
    scene = Scene(run, backend=refusing_port(run))
    scene.fails()
    return scene


def backend_silent(run):
    scene = Scene(run, backend=silent_port(run), out={"open_timeout": 500})
    scene.fails()
    return scene


def proxy_unreachable(run):
    scene = Scene(run)
    scene.in_ = run.in_(refusing_port(run), ["t"], ADMIN)
    scene.fails()
    return scene


def no_proxy_of_ours(run):
    scene = Scene(run)
    stranger = run.own(Server(lambda s: s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")))
    scene.in_ = run.in_(stranger.port, ["t"], ADMIN)
    scene.fails()
    return scene


def denied(run):
    auth = {"auth": {"keys": [{**KEY, "in": ["other"], "out": ["t"]}]}}
    scene = Scene(run, proxy=auth, in_={"auth": KEY}, out={"auth": KEY})
    scene.fails()
    return scene


def limit(run):
    scene = Scene(run, proxy={"limits": {"streams_per_topic": 1}})
    scene.runs()
    scene.fails()
    return scene


def end_to_end(run):
    scene = Scene(run)
    scene.in_ = run.program("in", {**ADMIN, "networks": [
        {"server_host": "127.0.0.1", "server_port": scene.proxy.port(), "topic": "t", "port": 0,
         "e2e": {"key_file": secret("why.e2e")}}]})
    scene.fails()
    return scene


def out_killed(run):
    scene = Scene(run)
    stream = scene.runs()
    scene.out.kill()
    expect_reset(stream)
    return scene


def proxy_killed(run):
    scene = Scene(run)
    stream = scene.runs()
    scene.proxy.kill()
    expect_reset(stream)
    return scene


def client_reset(run):
    scene = Scene(run)
    scene.runs().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    scene.run.things.pop().close()
    return scene


def idle(run):
    scene = Scene(run, proxy={"idle_timeout": 500})
    expect_reset(scene.runs())
    return scene


def revoked(run):
    auth = {"keys": [{**KEY, "in": ["#"], "out": ["t"]}], "revoke": "streams"}
    scene = Scene(run, proxy={"auth": auth}, in_={"auth": KEY}, out={"auth": KEY})
    stream = scene.runs()
    auth["keys"][0]["in"] = []
    reload(scene.proxy, {**scene.proxy.config, "auth": auth})
    expect_reset(stream)
    return scene


# What each program says of the stream: its state, its reason, and what the detail has.
SCENES = {
    no_topic: {"in": ("failed", "no_topic", "nobody's"), "proxy": ("failed", "no_topic", "")},
    backend_refused: dict.fromkeys(("in", "proxy", "out"), ("failed", "backend_refused", "127.0")),
    backend_silent: dict.fromkeys(("in", "proxy", "out"), ("failed", "backend_timeout", "127.0")),
    proxy_unreachable: {"in": ("failed", "proxy_unreachable", "refused")},
    no_proxy_of_ours: {"in": ("failed", "proxy_unreachable", "no inout proxy")},
    denied: {"in": ("failed", "denied", "t")},
    limit: {"in": ("failed", "limit", "topic"), "proxy": ("failed", "limit", "topic")},
    end_to_end: {"in": ("failed", "e2e", ""), "out": ("failed", "e2e", "")},
    out_killed: {"in": ("ended", "reset", "by proxy"), "proxy": ("ended", "reset", "by out")},
    proxy_killed: {"in": ("ended", "reset", "by proxy"), "out": ("ended", "reset", "by proxy")},
    client_reset: {"in": ("ended", "reset", "by client"), "proxy": ("ended", "reset", "by in"),
                   "out": ("ended", "reset", "by proxy")},
    idle: {"in": ("ended", "reset", "by proxy"), "proxy": ("ended", "idle_timeout", "idle"),
           "out": ("ended", "reset", "by proxy")},
    revoked: {"in": ("ended", "reset", "by proxy"), "proxy": ("ended", "revoked", "permission"),
              "out": ("ended", "reset", "by proxy")},
}


@pytest.mark.parametrize("scene", SCENES, ids=[scene.__name__ for scene in SCENES])
def test_each_program_says_why(run, scene):
    programs = scene(run).programs()
    for name, (state, reason, detail) in SCENES[scene].items():
        program = programs[name]
        row = wait_for(lambda p=program: ended(p), what="end of the stream")[0]
        assert (row["state"], row["reason"]) == (state, reason)
        assert detail in row["detail"]
        line = program.wait_event("stream" if state == "ended" else "open_failed", id=row["id"])
        told = line["reason" if state == "ended" else "detail"]
        assert [line[key] for key in ("topic", "client", "code")] + [told] == [
            row[key] for key in ("topic", "client", "reason", "detail")]
        counts = get(program, "/api/status").json[state]
        assert counts[reason] >= 1
        assert (row["number"] == "1") == (len(ended(program)) == 1)


def test_a_drain_is_the_reason_of_the_streams_that_it_ends(run):
    """in ends behind it, so that only its log tells, and those of the others."""
    scene = Scene(run, in_={"drain_timeout": 200})
    stream = scene.runs()
    scene.in_.expected_end = True
    scene.in_.signal(signal.SIGTERM)
    expect_reset(stream)
    assert scene.in_.wait_event("stream")["code"] == "drain"
    assert wait_for(lambda: ended(scene.proxy), what="end")[0]["detail"] == "reset by in"


def test_the_newest_come_first_a_page_at_a_time(run):
    scene = Scene(run)
    failing = run.in_(scene.proxy, ["nobody's"], ADMIN)
    for _ in range(3):
        scene.runs().close()
        scene.run.things.pop()
        expect_failed_open(failing.port())
    rows = wait_for(lambda: len(ended(scene.proxy)) == 6 and ended(scene.proxy), what="6 ends")
    numbers = [int(row["number"]) for row in rows]
    assert numbers == [6, 5, 4, 3, 2, 1]
    assert sorted(row["state"] for row in rows) == ["ended"] * 3 + ["failed"] * 3
    assert [row["number"] for row in ended(scene.proxy, "&limit=2")] == ["6", "5"]
    page = get(scene.proxy, "/api/streams?state=ended&limit=2&before=5").json
    assert [row["number"] for row in page["streams"]] == ["4", "3"] and page["next"] == "3"
    assert [row["number"] for row in ended(scene.proxy, "&after=4")] == ["6", "5"]
    assert get(scene.proxy, "/api/streams?state=ended&before=1").json == {"streams": []}
    for query in ("before=x", "before=1&before=2", "before=-1"):
        assert get(scene.proxy, f"/api/streams?state=ended&{query}").status == 400
    assert get(scene.proxy, "/api/streams?state=running&before=5").status == 400


def test_nothing_is_kept_before_somebody_can_ask(run):
    proxy = run.proxy()
    failing = run.in_(proxy, ["nobody's"])
    expect_failed_open(failing.port())
    reload(proxy, {**proxy.config, **ADMIN})
    assert ended(proxy) == []
    expect_failed_open(failing.port())
    row, = wait_for(lambda: ended(proxy), what="the second one")
    assert row["number"] == "1" and get(proxy, "/api/status").json["failed"]["no_topic"] == 2
