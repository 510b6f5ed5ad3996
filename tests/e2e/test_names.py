"""A listener of in at which clients say by a host's name which topic they want: SOCKS4a, SOCKS5, and
HTTP, each told in its own words what becomes of it."""
import json
import pathlib
import socket
import struct
import subprocess
import sys

import pytest

import harness
import secure
from admin import ADMIN, get
from harness import (BIN, TWO_THREADS, connect, echo_server, expect_echo, read_exactly,
                     read_to_end, refusing_port, wait_for)
from reloads import changed, reload
from test_drain import named_echo_server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "services"))
from socks5 import Socks5  # noqa: E402

SUFFIX = ".inout"
SOCKS5_OK = b"\x05\x00\x00\x01" + bytes(6)
SOCKS4_OK = b"\x00\x5a" + bytes(6)
HTTP_OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Gate:
    """proxy, out with the topics "a" and "b", and in with one listener with names."""

    def __init__(self, run, network=None, in_=None, out=None, **names):
        self.run = run
        self.proxy = run.proxy()
        self.out = run.out(self.proxy, {t: named_echo_server(run, t.encode()).port for t in "ab"}, out)
        self.out.wait_event("registered", count=2)
        config = {"networks": [{"server_host": "127.0.0.1", "server_port": self.proxy.port(),
                                "port": 0, "names": {"suffix": SUFFIX, **names}, **(network or {})}],
                  "first_look": "off", **ADMIN, **TWO_THREADS, **(in_ or {})}
        self.in_ = run.program("in", secure.protect_client("in", config))
        self.port = self.in_.port(topic="*.inout")

    def connect(self):
        return connect(self.port)


def socks5_words(host, port, command=1):
    name = host.encode()
    return b"\x05" + bytes([command]) + b"\x00\x03" + bytes([len(name)]) + name + struct.pack(">H", port)


def socks5(gate, host, port=80, more=b""):
    """The client and the reply; `more` is sent with the request, the greeting before it."""
    client = gate.connect()
    client.sendall(b"\x05\x01\x00")
    assert read_exactly(client, 2) == b"\x05\x00"
    client.sendall(socks5_words(host, port) + more)
    return client, read_exactly(client, 10)


def socks4a(gate, host, port=80):
    client = gate.connect()
    client.sendall(b"\x04\x01" + struct.pack(">H", port) + b"\0\0\0\x01" + b"me\0" + host.encode() + b"\0")
    return client, read_exactly(client, 8)


def read_head(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(client, 1)
    return head


def http_connect(gate, host, port=80):
    client = gate.connect()
    client.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return client, read_head(client)


@pytest.mark.parametrize("ask, success", [(socks5, SOCKS5_OK), (socks4a, SOCKS4_OK),
                                          (http_connect, HTTP_OK)])
def test_each_protocol_reaches_the_topic_of_the_name(run, ask, success):
    gate = Gate(run)
    for host, topic in (("a.inout", b"a"), ("B.InOut", b"b")):
        client, reply = ask(gate, host)
        with client:
            assert reply == success
            assert read_exactly(client, 1) == topic
            expect_echo(client, b"x" * 100_000)
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client) == b""
    assert {e["topic"] for e in gate.in_.find("stream")} <= {"a", "b"}
    gate.in_.wait_event("stream", count=2)
    gate.in_.wait_idle()


def test_bytes_behind_the_request_are_the_streams_first(run):
    gate = Gate(run)
    client = gate.connect()
    client.sendall(b"\x05\x01\x00" + socks5_words("a.inout", 80) + b"early")
    assert read_exactly(client, 2 + 10 + 1 + 5) == b"\x05\x00" + SOCKS5_OK + b"aearly"
    client.close()


def test_a_conversation_may_come_byte_by_byte(run):
    gate = Gate(run)
    with gate.connect() as client:
        for byte in b"CONNECT a.inout:1 HTTP/1.1\r\nHost: a\r\n\r\n":
            client.sendall(bytes([byte]))
        assert read_head(client) == HTTP_OK
        assert read_exactly(client, 1) == b"a"


