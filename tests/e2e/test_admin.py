"""What the programs tell of themselves over HTTP, and that asking disturbs nobody."""
import re

import pytest

from admin import ADMIN, OPENAPI, admin_port, curl, differences, get, metrics, say
from harness import (connect, echo_server, expect_echo, expect_failed_open, free_port,
                     wait_for)

PROGRAMS = ["in_", "proxy", "out"]
PLAIN_FIELDS = {"cache-control": "no-store", "x-content-type-options": "nosniff",
                "referrer-policy": "no-referrer", "content-security-policy": "default-src 'none'"}


def chain_of(run, **more):
    config = {**ADMIN, **more}
    return run.chain(echo_server(run).port, proxy=config, out=config, in_=config)


def count_of(name, labels=""):
    return f"inout_{name}{{{labels}}}" if labels else f"inout_{name}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_the_document_says_is_what_is_answered(run, name):
    chain = chain_of(run)
    program = getattr(chain, name)
    stream = chain.connect()
    expect_echo(stream)
    for path, methods in OPENAPI["paths"].items():
        assert list(methods) in (["get"], ["post"])
        if "post" in methods:  # test_admin_actions.py
            continue
        reply = get(program, path)
        if path == "/" and program is not chain.proxy:
            assert reply.status == 404
            continue
        assert reply.status == 200
        policy = reply.fields.pop("content-security-policy")
        assert policy.split(";")[0] == "default-src 'none'" and (";" in policy) == (path == "/")
        assert {**reply.fields, "content-security-policy": "default-src 'none'"}.items() \
            >= PLAIN_FIELDS.items()
        for kind, content in methods["get"]["responses"]["200"]["content"].items():
            assert reply.fields["content-type"].split(";")[0] == kind
            if kind == "application/json":
                assert list(differences(reply.json, content["schema"])) == []
    assert get(program, "/api/status").json["program"] == name.strip("_")
    assert [t["topic"] for t in get(program, "/api/topics").json["topics"]] != []


@pytest.mark.parametrize("name", PROGRAMS)
def test_figures_of_a_stream_are_exact(run, name):
    chain = chain_of(run)
    program = getattr(chain, name)
    stream = chain.connect()
    data = b"x" * 100_003
    expect_echo(stream, data)

    def shown():
        streams = get(program, "/api/streams?state=running").json["streams"]
        return [s for s in streams if s["bytes_up"] == s["bytes_down"] == len(data)]
    only, = wait_for(shown, what="stream with its bytes")
    assert only["state"] == "open"
    topic = f'topic="{only["topic"]}"'
    figures = metrics(program)
    assert figures[count_of("topic_streams", topic)] == figures[count_of("streams")] == 1
    for direction in ["up", "down"]:
        name_of = count_of("topic_stream_bytes", f'{topic},direction="{direction}"')
        assert figures[name_of] == len(data)
        assert figures[count_of("stream_bytes_total", f'direction="{direction}"')] == len(data)
    assert figures[count_of("streams_opened_total")] == 1
    stream.close()
    wait_for(lambda: get(program, "/api/streams").json["streams"] == [], what="end of the stream")
    figures = metrics(program)
    assert not any("topic_streams" in key for key in figures)
    assert figures[count_of("stream_bytes_total", 'direction="up"')] == len(data), "only rises"
    assert figures[count_of("streams_ended_total", 'reason="done"')] == 1
    assert sum(figures[key] for key in figures if "streams_ended_total" in key) == 1
    assert sum(figures[key] for key in figures if "streams_failed_total" in key) == 0


def test_metrics_have_help_and_type_and_no_line_twice(run):
    text = get(run.proxy(ADMIN), "/metrics").body
    series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if line[0] != "#"]
    assert len(series) == len(set(series)) > 50
    for name in {one.split("{")[0] for one in series}:
        assert len(re.findall(rf"^# HELP {name} \S", text, re.MULTILINE)) == 1
        kind = "counter" if name.endswith("_total") else "gauge"
        assert text.count(f"# TYPE {name} {kind}\n") == 1


def test_other_methods_paths_and_queries_are_refused(run):
    port = admin_port(run.proxy(ADMIN))
    head = get(port, "/metrics", "--head")
    assert (head.status, head.body) == (200, "") and int(head.fields["content-length"]) > 1000
    for options in [["-X", "POST"], ["-X", "DELETE"], ["-d", "x"]]:
        reply = get(port, "/api/status", *options)
        assert (reply.status, reply.fields["allow"]) == (405, "GET, HEAD")
    for path in ["/index.html", "/api", "/metrics/", "/api/status/x", "/%2e", "//metrics"]:
        assert get(port, path).status == 404
    for query in ["limit=0", "limit=1001", "limit=x", "after=-1", "state=odd", "x=1",
                  "limit=1&limit=2"]:
        assert get(port, "/api/streams?" + query).status == 400
    assert get(port, "/metrics", "-X", "GET", "-d", "x").status == 413


