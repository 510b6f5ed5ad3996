"""An exit: out reads in SOCKS or HTTP where a stream's client wants to go, and dials that."""
import base64
import contextlib
import os
import socket
import struct
import threading

import pytest

import harness
from harness import (Server, connect, echo_server, expect_echo, read_exactly, read_to_end,
                     refusing_port)
from reloads import changed, network_of, reload

LOOPBACK = ["127.0.0.0/8", "::1"]
KEY = "0123456789abcdef" * 4
REFUSED, NOT_ALLOWED, UNRESOLVED, UNSUPPORTED = 5, 2, 4, 7


def secret_file(folder, name, text):
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def out_network(proxy, **exit_):
    more = {"exit": exit_} if exit_ else {}
    return {"server_host": "127.0.0.1", "server_port": proxy.port(), "topic": "web",
            "backend": "socks5", **more}


class Site:
    """.proxy, .out, .in_ and .port, where in listens."""

    def __init__(self, run, e2e=None, config=None, **exit_):
        key = {"e2e": {"key_file": e2e}} if e2e else {}
        self.proxy = run.proxy({"port": harness.free_port()})
        self.out = run.program("out", {**harness.TWO_THREADS, "networks": [
            {**out_network(self.proxy, **exit_), **key}], **(config or {})})
        self.out.wait_event("registered")
        self.in_ = run.program("in", {**harness.TWO_THREADS, "first_look": "off", "networks": [
            {"server_host": "127.0.0.1", "server_port": self.proxy.port(), "port": 0,
             "topic": "web", **key}]})
        self.port = self.in_.port()

    def wait_idle(self):
        for program in (self.in_, self.proxy, self.out):
            program.wait_idle()


@pytest.fixture
def site(run):
    return Site(run, allow=LOOPBACK, open=True)


def by_name(name, port, command=1):
    return b"\x05" + bytes([command]) + b"\0\x03" + bytes([len(name)]) + name + struct.pack("!H", port)


def by_address(address, port):
    return b"\x05\x01\0\x01" + socket.inet_aton(address) + struct.pack("!H", port)


def password(user, word):
    return b"\x01" + bytes([len(user)]) + user + bytes([len(word)]) + word


def socks5(port, request):
    """The connection and the code of the reply."""
    s = connect(port)
    s.sendall(b"\x05\x01\0")
    assert read_exactly(s, 2) == b"\x05\0"
    s.sendall(request)
    reply = read_exactly(s, 10)
    assert reply[0] == 5 and reply[2:] == b"\0\x01" + bytes(6)
    return s, reply[1]


def talks(port, request, answer):
    """A conversation of one answer, then an echo."""
    with connect(port) as s:
        s.sendall(request)
        assert read_exactly(s, len(answer)) == answer
        expect_echo(s)


def test_each_protocol_leads_to_what_it_asks_for(run, site):
    port = echo_server(run).port
    for request in (by_address("127.0.0.1", port), by_name(b"localhost", port),
                    by_name(b"127.0.0.1", port), by_name(b"A.Localhost", port)):
        s, reply = socks5(site.port, request)
        with s:
            assert reply == 0
            expect_echo(s)
    at = struct.pack("!H", port)
    granted = b"\0\x5a" + bytes(6)
    talks(site.port, b"\x04\x01" + at + socket.inet_aton("127.0.0.1") + b"me\0", granted)
    talks(site.port, b"\x04\x01" + at + b"\0\0\0\x01" + b"me\0localhost\0", granted)
    talks(site.port, b"CONNECT localhost:%d HTTP/1.1\r\nHost: a\r\n\r\n" % port,
          b"HTTP/1.1 200 Connection established\r\n\r\n")
    line = site.out.wait_event("stream", backend=f"a.localhost:{port}")
    assert line["topic"] == "web" and line["code"] == "done"
    site.out.wait_event("stream", backend=f"127.0.0.1:{port}")
    site.wait_idle()