def test_a_failure_is_told_in_the_protocols_words(run):
    proxy = run.proxy()
    out = run.out(proxy, {"down": refusing_port(run)})
    out.wait_event("registered")
    config = {"networks": [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": 0,
                            "names": {"suffix": SUFFIX, "allow": ["down", "none"]}},
                           {"server_host": "127.0.0.1", "server_port": refusing_port(run), "port": 0,
                            "names": {"suffix": ".lost"}}],
              "first_look": "off", **TWO_THREADS}
    gate = harness.Chain()
    in_ = run.program("in", secure.protect_client("in", config))
    ports = {".inout": in_.port(topic="*.inout"), ".lost": in_.port(topic="*.lost")}
    for host, code, reply, status in [("down.inout", "backend_refused", 5, b"502"),
                                      ("none.inout", "no_topic", 4, b"502"),
                                      ("not-allowed.inout", None, 2, b"403"),
                                      ("example.com", None, 2, b"403"),
                                      ("any.lost", "proxy_unreachable", 3, b"502")]:
        gate.port = ports[".lost" if host.endswith(".lost") else ".inout"]
        for ask in (socks5, socks4a, http_connect):
            client, answer = ask(gate, host)
            with client:
                assert read_to_end(client) == b""  # and no RST takes the answer away
            if ask is socks5:
                assert answer == bytes([5, reply, 0, 1]) + bytes(6), host
            elif ask is socks4a:
                assert answer[:2] == b"\x00\x5b"
            else:
                assert answer.split()[1] == status, (host, answer)
        if code:
            assert in_.wait_event("open_failed", topic=host.split(".")[0], count=3)["code"] == code
        else:
            line = in_.wait_event("client refused")
            assert host in line["reason"] or "none of names.allow" in line["reason"]


def test_what_is_no_request_is_refused_and_does_not_stay(run):
    gate = Gate(run)
    for words, answer in [(b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 400"), (b"\x16\x03\x01\x00\x00", b""),
                          (b"\x05\x01\x01", b"\x05\xff"),
                          (b"\x05\x01\x00" + socks5_words("a.inout", 80, command=3), b"\x05\x00\x05\x07"),
                          (b"GET ftp://a.inout/ HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 400"),
                          (b"CONNECT a.inout:80 HTTP/1.1\r\nX: " + b"x" * 9000, b"HTTP/1.1 431")]:
        with gate.connect() as client:
            client.sendall(words)
            try:
                got = read_to_end(client)
            except ConnectionResetError:
                got = b""
            assert got[:len(answer)] == answer, words
    gate.connect().close()  # who looks whether it is there
    gate.in_.wait_idle()
    wait_for(lambda: gate.in_.status()["sockets"] <= 2, what="end of those that were refused")


def test_the_port_may_be_a_word_and_a_topic_may_be_listed(run):
    proxy = run.proxy()
    run.out(proxy, {"a.80": named_echo_server(run, b"x").port,
                    "Web Ä": named_echo_server(run, b"y").port}).wait_event("registered", count=2)
    config = {"networks": [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": 0,
                            "names": {"suffix": SUFFIX, "topic": "{host}.{port}", "allow": ["a.*"],
                                      "topics": [{"host": "web", "topic": "Web Ä"}]}}],
              "first_look": "off", **TWO_THREADS}
    gate = harness.Chain()
    gate.port = run.program("in", secure.protect_client("in", config)).port()
    for host, port, name in (("a.inout", 80, b"x"), ("web.inout", 9, b"y")):
        client, reply = socks5(gate, host, port)
        with client:
            assert reply == SOCKS5_OK and read_exactly(client, 1) == name
    client, reply = socks5(gate, "a.inout", 81)
    assert reply[1] == 4  # no such topic
    client.close()


def page_server(run, seen):
    """Answers each request with its own first line and Host, and closes."""
    def answer(s):
        head = read_head(s)
        seen.append(head)
        body = head.split(b"\r\n")[0]
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        s.close()
    return run.own(harness.Server(answer)).port


def test_a_page_is_fetched_as_from_a_plain_http_proxy(run):
    seen = []
    proxy = run.proxy()
    run.out(proxy, {"web": page_server(run, seen)}).wait_event("registered")
    config = {"networks": [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": 0,
                            "names": {"suffix": SUFFIX}}], "first_look": "off", **TWO_THREADS}
    in_ = run.program("in", secure.protect_client("in", config))
    with connect(in_.port()) as client:
        client.sendall(b"GET http://web.inout/x?y HTTP/1.1\r\nHost: lies\r\n"
                       b"Proxy-Authorization: Basic YTpi\r\nAccept: */*\r\n\r\n")
        assert read_to_end(client).endswith(b"GET /x?y HTTP/1.1")
    assert seen == [b"GET /x?y HTTP/1.1\r\nHost: web.inout\r\nAccept: */*\r\nConnection: close\r\n\r\n"]
    with connect(in_.port()) as client:
        client.sendall(b"GET http://none.inout/ HTTP/1.1\r\nHost: none.inout\r\n\r\n")
        assert read_to_end(client).startswith(b"HTTP/1.1 502 ")


