"""Several backends behind one out, UNIX sockets among them, and one out at several proxies."""
import collections
import os
import signal
import socket
import threading
import time

import pytest

import harness
from admin import ADMIN, differences, get, OPENAPI
from harness import (connect, echo, echo_server, expect_echo, expect_failed_open, expect_reset,
                     free_port, port_of, read_exactly, read_to_end, refusing_port,
                     wait_for)
from late_server import silent_port
from reloads import changed, reload, stream_of, who_serves
from test_drain import named_echo_server

pytestmark = pytest.mark.plain_only  # what is tested here is behind out

QUICK = {"interval": 100, "timeout": 500, "rise": 2, "fall": 2}


class UnixServer(harness.Server):
    """A backend at a UNIX socket; .path."""

    def __init__(self, handler, path):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind("\0" + self.path[1:] if self.path.startswith("@") else self.path)
        self._accept_with(handler)


def at(port, **more):
    return {"host": "127.0.0.1", "port": port, **more}


class Site:
    """proxy, out and in with the topic "db", whose network has these keys."""

    def __init__(self, run, out=None, proxies=1, **network):
        self.proxies = [run.proxy(ADMIN) for _ in range(proxies)]
        self.proxy = self.proxies[0]
        where = {"servers": [f"127.0.0.1:{port_of(each)}" for each in self.proxies]} \
            if proxies > 1 else {"server_host": "127.0.0.1", "server_port": port_of(self.proxy)}
        self.out = run.program("out", {
            "networks": [{**where, "topic": "db", **network}], "retry_interval": 200,
            **harness.TWO_THREADS, **ADMIN, **(out or {})})
        self.out.wait_event("registered", topic="db", count=proxies)
        self.ins = [run.in_(each, ["db"]) for each in self.proxies]
        self.in_ = self.ins[0]
        self.ports = [each.port() for each in self.ins]
        self.port = self.ports[0]

    def network(self, **keys):
        """Another configuration for it; None: without the key."""
        network = {**self.out.config["networks"][0], **keys}
        return changed(self.out, networks=[{k: v for k, v in network.items() if v is not None}])

    def who(self, count=1):
        return collections.Counter(who_serves(self.port) for _ in range(count))

    def topic(self):
        reply = get(self.out, "/api/topics").json
        assert list(differences(reply, OPENAPI["components"]["schemas"]["Topics"])) == []
        return reply["topics"][0]

    def streams(self):
        return [each["streams"] for each in self.topic()["backends"]]

    def states(self):
        return [each["state"] for each in self.topic()["backends"]]


def names(run, letters):
    return [named_echo_server(run, letter.encode()).port for letter in letters]


def test_where_one_refuses_another_one_serves_and_no_stream_fails(run):
    good, = names(run, "g")
    bad = refusing_port(run)
    site = Site(run, backends=[at(bad), at(good)])
    assert site.who(20) == {b"g": 20}
    rests = site.out.wait_event("backend rests")
    assert rests["backend"] == f"127.0.0.1:{bad}" and rests["rests_ms"] == 10_000
    lines = [site.out.wait_event("stream", count=n) for n in range(1, 21)]
    assert {line["backend"] for line in lines} == {f"127.0.0.1:{good}"}
    assert [line.get("tries", 1) for line in lines].count(2) == 1
    assert not site.in_.find("open_failed") and len(site.out.find("backend rests")) == 1
    assert site.states() == ["resting", "up"]
    text = get(site.out, "/metrics").body
    assert f'inout_backend_up{{topic="db",backend="127.0.0.1:{bad}"}} 0' in text
    assert f'inout_backend_up{{topic="db",backend="127.0.0.1:{good}"}} 1' in text


