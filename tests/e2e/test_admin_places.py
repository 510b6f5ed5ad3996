"""Where the programs answer over HTTP and to whom, also when that changes, and in a crowd."""
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import threading

import pytest

import harness
from admin import ADMIN, TOKEN, admin_port, curl, get
from harness import (BIN, PATIENCE, connect, echo_server, expect_echo, free_port, wait_for)
from secure import certificates, proxy_tls, secret

PROGRAMS = ["in", "out", "proxy"]
NETWORK = {"server_host": "127.0.0.1", "server_port": 1, "topic": "t"}
CONFIGS = {"proxy": {"port": 0},
           "in": {"networks": [{**NETWORK, "bind": "127.0.0.1", "port": 0}], "first_look": "off"},
           "out": {"networks": [{**NETWORK, "backend_host": "127.0.0.1", "backend_port": 1}]}}


def admin_tls():
    own = proxy_tls()
    return {"cert": own["cert"], "key": own["key"]}


def check(name, admin, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**CONFIGS[name], "admin": admin}))
    return subprocess.run([str(BIN / name), "--check", "--config", str(file)], capture_output=True,
                          text=True, timeout=10 * PATIENCE)


def reload(program, admin):
    """The configuration with another `admin`, read again; the event of that."""
    file = pathlib.Path(program.config_file.name)
    config = json.loads(file.read_text())
    config.pop("admin", None)
    file.write_text(json.dumps({**config, **({"admin": admin} if admin else {})}))
    before = len(program.find("reloaded")) + len(program.find("not reloaded"))
    program.signal(signal.SIGHUP)

    def done():
        events = program.find("reloaded") + program.find("not reloaded")
        return len(events) > before and events
    wait_for(done, what="end of the reload")
    return [e for e in program.events if e.get("event") in ("reloaded", "not reloaded")][-1]


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), 20 * PATIENCE).close()
        return False
    except ConnectionRefusedError:
        return True


@pytest.mark.parametrize("name", PROGRAMS)
def test_mistakes_are_told_at_their_key(name, tmp_path):
    token = secret()
    for admin, words in [
            ({}, 'admin.port: is required'),
            ({"bind": "0.0.0.0", "port": 0}, "admin.bind: is not loopback"),
            ({"bind": "10.0.0.1", "port": 0, "tls": admin_tls()}, 'needs "token_file"'),
            ({"bind": "", "port": 0, "token_file": token}, 'needs "tls"'),
            ({"unix": "x.sock", "port": 1}, 'admin.port: has no meaning beside "unix"'),
            ({"unix": "x.sock", "tls": admin_tls()}, 'admin.tls: has no meaning beside "unix"'),
            ({"unix": "x" * 200}, "admin.unix: "),
            ({"port": 0, "tls": {"cert": "none.crt", "key": "none.key"}}, "admin.tls.cert: "),
            ({"port": 0, "token_file": "none"}, "admin.token_file: "),
            ({"port": 0, "ports": 1}, 'unknown key "ports"')]:
        done = check(name, admin, tmp_path)
        assert done.returncode == 2
        assert words in done.stderr, (admin, done.stderr)


def test_what_check_prints_is_read_again(tmp_path):
    for admin in [{"port": 0}, {"unix": str(tmp_path / "s")},
                  {"bind": "0.0.0.0", "port": 0, "tls": admin_tls(), "token_file": secret()}]:
        printed = json.loads(check("proxy", admin, tmp_path).stdout)
        assert printed["admin"].items() >= admin.items()
        assert json.loads(check("proxy", printed["admin"], tmp_path).stdout) == printed


def test_a_unix_socket_is_for_its_group_and_goes_with_its_program(run, tmp_path):
    path = tmp_path / "proxy.sock"
    proxy = run.proxy({"admin": {"unix": str(path)}})
    proxy.wait_event("admin listening", address=str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert curl("http://localhost/healthz", "--unix-socket", path).status == 200
    assert curl("http://evil.example/healthz", "--unix-socket", path).status == 421
    # one that has a name of its own, longer than an IP address
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / ("c" * 40)))
        s.connect(str(path))
        s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b"200 OK" in harness.read_to_end(s)
    proxy.stop()
    assert not path.exists()


def test_a_socket_that_was_left_behind_gives_way_and_nothing_else_does(run, tmp_path):
    path = tmp_path / "proxy.sock"
    config = {"port": 0, "admin": {"unix": str(path)}}
    first = run.proxy(config)
    first.wait_event("admin listening")
    second = run.proxy(config)
    assert "Address already in use" in second.wait_event("cannot start")["reason"]
    second.expected_end = True
    assert second.process.wait(10 * PATIENCE) == 1
    assert curl("http://localhost/healthz", "--unix-socket", path).status == 200
    first.kill()
    assert path.exists()
    third = run.proxy(config)
    third.wait_event("admin listening")
    assert curl("http://localhost/healthz", "--unix-socket", path).status == 200
    third.stop()
    path.write_text("no socket")
    fourth = run.proxy(config)
    fourth.wait_event("cannot start")
    fourth.expected_end = True
    assert path.read_text() == "no socket"


