"""Who may tell the programs over HTTP what to do, and that each answer is one of the document's."""
import contextlib

import pytest

import harness
import secure
from admin import (ADMIN, BEARER, NEVER_MS, OPENAPI, PROGRAMS, TOKEN, acting, acting_chain,
                   admin_port, curl, differences, get, post, say, stream_of)
from harness import connect, wait_for

ACTIONS = [path for path, methods in OPENAPI["paths"].items() if "post" in methods]


def tell_all(chain, program, seen):
    """Each action with each answer that it has; what was seen of them by path."""
    def note(path, reply):
        where = path.split("?")[0]
        answers = OPENAPI["paths"][where]["post"]["responses"]
        assert str(reply.status) in answers, (path, reply.status, reply.body)
        for kind, content in answers[str(reply.status)]["content"].items():
            assert reply.fields["content-type"].split(";")[0] == kind
            if kind == "application/json":
                assert list(differences(reply.json, content["schema"])) == []
        seen.setdefault(where, set()).add(str(reply.status))
        return reply
    stream, row = stream_of(chain, program)
    topic = row["topic"]
    for path in [f"/api/streams/kick?id={row['id']}&number={row['number']}",
                 "/api/streams/kick?id=0123456789abcdef", f"/api/topics/kick?topic={topic}",
                 "/api/topics/kick?topic=none", "/api/reload", "/api/log?level=info"]:
        if path.startswith("/api/topics/kick?topic=") and not path.endswith("none"):
            stream, _ = stream_of(chain, program)
        note(path, post(program, path))
    for path in ACTIONS:
        note(path, post(program, path + "?other=1"))
        note(path, post(program, path, "-d", "body"))
        note(path, post(program, path, "-H", "Host: evil.example"))
        note(path, post(program, path, "-H", "Origin: http://evil.example"))
        note(path, get(program, path, "-X", "POST"))
    stream, _ = wait_for(lambda: stream_or_nothing(chain, program), what="a stream")
    program.expected_end = True
    for path in ["/api/drain", "/api/drain", "/api/reload"]:
        note(path, post(program, path))
    return stream


def stream_or_nothing(chain, program):
    with contextlib.suppress(OSError, EOFError):
        return stream_of(chain, program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_answer_of_the_document_is_given_and_no_other(run, name):
    chain = acting_chain(run, drain_timeout=NEVER_MS)
    seen = {}
    with tell_all(chain, getattr(chain, name), seen):
        for path in ACTIONS:
            assert seen[path] == set(OPENAPI["paths"][path]["post"]["responses"]), path


def test_nobody_acts_who_does_not_show_the_token(run):
    proxy = run.proxy(acting())
    port = admin_port(proxy)
    for path in ACTIONS:
        assert get(port, path, "-X", "POST").status == 401
        for wrong in ["Bearer", f"Bearer {TOKEN}0", f"Basic {TOKEN}", TOKEN]:
            assert get(port, path, "-X", "POST", "-H", f"Authorization: {wrong}").status == 401
        for method in [[], ["--head"], ["-X", "PUT"], ["-X", "DELETE"], ["-X", "OPTIONS"]]:
            reply = get(port, path, *BEARER, *method)
            assert (reply.status, reply.fields["allow"]) == (405, "POST"), (path, method)
    proxy.wait_event("admin token wrong")
    wrong = proxy.find("admin token wrong")
    assert all(e["peer"].startswith("127.0.0.1:") and e["level"] == "warning"
                         for e in wrong)
    assert not any(TOKEN in str(e) for e in proxy.events)
    for path in ["/api/status", "/metrics", "/api/streams"]:
        assert post(port, path).status == 405
        assert get(port, path).status == 200
    assert proxy.find("admin action") == [] and not get(port, "/api/status").json["draining"]


def test_without_a_token_file_nobody_acts(run):
    port = admin_port(run.proxy(ADMIN))
    for path in ACTIONS:
        for options in [[], BEARER, ["-H", "Authorization: Bearer "]]:
            reply = get(port, path, "-X", "POST", *options)
            assert (reply.status, reply.body) == (403, "actions need admin.token_file\n")


def test_a_page_acts_only_where_it_came_from(run):
    proxy = run.proxy(acting())
    port = admin_port(proxy)
    path = "/api/log?level=debug"
    for origin in ["http://evil.example", "null", "http://localhost", f"https://127.0.0.1:{port}",
                   f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port + 1}",
                   f"http://localhost:{port}"]:
        assert post(port, path, "-H", f"Origin: {origin}").status == 403, origin
        assert get(port, "/api/status", "-H", f"Origin: {origin}").status == 403
    own = ["-H", f"Origin: http://127.0.0.1:{port}"]
    assert post(port, path, *own, *own).status == 403
    for site in ["cross-site", "same-site"]:
        assert post(port, path, "-H", f"Sec-Fetch-Site: {site}").status == 403
        assert post(port, path, *own, "-H", f"Sec-Fetch-Site: {site}").status == 403
    assert proxy.find("admin action") == []
    assert post(port, path, *own, "-H", "Sec-Fetch-Site: same-origin").status == 200
    assert post(port, path, *own).status == 200
    assert post(port, path, "-H", "Sec-Fetch-Site: none").status == 200
    # Before a browser lets another page send a token it asks; that page may not.
    reply = get(port, path, "-X", "OPTIONS", "-H", "Origin: http://evil.example")
    assert reply.status == 403
    assert not any(key.startswith("access-control") for key in reply.fields)