def test_one_that_can_not_be_found_is_passed_over_and_comes_back(run):
    port, other = free_port(), *names(run, "o")
    site = Site(run, backends=[at(port), {"host": "none.invalid", "port": 1}, at(other)],
                fail_timeout=100)
    assert site.who(6) == {b"o": 6}
    named = run.own(harness.Server(lambda s: (s.sendall(b"n"), echo(s)), port=port))
    wait_for(lambda: who_serves(site.port) == b"n", what="return of the backend")
    assert site.out.wait_event("backend is back")["backend"] == f"127.0.0.1:{named.port}"


def test_weights_are_kept_exactly_and_a_backup_waits(run):
    a, b, c = names(run, "abc")
    site = Site(run, backends=[at(a, weight=3), at(b), at(c, backup=True)])
    assert site.who(400) == {b"a": 300, b"b": 100}


def test_a_backup_serves_when_the_others_are_gone(run):
    backup, = names(run, "c")
    site = Site(run, backends=[at(refusing_port(run)), at(refusing_port(run)),
                               at(backup, backup=True)])
    assert site.who(5) == {b"c": 5}
    assert site.states() == ["resting", "resting", "up"]


def test_where_all_refuse_the_stream_fails_with_the_last_reason_and_all_are_tried_again(run):
    site = Site(run, backends=[at(refusing_port(run)), at(refusing_port(run))])
    for n in (1, 2):
        expect_failed_open(site.port)
        line = site.out.wait_event("open_failed", count=n)
        assert line["code"] == "backend_refused" and line["tries"] == 2
    assert site.states() == ["resting", "resting"]
    assert not site.proxy.find("out unready"), "that is a guess"


def test_a_silent_one_leaves_the_next_one_its_time(run):
    good, = names(run, "g")
    site = Site(run, backends=[at(silent_port(run)), at(good)], out={"open_timeout": 1_500})
    assert site.who(2) == {b"g": 2}
    assert site.out.wait_event("backend rests")["reason"]


def test_least_streams_and_source(run):
    a, b = names(run, "ab")
    site = Site(run, backends=[at(a), at(b)], balance="least_streams")
    with stream_of(site.port, b"a"):
        for _ in range(4):
            assert who_serves(site.port) == b"b"
            wait_for(lambda: site.streams() == [1, 0], what="end of the second stream")
    reload(site.out, site.network(balance="source"))
    assert len(site.who(10)) == 1, "one client"


def test_out_steps_back_while_all_backends_are_down_and_returns_by_itself(run):
    port = free_port()
    backend = run.own(harness.Server(lambda s: (s.sendall(b"n"), echo(s)), port=port))
    site = Site(run, backend_host="127.0.0.1", backend_port=port, health=QUICK)
    with stream_of(site.port, b"n"):
        backend.listener.shutdown(socket.SHUT_RDWR)
        backend.listener.close()
        assert site.out.wait_event("backend down")["backend"] == f"127.0.0.1:{port}"
        site.proxy.wait_event("out unready", topic="db")
        row, = get(site.proxy, "/api/topics").json["topics"]
        assert list(differences(row, OPENAPI["components"]["schemas"]["Topic"])) == []
        assert row["unready"] and row["state"] == "holds"
        expect_failed_open(site.port)
        assert site.in_.wait_event("open_failed")["code"] == "unready"
        assert site.states() == ["down"]
        ready = get(site.out, "/readyz")
        assert ready.status == 503 and "all backends of topic db are down" in ready.body
        run.own(harness.Server(lambda s: (s.sendall(b"m"), echo(s)), port=port))
        site.out.wait_event("backend up")
        site.proxy.wait_event("out ready", topic="db")
        assert who_serves(site.port) == b"m"
    assert len(site.proxy.find("registered")) == 1 and get(site.out, "/readyz").status == 200


def test_a_new_registration_of_one_that_is_down_says_so(run):
    site = Site(run, backends=[at(refusing_port(run))], health=QUICK)
    site.proxy.wait_event("out unready")
    proxy_port = port_of(site.proxy)
    site.proxy.kill()
    again = run.proxy({"port": proxy_port})
    again.wait_event("out unready")
    reload(site.out, site.network(health=None))
    again.wait_event("out ready")


