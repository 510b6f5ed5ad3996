"""in and out behind a forward proxy that does as it likes."""
import os
import socket
import time

import pytest

import framed
from forward_proxy import OPENED, ForwardProxy, wants_login
from harness import (Server, connect, echo_server, expect_failed_open, expect_reset, 
                     read_exactly, read_to_end, refusing_port, wait_for)
from legacy import LegacyProxy
from reloads import changed, reload
from secure import client_tls, proxy_tls, secret
from test_doctor import Report, network
from test_stdio import Stdio

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves

MIB = 1 << 20
BASIC, DIGEST = 'Basic realm="x"', 'Digest realm="x", nonce="n", qop="auth"'


def via(forward, user=None):
    place = f"127.0.0.1:{forward if isinstance(forward, int) else forward.port}"
    if user is None:
        return {"via": f"http://{place}"}
    return {"via": {"url": f"http://{user}@{place}", "password_file": secret("via-password", "tiny\n")}}


def answer_at_the_end(s):
    """A backend that answers only to the client's end."""
    size = 0
    while data := s.recv(65536):
        size += len(data)
    s.sendall(b"%d bytes" % size)
    s.close()


def ask_at_the_end(port, size=MIB):
    with connect(port) as s:
        s.sendall(bytes(size))
        s.shutdown(socket.SHUT_WR)
        return read_to_end(s)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_streams_end_as_ever_behind_one_that_knows_no_half_close(run, tls):
    forward = run.own(ForwardProxy())
    config = {**via(forward), **({"tls": client_tls()} if tls else {})}
    chain = run.chain(run.own(Server(answer_at_the_end)).port, proxy={"tls": proxy_tls()} if tls else {},
                      out=config, in_=config)
    for _ in range(2):
        assert ask_at_the_end(chain.port) == b"%d bytes" % MIB
    assert {head.split()[1] for head in forward.asked} == {f"127.0.0.1:{chain.proxy.port()}"}
    chain.wait_idle()
    assert {line["code"] for line in chain.in_.find("stream")} == {"done"}


def test_a_stream_is_reset_and_not_ended_when_the_forward_proxy_dies(run):
    forward = run.own(ForwardProxy())
    chain = run.chain(echo_server(run).port, in_=via(forward))
    with chain.connect() as s:
        s.sendall(bytes(MIB))
        assert read_exactly(s, MIB) == bytes(MIB)
        forward.die()
        expect_reset(s)


def test_the_relay_says_nothing_raw_where_it_was_told_and_takes_nothing_raw(run):
    """The relay's side of it, in and out by hand."""
    much = bytes(MIB)
    proxy = run.proxy()
    out = run.out(proxy, {"default": run.own(Server(lambda s: (s.sendall(much), s.close()))).port})
    out.wait_event("registered")
    peer = framed.In(run, proxy)
    peer.sock.sendall(peer.request(early=0, framed=1))
    assert peer.response()["ext"]["reuse"] == 1
    content, end = framed.read_stream(peer.sock)
    assert (len(content), end) == (MIB, b"F")
    peer = framed.In(run, proxy)
    peer.sock.sendall(peer.request(early=0, framed=1))
    peer.response()
    peer.sock.sendall(framed.RAW + b"x")
    framed.expect_broken(peer.sock)
    assert "raw behind a forward proxy" in proxy.wait_event("stream", code="framing")["reason"]


@pytest.mark.parametrize("program", ["in", "out"])
def test_a_relay_without_frames_is_warned_of(run, program):
    forward = run.own(ForwardProxy())
    proxy = run.own(LegacyProxy())
    echo = echo_server(run)
    out = run.out(proxy, {"t": echo.port}, via(forward) if program == "out" else {})
    out.wait_event("registered")
    in_ = run.in_(proxy, ["t"], via(forward) if program == "in" else {})
    with connect(in_.port()) as s:
        s.sendall(b"hello")
        assert read_exactly(s, 5) == b"hello"
    line = {"in": in_, "out": out}[program].wait_event("not framed")
    assert line["level"] == "warning" and "taken for whole" in line["reason"], line