def test_a_browser_gets_its_configuration(run):
    gate = Gate(run)
    reply = get(gate.port, "/proxy.pac")
    assert reply.status == 200
    assert reply.fields["content-type"] == "application/x-ns-proxy-autoconfig"
    assert f'dnsDomainIs(host, ".inout")) return "SOCKS5 127.0.0.1:{gate.port};' in reply.body
    assert get(gate.port, "/").status == 404


# --- an exit ---


class Outside(Gate):
    """The same with an exit, at which the names of `hosts` are known ({name: (address, port)})."""

    def __init__(self, run, hosts, **more):
        super().__init__(run, exit="exit", **more)
        self.socks = run.own(Socks5(hosts))
        self.exit = run.out(self.proxy, {"exit": self.socks.port})
        self.exit.wait_event("registered")


@pytest.mark.parametrize("ask, success", [(socks5, SOCKS5_OK), (socks4a, SOCKS4_OK),
                                          (http_connect, HTTP_OK)])
def test_other_hosts_go_to_the_exit_whatever_the_client_speaks(run, ask, success):
    echo = echo_server(run).port
    gate = Outside(run, {"far.example": ("127.0.0.1", echo), "down.example": ("127.0.0.1", refusing_port(run))})
    client, reply = ask(gate, "far.example", 7)
    with client:
        assert reply == success
        expect_echo(client, b"y" * 100_000)
    for host, code, answer in (("down.example", "backend_refused", 5), ("no.example", "backend_unresolved", 4)):
        client, reply = ask(gate, host, 7)
        with client:
            assert read_to_end(client) == b""
        if ask is socks5:
            assert reply[1] == answer
        assert gate.in_.wait_event("open_failed", topic="exit", code=code)
    assert gate.socks.asked == [(host, 7) for host in ("far.example", "down.example", "no.example")]
    client, reply = ask(gate, "a.inout")  # no topic of ours goes there
    with client:
        assert read_exactly(client, 1) == b"a"


@pytest.mark.parametrize("ask", [socks5, socks4a, http_connect])
def test_the_exit_may_be_an_outs_own(run, ask):
    gate = Gate(run, exit="exit")
    exits = {"networks": [{"server_host": "127.0.0.1", "server_port": gate.proxy.port(), "topic": "exit",
                           "backend": "socks5", "exit": {"open": True, "allow": ["*", "127.0.0.0/8"]}}]}
    run.program("out", secure.protect_client("out", exits)).wait_event("registered")
    client, _ = ask(gate, "localhost", echo_server(run).port)
    with client:
        expect_echo(client, b"y" * 100_000)
    client, reply = ask(gate, "localhost", refusing_port(run))
    client.close()
    assert reply[1] == 5 or ask is not socks5


def test_bytes_behind_a_request_reach_the_exit_behind_it(run):
    gate = Outside(run, {"far.example": ("127.0.0.1", echo_server(run).port)})
    with gate.connect() as client:
        client.sendall(b"CONNECT far.example:7 HTTP/1.1\r\nHost: far.example\r\n\r\n" + b"z" * 300_000)
        assert read_head(client) == HTTP_OK
        assert read_exactly(client, 300_000) == b"z" * 300_000
    page = page_server(run, seen := [])
    gate.socks.hosts["www.example"] = ("127.0.0.1", page)
    with gate.connect() as client:
        client.sendall(b"GET http://www.example/ HTTP/1.1\r\nHost: www.example\r\n\r\n")
        assert read_to_end(client).endswith(b"GET / HTTP/1.1")
    assert gate.socks.asked[-1] == ("www.example", 80) and len(seen) == 1


def test_what_is_no_exit_is_told_as_a_failure(run):
    gate = Gate(run, exit="a")  # which says its name
    client, reply = socks5(gate, "far.example")
    client.close()
    assert reply[1] == 1
    line = gate.in_.wait_event("open_failed", topic="a")
    assert "no SOCKS5 server that takes everybody is at the topic" in line["detail"]