def test_what_it_says_first_tells_whether_it_works(run):
    def says(words):
        def serve(s):
            s.sendall(words)
            ends.append(read_to_end(s))
            s.close()
        return run.own(harness.Server(serve)).port
    ends = []
    ssh, other = says(b"SSH-2.0-test\r\n"), says(b"HTTP/1.0 400 no\r\n")
    site = Site(run, backends=[at(ssh), at(other)], health={**QUICK, "expect": "SSH-2.0"})
    line = site.out.wait_event("backend down")
    assert line["backend"] == f"127.0.0.1:{other}" and 'said "HTTP/1.0 400 no"' in line["reason"]
    assert site.states() == ["up", "down"]
    for _ in range(3):
        with connect(site.port) as client:
            assert read_exactly(client, 14) == b"SSH-2.0-test\r\n"
    wait_for(lambda: len(ends) >= 4, what="questions")
    assert set(ends) == {b""}, "each ended cleanly"


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_a_unix_socket_is_a_backend(run, tmp_path, kind):
    path = str(tmp_path / "socket") if kind == "path" else f"@inout-test-{os.getpid()}"
    server = run.own(UnixServer(echo, path))
    site = Site(run, backend_unix=path)
    data = os.urandom(1 << 20) * 16
    with connect(site.port) as client:
        expect_echo(client)
        sender = threading.Thread(target=client.sendall, args=(data,), daemon=True)
        sender.start()
        assert read_exactly(client, len(data)) == data
        sender.join()
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""
    line = site.out.wait_event("stream")
    assert line["backend"] == f"unix:{path}" and line["reason"] == "done"
    assert len(server.connections) == 1
    site.out.wait_idle()
    with stream_row(site) as row:
        assert row["backend"] == row["service_peer"] == f"unix:{path}"


class stream_row:
    """What the admin listener says of a stream that runs."""

    def __init__(self, site):
        self.site = site
        self.client = connect(site.port)
        expect_echo(self.client)

    def __enter__(self):
        reply = get(self.site.out, "/api/streams").json
        assert list(differences(reply, OPENAPI["components"]["schemas"]["Streams"])) == []
        return reply["streams"][0]

    def __exit__(self, *_):
        self.client.close()


def test_the_ends_of_a_unix_socket_are_as_exact_as_they_can_be(run, tmp_path):
    half, seen = b"x" * 300_000, []

    def serve(s):
        kind = read_exactly(s, 1)
        if kind == b"h":  # ends its direction first, and reads on
            s.sendall(half)
            s.shutdown(socket.SHUT_WR)
            seen.append(read_to_end(s))
        elif kind == b"u":  # leaves what was sent to it unread
            read_exactly(s, 1)
            wait_for(lambda: s.recv(10, socket.MSG_PEEK), what="more bytes")
        else:
            try:
                seen.append(read_to_end(s))
            except ConnectionResetError:
                seen.append("reset")
        s.close()
    path = tmp_path / "socket"
    run.own(UnixServer(serve, path))
    site = Site(run, backends=[{"unix": str(path)}])
    with connect(site.port) as client:
        client.sendall(b"h")
        assert read_to_end(client) == half
        client.sendall(b"after its end")
        client.shutdown(socket.SHUT_WR)
        assert site.out.wait_event("stream")["reason"] == "done"
    assert seen.pop() == b"after its end"
    with connect(site.port) as client:
        client.sendall(b"uu unread")
        expect_reset(client)
    assert site.out.wait_event("stream", count=2)["code"] == "reset"
    client = connect(site.port)
    client.sendall(b"c and what came before")
    harness.reset(client)
    site.out.wait_event("stream", count=3)
    wait_for(lambda: seen, what="end at the backend")
    assert seen in ([b" and what came before"], [b""]), "there is no reset to be said"