def test_over_a_unix_socket_the_token_is_needed_too(run, tmp_path):
    path = tmp_path / "proxy.sock"
    proxy = run.proxy({"admin": {"unix": str(path), "token_file": secure.secret()}})
    proxy.wait_event("admin listening")
    url, at = "http://localhost/api/log?level=debug", ["--unix-socket", path, "-X", "POST"]
    assert curl(url, *at).status == 401
    assert curl(url, *at, "-H", "Authorization: Bearer x").status == 401
    assert proxy.wait_event("admin token wrong")["peer"] == "unix"
    assert curl(url, *at, *BEARER, "-H", "Host: evil.example").status == 421
    assert curl(url, *at, *BEARER, "-H", "Origin: http://evil.example").status == 403
    assert curl(url, *at, *BEARER).status == 200
    assert proxy.wait_event("admin action")["from"] == "unix"


def test_over_tls_the_own_page_has_another_scheme(run):
    own = secure.proxy_tls()
    proxy = run.proxy({"admin": {"port": 0, "tls": {"cert": own["cert"], "key": own["key"]},
                                 "token_file": secure.secret()}})
    port = admin_port(proxy)
    ca = ["--cacert", secure.certificates() / "ca.crt", "-X", "POST"]
    url = f"https://localhost:{port}/api/log?level=debug"
    assert curl(url, *ca).status == 401
    assert curl(url, *ca, *BEARER, "-H", f"Origin: http://localhost:{port}").status == 403
    assert curl(url, *ca, *BEARER, "-H", f"Origin: https://localhost:{port}").status == 200


def test_bodies_and_odd_requests_change_nothing(run):
    proxy = run.proxy(acting())
    port = admin_port(proxy)
    assert post(port, "/api/drain", "-d", "x").status == 413
    head = f"Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    for text, status in [
            (f"POST /api/log?level=%7 HTTP/1.1\r\n{head}Connection: close\r\n\r\n", 400),
            (f"POST /api/log?level=info HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n", 413),
            (f"POST /api/log?level=info HTTP/1.1\r\n{head}{head}\r\n", 400),
            (f"POST http://localhost/api/log?level=info HTTP/1.1\r\n{head}\r\n", 400)]:
        assert say(port, text).status == status, text
    assert proxy.find("admin action") == []
    assert post(port, "/api/log?level=debug", "-H", "Content-Length: 0").status == 200


def test_wrong_tokens_have_to_wait_and_nobody_else_does(run):
    proxy = run.proxy(acting())
    port = admin_port(proxy)
    wrong = (b"POST /api/drain HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n")
    guessers = [run.own(connect(port)) for _ in range(8)]
    for s in guessers:
        s.sendall(wrong)
    assert get(port, "/healthz").status == 200
    assert post(port, "/api/log?level=debug").status == 200
    for s in guessers:
        assert harness.read_to_end(s).startswith(b"HTTP/1.1 401 ")