FAILURES = {
    "forbidden": (b"HTTP/1.1 403 Forbidden\r\n\r\n", "403 Forbidden: it does not permit this tunnel; have its"),
    "wants a login": (wants_login(BASIC), "it wants a user and a password (offers basic)"),
    "no http": (b"SSH-2.0-OpenSSH_9.2\r\n", "is no HTTP proxy; it says: SSH-2.0-OpenSSH_9.2"),
    "closes": (lambda s: None, "ended the connection without an answer"),
    "a huge head": (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 20_000, "more than 8192 bytes"),
    "silence": (lambda s: s.recv(1), "no answer in time"),
    "a slow head": (lambda s: [s.sendall(bytes([c])) or time.sleep(0.1) for c in OPENED], "no answer in time"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_what_it_answers_instead_is_told_by_in_and_out(run, what):
    answer, words = FAILURES[what]
    forward = run.own(ForwardProxy(*[answer] * 100))
    config = {**via(forward), "connect_timeout": 500}
    proxy = run.proxy()
    out = run.out(proxy, {"t": 1}, config)
    in_ = run.in_(proxy, ["t"], config)
    expect_failed_open(in_.port())
    place = f"127.0.0.1:{proxy.port()} via http://127.0.0.1:{forward.port}: "
    for line in (out.wait_event("not registered"), in_.wait_event("proxy unreachable"),
                 in_.wait_event("open_failed", code="proxy_unreachable")):
        reason = line.get("reason") or line["detail"]
        assert place in reason and words in reason, reason


def test_one_that_is_not_there_is_told_with_both_places(run):
    port = refusing_port(run)
    in_ = run.in_(run.proxy(), ["t"], via(port))
    expect_failed_open(in_.port())
    reason = in_.wait_event("proxy unreachable")["reason"]
    assert f"via http://127.0.0.1:{port}: 127.0.0.1:{port}: Connection refused" in reason, reason


@pytest.mark.parametrize("first", [
    wants_login(DIGEST, BASIC), wants_login(BASIC, more=b"Content-Length: 4\r\n") + b"page",
    wants_login(BASIC, more=b"Connection: close\r\nContent-Length: 0\r\n"),
    wants_login("NTLM", "Negotiate", BASIC, more=b"Transfer-Encoding: chunked\r\n")],
    ids=["digest", "basic", "closes", "chunked"])
def test_it_is_told_who_asks_and_nobody_else_learns_the_password(run, first):
    forward = run.own(ForwardProxy(first))
    chain = run.chain(run.own(Server(answer_at_the_end)).port, in_=via(forward, "lena"))
    assert ask_at_the_end(chain.port) == b"%d bytes" % MIB
    assert "Authorization" not in forward.asked[0]
    scheme = "Digest username=\"lena\"" if b"Digest" in first else "Basic bGVuYTp0aW55"
    assert f"Proxy-Authorization: {scheme}" in forward.asked[1]
    assert "tiny" not in str(chain.in_.events)


def test_the_relays_name_goes_to_it_and_some_are_reached_without(run):
    proxy = run.proxy()
    forward = run.own(ForwardProxy(hosts={"relay.invalid": ("127.0.0.1", proxy.port())}))
    echo = echo_server(run)
    out = run.out(proxy, {"t": echo.port}, {"via": "env"},
                  env={"HTTPS_PROXY": f"http://127.0.0.1:{forward.port}", "NO_PROXY": "10.0.0.0/8, 127.0.0.1"})
    out.wait_event("registered")
    assert forward.asked == []
    networks = [{"servers": ["relay.invalid:40001"], "port": 0, "topic": "t"}]
    in_ = run.in_(proxy, ["t"], {"networks": networks, "via": f"http://127.0.0.1:{forward.port}"})
    with connect(in_.port()) as s:
        s.sendall(b"hello")
        assert read_exactly(s, 5) == b"hello"
    assert forward.asked[0].startswith("CONNECT relay.invalid:40001 HTTP/1.1\r\n")


def test_of_several_servers_one_that_it_does_not_reach_rests(run):
    proxy = run.proxy()
    forward = run.own(ForwardProxy(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"))
    out = run.out(proxy, {"t": echo_server(run).port})
    out.wait_event("registered")
    networks = [{"servers": [f"127.0.0.1:{refusing_port(run)}", f"127.0.0.1:{proxy.port()}"], "port": 0, "topic": "t"}]
    in_ = run.in_(proxy, ["t"], {"networks": networks, **via(forward)})
    with connect(in_.port()) as s:
        s.sendall(b"hello")
        assert read_exactly(s, 5) == b"hello"
    in_.wait_event("server rests")


def test_a_reload_takes_another_way_for_new_streams_and_leaves_running_ones(run, tmp_path):
    first, second = run.own(ForwardProxy()), run.own(ForwardProxy(login=wants_login(BASIC)))
    chain = run.chain(echo_server(run).port, in_=via(first), out=via(first))
    with chain.connect() as running:
        running.sendall(b"hello")
        assert read_exactly(running, 5) == b"hello"
        password = tmp_path / "password"
        password.write_text("tiny\n")
        password.chmod(0o600)
        other = {"url": f"http://lena@127.0.0.1:{second.port}", "password_file": str(password)}
        for program in (chain.in_, chain.out):
            reload(program, changed(program, via=other))
        wait_for(lambda: len(second.asked) > 1, what="out at the second one")
        with chain.connect() as s:
            s.sendall(b"hello")
            assert read_exactly(s, 5) == b"hello"
        running.sendall(b"still")
        assert read_exactly(running, 5) == b"still"
        # Another password is another way; a file that is no longer there is none.
        before = len(second.asked)
        password.write_text("other\n")
        reload(chain.out)
        wait_for(lambda: len(second.asked) > before, what="out with the new password")
        password.unlink()
        told = reload(chain.out, fails=True)
        assert "via.password_file" in str(told), told


def test_stdio_goes_there_too(run):
    forward = run.own(ForwardProxy())
    proxy = run.proxy()
    run.out(proxy, {"default": run.own(Server(answer_at_the_end)).port}).wait_event("registered")
    stdio = run.own(Stdio(proxy.port(), config=via(forward)))
    code, answer, lines = stdio.end(b"hello")
    assert (code, answer) == (0, b"5 bytes"), lines
    assert len(forward.asked) == 1


@pytest.mark.parametrize("program", ["in", "out"])
def test_the_doctor_shows_each_step(run, program):
    proxy = run.proxy()
    forward = run.own(ForwardProxy())
    report = Report(program, [network(program, proxy, "t", 1)], via(forward))
    assert report.of("name")["found"] == "127.0.0.1 (forward proxy)"
    assert f"connects to 127.0.0.1:{forward.port} (forward proxy) in" in report.of("tcp")["found"]
    assert f"http://127.0.0.1:{forward.port} opens the way in" in report.of("via")["found"]
    assert report.state("proxy") == "ok"

    refusing = run.own(ForwardProxy(*[wants_login(BASIC)] * 9))
    report = Report(program, [network(program, proxy, "t", 1)], via(refusing))
    assert report.state("tcp") == "ok" and report.state("via") == "wrong"
    assert "it wants a user and a password" in report.of("via")["found"]

    report = Report(program, [network(program, proxy, "t", 1)], via(refusing_port(run)))
    assert "see whether this is the forward proxy's port" in report.of("tcp")["advice"]


def test_a_configuration_that_can_not_be_is_refused_with_its_place(run, tmp_path):
    def said(config, **env):
        program = run.program("in", {"networks": [{"server_host": "a", "server_port": 1, "port": 0}], **config},
                              env=env)
        program.expected_end = True
        assert program.process.wait(10) == 2
        program.reader.join(5)
        return program.tail()
    missing = str(tmp_path / "none")
    assert f"via.password_file: {missing}: " in said({"via": {"url": "http://a@b:1", "password_file": missing}})
    loose = tmp_path / "loose"
    loose.write_text("x\n")
    loose.chmod(0o644)
    assert "via.password_file" in said({"via": {"url": "http://a@b:1", "password_file": str(loose)}})
    words = said({"via": "env"}, https_proxy="https://u:hunter2@proxy:1")
    assert "via: the environment's https_proxy must be http://HOST:PORT" in words and "hunter2" not in words, words
    assert os.environ.get("https_proxy") is None