def test_what_is_wrong_with_a_unix_socket_is_said(run, tmp_path):
    site = Site(run, backend_unix=str(tmp_path / "none"))
    expect_failed_open(site.port)
    line = site.out.wait_event("open_failed")
    assert line["code"] == "backend_refused" and "no such socket" in line["detail"]
    dead = tmp_path / "dead"
    UnixServer(echo, dead).close()
    reload(site.out, site.network(backend_unix=str(dead)))
    expect_failed_open(site.port)
    assert "nobody listens" in site.out.wait_event("open_failed", count=2)["detail"]


def test_out_registers_with_each_server_and_goes_on_where_one_dies(run):
    site = Site(run, proxies=2, backend_host="127.0.0.1", backend_port=names(run, "n")[0])
    with stream_of(site.ports[1], b"n") as stream:
        assert who_serves(site.ports[0]) == b"n"
        site.proxies[0].kill()
        site.out.wait_event("disconnected")
        for _ in range(5):
            assert who_serves(site.ports[1]) == b"n"
        expect_echo(stream)
    assert len(site.proxies[1].find("registered")) == 1
    rows = get(site.out, "/api/topics").json["topics"]
    assert sorted(row["state"] for row in rows) == ["holds", "unregistered"]
    assert get(site.out, "/readyz").status == 503


def test_two_names_of_one_proxy_do_not_fight(run):
    proxy = run.proxy()
    out = run.program("out", {
        "networks": [{"servers": [f"127.0.0.1:{port_of(proxy)}", f"localhost:{port_of(proxy)}"],
                      "topic": "db", "backend_host": "127.0.0.1",
                      "backend_port": names(run, "n")[0]}],
        "retry_interval": 100, **harness.TWO_THREADS})
    out.wait_event("same proxy twice")
    port = run.in_(proxy, ["db"]).port()
    for _ in range(10):
        assert who_serves(port) == b"n"
    assert len(proxy.find("registered")) <= 3


def test_a_reload_adds_and_removes_backends_and_servers_and_streams_run_on(run):
    a, b = names(run, "ab")
    site = Site(run, proxies=2, backends=[at(a)], health=QUICK)
    both = site.out.config["networks"][0]["servers"]
    with stream_of(site.ports[0], b"a"), stream_of(site.ports[1], b"a"):
        reload(site.out, site.network(backends=[at(a), at(b)]))
        assert site.who(4) == {b"a": 2, b"b": 2}
        # What is known of one that stays counts on.
        wait_for(lambda: site.streams() == [2, 0], what="end of the others")
        with stream_of(site.ports[0], b"a"):
            reload(site.out, site.network(backends=[at(b)], servers=both[:1]))
            assert site.who(2) == {b"b": 2}
            assert site.out.wait_event("registers no more")["streams"] == 1
        reload(site.out, site.network(servers=both))
        site.proxies[1].wait_event("registered", count=2)
        wait_for(lambda: who_serves(site.ports[1]) == b"b", what="the server that came back")
    assert len(site.proxies[0].find("registered")) == 1
    assert not site.out.find("displaced")


def test_a_draining_out_asks_nobody_any_more(run):
    asked = run.own(harness.Server(lambda s: (s.sendall(b"n"), echo(s))))
    site = Site(run, backend_host="127.0.0.1", backend_port=asked.port, health=QUICK,
                out={"drain_timeout": 60_000})
    wait_for(lambda: len(asked.connections) > 2, what="questions")
    with stream_of(site.port, b"n"):
        site.out.signal(signal.SIGTERM)
        site.out.expected_end = True
        site.out.wait_event("draining")
        wait_for(lambda: site.out.status()["tasks"] <= 2, what="end of the questions")
        count = len(asked.connections)
        time.sleep(10 * QUICK["interval"] / 1000)
        assert len(asked.connections) == count
    site.out.process.wait(20)