def test_bytes_behind_the_request_are_the_streams_first(run, site):
    """A client that waits for no answer, and ends before it has got one."""
    server = run.own(Server(lambda s: s.sendall(read_to_end(s)[::-1]) or s.close()))
    many = os.urandom(300_000)
    with connect(site.port) as s:
        s.sendall(b"\x05\x01\0" + by_address("127.0.0.1", server.port) + many)
        s.shutdown(socket.SHUT_WR)
        assert read_exactly(s, 12)[3] == 0
        assert read_to_end(s) == many[::-1]
    with connect(site.port) as s:
        for byte in b"CONNECT 127.0.0.1:%d HTTP/1.0\r\n\r\nabc" % server.port:
            s.sendall(bytes([byte]))
        s.shutdown(socket.SHUT_WR)
        assert read_to_end(s).endswith(b"\r\n\r\ncba")


def test_each_failure_has_its_reply_and_its_line(run, site):
    port = refusing_port(run)
    for request, reply, code in ((by_address("127.0.0.1", port), REFUSED, "backend_refused"),
                                 (by_name(b"nobody.onion", 80), UNRESOLVED, "backend_unresolved"),
                                 (by_address("10.0.0.1", 80), NOT_ALLOWED, "denied"),
                                 (by_name(b"a.b", 80, 2), UNSUPPORTED, "malformed"),
                                 (by_name(b"a.b", 80, 3), UNSUPPORTED, "malformed")):
        s, said = socks5(site.port, request)
        with s:
            assert said == reply, code
            assert read_to_end(s) == b""  # a clean end
        site.out.wait_event("open_failed", code=code)
    for request, status in ((b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % port, b"502"),
                            (b"CONNECT 10.0.0.1:80 HTTP/1.1\r\n\r\n", b"403"),
                            (b"GET http://a.b/ HTTP/1.1\r\n\r\n", b"501"),
                            (b"GET / HTTP/1.1\r\n\r\n", b"501"), (b"CONNECT a\r\n\r\n", b"400")):
        with connect(site.port) as s:
            s.sendall(request)
            assert read_to_end(s).split(b" ")[1] == status
    with connect(site.port) as s:
        s.sendall(b"\x16\x03\x01\0\x05hello")
        assert read_to_end(s) == b""
    line = site.out.wait_event("open_failed", detail="the client speaks neither SOCKS nor HTTP")
    assert line["code"] == "malformed"
    assert site.out.find("open_failed", backend=f"127.0.0.1:{port}")
    site.wait_idle()


def test_only_the_public_is_reached_unless_it_is_listed(run):
    site = Site(run, open=True)
    port = echo_server(run).port
    for request in (by_address("127.0.0.1", port), by_name(b"localhost", port),
                    by_address("169.254.169.254", 80), by_address("192.168.0.1", 80),
                    b"\x05\x01\0\x04" + bytes(10) + b"\xff\xff\x7f\0\0\x01" + struct.pack("!H", port)):
        s, reply = socks5(site.port, request)
        s.close()
        assert reply == NOT_ALLOWED
    network = network_of(site.out, "web")
    network["exit"] = {"allow": LOOPBACK, "deny": ["bad.localhost"], "open": True}
    reload(site.out, changed(site.out, networks=[network]))
    for name, expected in ((b"good.localhost", 0), (b"bad.localhost", NOT_ALLOWED)):
        s, reply = socks5(site.port, by_name(name, port))
        s.close()
        assert reply == expected