def test_an_exit_that_is_silent_has_the_time_of_an_open(run):
    silent = run.own(harness.Server(lambda s: s.recv(1000) and s.recv(1)))
    gate = Gate(run, exit="exit", in_={"open_timeout": 700})
    run.out(gate.proxy, {"exit": silent.port}).wait_event("registered")
    client, reply = socks5(gate, "far.example")
    client.close()
    assert reply[1] == 6
    gate.in_.wait_event("open_failed", topic="exit", code="backend_timeout")
    gate.in_.wait_idle()


# --- together with what networks have besides ---


@pytest.mark.parametrize("pattern", [False, True])
def test_each_topic_has_its_own_key_end_to_end(run, tmp_path, pattern):
    key = tmp_path / "key"
    assert subprocess.run([BIN / "in", "--new-key", key]).returncode == 0
    proxy = run.proxy()
    e2e = {"key_file": str(key)}
    networks = [{"server_host": "127.0.0.1", "server_port": proxy.port(), "backend_host": "127.0.0.1",
                 "backend_port": named_echo_server(run, t.encode()).port, "topic": t, "e2e": e2e}
                for t in "ab"]
    if pattern:
        networks = [{**networks[i], "topic": f"{t}.#", "pattern": True} for i, t in enumerate("ab")]
    out = run.program("out", secure.protect_client("out", {"networks": networks, **TWO_THREADS}))
    out.wait_event("registered", count=2)
    config = {"networks": [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": 0,
                            "names": {"suffix": SUFFIX}, "e2e": e2e}],
              "first_look": "off", **TWO_THREADS}
    gate = harness.Chain()
    gate.port = run.program("in", secure.protect_client("in", config)).port()
    for topic in "abab":
        client, reply = socks5(gate, f"{topic}.inout", more=b"early")
        with client:
            assert reply == SOCKS5_OK and read_exactly(client, 6) == topic.encode() + b"early"


def test_a_unix_socket_may_have_names_and_no_script(run, tmp_path):
    path = tmp_path / "s"
    proxy = run.proxy()
    run.out(proxy, {"a": named_echo_server(run, b"a").port}).wait_event("registered")
    config = {"networks": [{"server_host": "127.0.0.1", "server_port": proxy.port(),
                            "bind_unix": str(path), "names": {"suffix": SUFFIX}}],
              "first_look": "off", **TWO_THREADS}
    run.program("in", secure.protect_client("in", config)).wait_event("listening")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"CONNECT a.inout:1 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_head(client) == HTTP_OK and read_exactly(client, 1) == b"a"


def test_who_stands_in_front_says_first_whose_connection_it_is(run):
    gate = Gate(run, network={"proxy_protocol": True, "allow": ["192.0.2.0/24"]})
    for source, reply in (("192.0.2.7", SOCKS5_OK), ("198.51.100.7", b"")):
        with gate.connect() as client:
            client.sendall(f"PROXY TCP4 {source} 192.0.2.1 4711 1080\r\n".encode() +
                           b"\x05\x01\x00" + socks5_words("a.inout", 80))
            try:
                answer = client.recv(2) and read_exactly(client, 10)
            except ConnectionResetError:
                answer = b""
            assert answer == reply
    assert gate.in_.wait_event("stream", topic="a")["client"] == "192.0.2.7:4711"


def test_a_reload_changes_the_names_and_no_stream(run):
    gate = Gate(run, allow=["a"])
    client, _ = socks5(gate, "a.inout")
    with client:
        assert read_exactly(client, 1) == b"a"
        network = gate.in_.config["networks"][0]
        other = {"suffix": SUFFIX, "allow": ["b"]}
        reload(gate.in_, changed(gate.in_, networks=[{**network, "names": other}]))
        expect_echo(client)
    assert socks5(gate, "a.inout")[1][1] == 2
    client, reply = socks5(gate, "b.inout")
    assert reply == SOCKS5_OK and len(gate.in_.find("listening")) == 1
    client.close()


def test_the_doctor_asks_for_the_topics_that_it_can_know(run, tmp_path):
    gate = Gate(run, allow=["a", "x.*"], topics=[{"host": "web", "topic": "b"}])
    file = tmp_path / "in.json"
    file.write_text(json.dumps(gate.in_.config))
    done = subprocess.run([BIN / "in", "--config", file, "--doctor", "--json"],
                          capture_output=True, text=True)
    findings = json.loads(done.stdout)
    text = json.dumps(findings)
    assert '"a"' in text and '"b"' in text and "x.*" not in text and done.returncode == 0, done.stdout