def test_what_is_no_request_gets_its_status(run):
    port = admin_port(run.proxy(ADMIN))
    host = "Host: localhost\r\n"
    for text, status in [("nonsense\r\n\r\n", 400), ("BREW / HTTP/1.1\r\n\r\n", 501),
                         ("GET / HTTP/2.0\r\n\r\n", 505), ("GET / HTTP/1.1\r\n\r\n", 400),
                         (f"GET / HTTP/1.1\r\n{host}{host}\r\n", 400),
                         ("GET /" + "x" * 9000, 414),
                         (f"GET / HTTP/1.1\r\n{host}A: {'x' * 9000}", 431),
                         (f"GET / HTTP/1.1\r\n{host}" + "A: b\r\n" * 100 + "\r\n", 431),
                         ("GET http://localhost/metrics HTTP/1.1\r\n" + host +
                          "Connection: close\r\n\r\n", 400)]:
        assert say(port, text).status == status, text


def test_neither_another_host_nor_a_page_of_a_browser_is_answered(run):
    port = admin_port(run.proxy(ADMIN))
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1", "localhost@x", "::1", ""]:
        assert get(port, "/metrics", "-H", f"Host: {host};" if not host else f"Host: {host}").status \
            in (400, 421), host
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:65535", "[::1]:80"]:
        assert get(port, "/healthz", "-H", f"Host: {host}").status == 200
    for origin in ["http://localhost", f"https://127.0.0.1:{port}", "null"]:
        assert get(port, "/metrics", "-H", f"Origin: {origin}").status == 403


def test_requests_follow_one_another_on_a_connection(run):
    port = admin_port(run.proxy(ADMIN))
    urls = [f"http://127.0.0.1:{port}/healthz"] * 3
    once = curl(urls[0], *urls[1:], "--write-out", "%{num_connects}")
    assert once.body.count("HTTP/1.1 200 OK") == 2
    connects = re.findall(r"ok\n(\d)", once.body)
    assert connects == ["1", "0", "0"]
    ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    many = say(port, f"{ask}\r\n" * 150)
    assert many.body.count("HTTP/1.1 200 OK") == 99
    assert "Connection: close" in many.body


def test_streams_come_a_page_at_a_time(run):
    chain = chain_of(run)
    streams = [chain.connect() for _ in range(7)]
    for stream in streams:
        expect_echo(stream)
    seen, query = [], "limit=3"
    for size in [3, 3, 1]:
        part = get(chain.proxy, f"/api/streams?{query}").json
        assert len(part["streams"]) == size
        seen += [s["id"] for s in part["streams"]]
        query = f"limit=3&after={part.get('next')}"
    assert "next" not in part and len(set(seen)) == 7


@pytest.mark.parametrize("name", PROGRAMS)
def test_draining_is_told_and_no_longer_ready(run, name):
    chain = chain_of(run, drain_timeout=60_000)
    program = getattr(chain, name)
    stream = chain.connect()
    expect_echo(stream)
    assert get(program, "/readyz").status == 200
    program.expected_end = True
    program.process.terminate()
    program.wait_event("draining")
    reply = get(program, "/readyz")
    assert (reply.status, reply.body) == (503, "draining\n")
    assert get(program, "/healthz").status == 200
    status = get(program, "/api/status").json
    assert status["draining"] and not status["ready"] and 0 < status["drain_left_ms"] <= 60_000
    assert metrics(program)[count_of("draining")] == 1
    expect_echo(stream)


def test_in_is_not_ready_while_its_proxy_does_not_answer(run):
    port = free_port()
    proxy = run.proxy({"port": port})
    out = run.out(port, {"t": echo_server(run).port})
    out.wait_event("registered")
    in_ = run.in_(port, ["t"], ADMIN)
    in_.port()
    assert get(in_, "/readyz").status == 200
    proxy.kill()
    expect_failed_open(in_.port())
    reply = wait_for(lambda: (r := get(in_, "/readyz")).status == 503 and r, what="503")
    assert f"127.0.0.1:{port}" in reply.body
    assert get(in_, "/api/topics").json["topics"][0]["state"] == "lost"
    run.proxy({"port": port})
    out.wait_event("registered", count=2)
    expect_echo(run.own(connect(in_.port())))
    assert get(in_, "/readyz").status == 200


def test_out_is_not_ready_while_a_topic_is_not_registered(run):
    port = free_port()
    out = run.out(port, {"t": 1}, ADMIN)
    reply = wait_for(lambda: (r := get(out, "/readyz")).status == 503 and r, what="503")
    assert "not registered" in reply.body
    run.proxy({"port": port})
    out.wait_event("registered")
    assert get(out, "/readyz").status == 200


def test_a_proxys_topics_show_its_line(run):
    proxy = run.proxy(ADMIN)
    first = run.out(proxy, {"t": 1})
    first.wait_event("registered")
    run.out(proxy, {"t": 2}).wait_event("registered")
    first.wait_event("displaced")
    waits, holds = get(proxy, "/api/topics").json["topics"]
    assert (waits["state"], waits["position"]) == ("waits", 1)
    assert (holds["state"], holds["position"]) == ("holds", 0)
    assert waits["topic"] == holds["topic"] == "t" and waits["identity"] == "anonymous"
    part = get(proxy, "/api/topics?limit=1").json
    assert part["topics"][0]["out"] == waits["out"]
    rest = get(proxy, f"/api/topics?limit=1&after={part['next']}").json
    assert [t["out"] for t in rest["topics"]] == [holds["out"]] and "next" not in rest