def test_users_need_their_password(run, tmp_path):
    users = secret_file(tmp_path, "users", "ann:a long secret\n")
    site = Site(run, allow=LOOPBACK, users_file=users)
    port = echo_server(run).port

    def ask(word):
        """Whether it is known."""
        with connect(site.port) as s:
            s.sendall(b"\x05\x02\0\x02")
            assert read_exactly(s, 2) == b"\x05\x02"
            s.sendall(password(b"ann", word))
            if read_exactly(s, 2) != b"\x01\0":
                assert read_to_end(s) == b""
                return False
            s.sendall(by_address("127.0.0.1", port))
            assert read_exactly(s, 10)[1] == 0
            expect_echo(s)
            return True

    assert ask(b"a long secret") and not ask(b"a long secre")
    with connect(site.port) as s:  # offers no user
        s.sendall(b"\x05\x01\0")
        assert read_to_end(s) == b"\x05\xff"
    connect_to = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % port
    with connect(site.port) as s:
        s.sendall(connect_to + b"\r\n")
        assert read_to_end(s).startswith(b"HTTP/1.1 407 ")
    talks(site.port, connect_to + b"Proxy-Authorization: Basic %s\r\n\r\n"
          % base64.b64encode(b"ann:a long secret"), b"HTTP/1.1 200 Connection established\r\n\r\n")
    site.out.wait_event("open_failed", code="denied", count=3)
    assert "a long secret" not in str(site.out.events)
    secret_file(tmp_path, "users", "ann:another secret\n")
    reload(site.out, site.out.config)
    assert ask(b"another secret") and not ask(b"a long secret")


def test_with_an_end_to_end_key(run, tmp_path):
    key = secret_file(tmp_path, "key", KEY)
    site = Site(run, e2e=key, allow=LOOPBACK)
    port = echo_server(run).port
    s, reply = socks5(site.port, by_address("127.0.0.1", port))
    with s:
        assert reply == 0
        expect_echo(s, os.urandom(100_000))
    s, reply = socks5(site.port, by_address("127.0.0.1", refusing_port(run)))
    with s:
        assert reply == REFUSED
        assert read_to_end(s) == b""
    site.wait_idle()


def test_who_says_nothing_is_let_go(run):
    site = Site(run, config={"open_timeout": 300}, open=True)
    with connect(site.port) as s:
        with contextlib.suppress(ConnectionResetError):
            assert s.recv(1) == b""
    site.out.wait_event("open_failed", code="open_timeout")
    with connect(site.port) as s:
        s.sendall(b"\x05")
    site.out.wait_event("open_failed", code="proxy_gone")
    site.wait_idle()


def test_a_crowd(run, site):
    port = echo_server(run).port
    good = []

    def one():
        s, reply = socks5(site.port, by_name(b"localhost", port))
        with s:
            expect_echo(s, os.urandom(10_000))
            good.append(reply)
    for _ in range(3):  # also over connections that have carried streams
        threads = [threading.Thread(target=one) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30 * harness.PATIENCE)
    assert good == [0] * 180
    site.out.wait_event("stream", count=180)
    assert max(line["use"] for line in site.out.find("stream")) > 1
    site.wait_idle()


def check(run, *networks):
    """What `out --check` says, and its exit code."""
    out = run.program("out", {"networks": list(networks)}, ["--check"])
    out.expected_end = True
    code = out.process.wait(10 * harness.PATIENCE)
    out.reader.join(5)
    return code, "\n".join(out.other_output)


def test_an_open_proxy_is_refused_and_the_rest_is_explained(run, tmp_path):
    network = {"server_host": "127.0.0.1", "server_port": 1, "topic": "web", "backend": "socks5"}
    code, said = check(run, network)
    assert code != 0 and "networks[0]: would be an open proxy" in said and '"open": true' in said
    code, said = check(run, {**network, "exit": {"open": True, "deny": ["*:25"]}})
    assert code == 0 and "is an open proxy" in said
    assert "for everybody, to all public addresses, but not to *:25" in said
    users = secret_file(tmp_path, "users", "ann:a long secret\n")
    code, said = check(run, {**network, "exit": {"users_file": users, "allow": ["10.0.0.0/8:22"]}})
    assert code == 0 and f"for the users of {users}, to 10.0.0.0/8:22" in said
    secret_file(tmp_path, "users", "a user without a password\n")
    code, said = check(run, {**network, "exit": {"users_file": users}})
    assert code != 0 and f"networks[0].exit.users_file: {users}: line 1 must be NAME:PASSWORD" in said