def test_beyond_loopback_each_request_needs_tls_and_the_token(run):
    proxy = run.proxy({"admin": {"bind": "0.0.0.0", "port": 0, "tls": admin_tls(),
                                 "token_file": secret()}})
    port = admin_port(proxy)
    ca = ["--cacert", certificates() / "ca.crt"]

    def ask(path, *options):
        return curl(f"https://localhost:{port}{path}", *ca, *options).status
    bearer = ["-H", f"Authorization: Bearer {TOKEN}"]
    for path in ["/healthz", "/metrics", "/api/status", "/none"]:
        assert ask(path) == 401
        for wrong in ["Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0", f"Basic {TOKEN}", TOKEN]:
            assert ask(path, "-H", f"Authorization: {wrong}") == 401
    assert ask("/metrics", *bearer) == 200
    assert ask("/metrics", "--http1.0", *bearer) == 200
    assert ask("/metrics", "-H", f"authorization: bEARER  {TOKEN}") == 200
    assert ask("/metrics", "-H", "Host: evil.example", *bearer) == 421
    assert ask("/metrics", "-H", "Host: 192.0.2.1", *bearer) == 200
    figures = curl(f"https://localhost:{port}/metrics", *ca, *bearer).body
    assert "inout_certificate_not_after_seconds{file=" in figures
    keys = curl(f"https://localhost:{port}/api/status", *ca, *bearer).json["certificates"]
    assert [k["key"] for k in keys] == ["admin.tls.cert"]
    with connect(port) as s:  # no TLS: no answer
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            assert not s.recv(1000).startswith(b"HTTP")
        except ConnectionResetError:
            pass


@pytest.mark.parametrize("name", ["in_", "proxy", "out"])
def test_who_is_slow_or_silent_costs_neither_others_nor_streams_anything(run, name):
    chain = run.chain(echo_server(run).port, proxy=ADMIN, out=ADMIN, in_=ADMIN)
    program = getattr(chain, name)
    stream = chain.connect()
    port = admin_port(program)
    begun = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
    slow = []
    for i in range(32):
        s = run.own(connect(port))
        s.sendall(begun[:i])
        slow.append(s)
        expect_echo(stream)
        assert get(port, "/healthz").status == 200
    assert program.descriptors() < 100
    many = begun + b"\r\n"
    for _ in range(20):  # they ask for much and read nothing of it
        s = run.own(connect(port))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.setblocking(False)
        try:
            s.sendall(many * 100)
        except OSError:
            pass
        expect_echo(stream)
        assert get(port, "/healthz").status == 200


def test_who_says_nothing_is_let_go(run):
    port = admin_port(run.proxy(ADMIN))
    with connect(port) as s:
        with pytest.raises(ConnectionResetError):
            s.recv(1)


def test_a_crowd_is_answered(run):
    proxy = run.proxy(ADMIN)
    port = admin_port(proxy)
    statuses = []

    def ask():
        statuses.extend(get(port, "/metrics").status for _ in range(5))
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 40


@pytest.mark.parametrize("name", ["in", "proxy"])
def test_a_reload_opens_moves_and_closes_it(run, name, tmp_path):
    program = run.program(name, CONFIGS[name])
    program.wait_event("listening")
    assert program.find("admin listening") == []
    assert reload(program, {"port": 0})["event"] == "reloaded"
    first = admin_port(program)
    assert get(first, "/api/status").json["last_reload"] == "done"
    idle = connect(first)
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert idle.recv(1000).endswith(b"ok\n")

    taken = run.own(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
    failed = reload(program, {"port": taken})
    assert failed["event"] == "not reloaded" and str(taken) in failed["reason"]
    status = get(first, "/api/status").json
    assert status["last_reload"].startswith("failed: ")
    assert "inout_last_reload_successful 0" in get(first, "/metrics").body
    assert reload(program, {"port": 0, "token_file": "none"})["event"] == "not reloaded"

    second = free_port()
    assert reload(program, {"port": second})["event"] == "reloaded"
    assert idle.recv(1) == b""
    assert get(second, "/healthz").status == 200
    assert refuses(first)

    path = tmp_path / "s.sock"
    assert reload(program, {"unix": str(path)})["event"] == "reloaded"
    wait_for(lambda: refuses(second), what="end of the listener")
    assert curl("http://localhost/healthz", "--unix-socket", path).status == 200
    assert reload(program, None)["event"] == "reloaded"
    wait_for(lambda: not os.path.exists(path), what="end of the socket")


def test_another_token_counts_from_the_next_request_on(run, tmp_path):
    file = tmp_path / "token"

    def write(token):
        fresh = tmp_path / "fresh"
        fresh.write_text(token)
        fresh.chmod(0o600)
        fresh.rename(file)
    write(TOKEN)
    admin = {"bind": "0.0.0.0", "port": 0, "tls": admin_tls(), "token_file": str(file)}
    proxy = run.proxy({"admin": admin})
    port = admin_port(proxy)

    def ask(token):
        return curl(f"https://localhost:{port}/healthz", "--cacert", certificates() / "ca.crt",
                    "-H", f"Authorization: Bearer {token}").status
    assert (ask(TOKEN), ask("f" * 64)) == (200, 401)
    write("f" * 64)
    assert reload(proxy, admin)["event"] == "reloaded"
    wait_for(lambda: (ask(TOKEN), ask("f" * 64)) == (401, 200), what="the other token")
    assert len(proxy.find("admin listening")) == 1
