"""in with several servers: which gets a stream, what happens when one dies, and how it comes back.

Each proxy has an out of its own, whose backend says the proxy's name.
"""
import signal
import threading
import time

import pytest

import admin
import reloads
from harness import (Server, connect, echo, expect_echo, expect_failed_open, expect_reset,
                     free_port, port_of, read_exactly, refusing_port, wait_for)
from late_server import silent_port
from name_server import SILENT, SRV, Place
from test_drain import named_echo_server

# Of a server that failed, before it is asked again.
REST_MS = 400


class Site:
    """A proxy at a port of its own, with an out that serves "default" by its name."""

    def __init__(self, run, name, proxy=None):
        self.run, self.name = run, name
        self.config = {"port": free_port(), **(proxy or {})}
        self.backend = named_echo_server(run, name)
        self.start()

    def start(self):
        self.proxy = self.run.proxy(self.config)
        self.port = self.proxy.port()
        self.out = self.run.out(self.proxy, {"default": self.backend.port})
        self.out.wait_event("registered")

    @property
    def server(self):
        return f"127.0.0.1:{self.port}"

    def kill(self):
        self.proxy.kill()
        self.out.kill()


def name_of(place):
    return place if isinstance(place, str) else f"127.0.0.1:{port_of(place)}"


def in_of(run, *servers, config=None, network=None):
    """An in with these, Sites, ports or texts, and where it listens."""
    places = [server.server if isinstance(server, Site) else name_of(server) for server in servers]
    networks = [{"servers": places, "port": 0, "topic": "default", **(network or {})}]
    in_ = run.program("in", {"networks": networks, "first_look": "off", "threads": 2,
                             "fail_timeout": REST_MS, **(config or {})})
    return in_, in_.port(topic="default")


def who(port):
    return reloads.who_serves(port)


def closing(s):
    s.close()


def silent(s):
    s.recv(1 << 16)
    time.sleep(60)


def test_the_first_one_is_used_and_when_it_dies_the_second_at_once_until_it_is_back(run):
    a, b = Site(run, b"a"), Site(run, b"b")
    in_, port = in_of(run, a, b)
    with reloads.stream_of(port, b"a"):
        pass
    with connect(port) as running:
        assert read_exactly(running, 1) == b"a"
        a.kill()
        expect_reset(running)
    for _ in range(20):
        assert who(port) == b"b"
    in_.wait_event("server rests", server=a.server)
    assert in_.find("stream")[0]["server"] == a.server
    assert "open_failed" not in {event["event"] for event in in_.events}

    with reloads.stream_of(port, b"b"):
        # Nobody tries the first one but in itself, which has been told by nobody.
        a.start()
        in_.wait_event("server back", server=a.server)
        wait_for(lambda: who(port) == b"a", what="a return to the first")
    assert in_.find("stream", server=b.server)
    assert all(event.get("tries", 1) == 1 for event in in_.find("stream", server=a.server))


def test_no_client_but_those_that_had_asked_fails_when_a_proxy_dies_under_load(run):
    a, b = Site(run, b"a"), Site(run, b"b")
    in_, port = in_of(run, a, b)
    served, failed = [], []
    stop = threading.Event()

    def come():
        while not stop.is_set():
            begun = time.monotonic()
            try:
                with connect(port) as s:
                    expect_echo_behind_name(s, served)
            except (OSError, EOFError):
                failed.append(begun)

    def expect_echo_behind_name(s, names):
        s.sendall(b"x")
        assert read_exactly(s, 1) in b"ab"
        assert read_exactly(s, 1) == b"x"
        names.append(1)

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(served) > 50, what="clients")
    a.kill()
    dead = time.monotonic()
    count = len(served)
    wait_for(lambda: len(served) > count + 100, what="clients at the other one")
    stop.set()
    for thread in threads:
        thread.join()
    assert [at for at in failed if at > dead] == []
    assert len(failed) <= 2 * len(threads), "a process takes a moment to die"


@pytest.mark.parametrize("front", [closing, silent], ids=["closes", "is silent"])
def test_what_takes_connections_is_not_taken_for_a_proxy(run, front):
    dead, b = run.own(Server(front)), Site(run, b"b")
    in_, port = in_of(run, dead.port, b, config={"connect_timeout": 1000})
    for _ in range(3):
        with connect(port) as s:
            s.sendall(b"early")
            assert read_exactly(s, 6) == b"bearly"
    stream = in_.wait_event("stream", tries=2)
    assert stream["server"] == b.server
    in_.wait_event("server rests", server=name_of(dead.port))
    count = len(dead.connections)
    wait_for(lambda: len(dead.connections) > count, what="a probe")
    time.sleep(0.1)
    assert not in_.find("server back")
    assert who(port) == b"b"


def test_a_server_that_never_takes_a_connection_costs_a_share_of_the_time(run):
    b = Site(run, b"b")
    in_, port = in_of(run, silent_port(run), b, config={"connect_timeout": 1000})
    assert who(port) == b"b"
    assert in_.wait_event("stream")["tries"] == 2
    assert who(port) == b"b"
    assert "tries" not in in_.wait_event("stream", count=2)


def test_who_is_denied_at_one_is_served_at_another(run):
    """Also with first bytes, as the proxy says that it has begun nothing."""
    a = Site(run, b"a", {"auth": {"keys": [], "anonymous": {"in": ["other"], "out": ["#"]}}})
    b = Site(run, b"b")
    in_, port = in_of(run, a, b)
    assert who(port) == b"b"
    assert in_.wait_event("stream")["tries"] == 2
    assert not in_.find("server rests"), "it has other topics"


def test_round_robin_takes_turns(run):
    sites = [Site(run, name) for name in (b"a", b"b")]
    in_, port = in_of(run, *sites, network={"select": "round_robin"})
    assert sorted(who(port) for _ in range(10)) == [b"a"] * 5 + [b"b"] * 5


@pytest.mark.parametrize("select", ["random", "least_time"])
def test_every_other_way_to_select_serves_and_fails_over(run, select):
    a, b = Site(run, b"a"), Site(run, b"b")
    in_, port = in_of(run, a, b, config={"select": select})
    assert {who(port) for _ in range(20)} <= {b"a", b"b"}
    a.kill()
    assert {who(port) for _ in range(10)} == {b"b"}


def test_when_all_are_down_a_client_is_reset_and_the_log_says_why(run):
    ports = [refusing_port(run), refusing_port(run)]
    in_, port = in_of(run, *ports, config={**admin.ADMIN})
    expect_failed_open(port)
    failure = in_.wait_event("open_failed")
    assert failure["code"] == "proxy_unreachable" and failure["tries"] == 2
    assert failure["server"] == name_of(ports[0]) and str(ports[0]) in failure["detail"]
    assert "did not answer" in admin.get(in_, "/readyz").body
    row = admin.get(in_, "/api/topics").json["topics"][0]
    assert row["state"] == "lost" and {*row["lost"].split(", ")} == {*row["server"].split(", ")}


def test_one_that_is_down_leaves_it_ready(run):
    b = Site(run, b"b")
    down = refusing_port(run)
    in_, port = in_of(run, down, b, config={**admin.ADMIN})
    assert who(port) == b"b"
    assert admin.get(in_, "/readyz").status == 200
    row = admin.get(in_, "/api/topics").json["topics"][0]
    assert row["state"] == "listens" and row["lost"] == name_of(down)


def test_a_reload_adds_and_removes_a_server_and_no_stream_notices(run):
    a, b = Site(run, b"a"), Site(run, b"b")
    in_, port = in_of(run, a)
    bulk = reloads.Bulk(run, port, b"a")
    network = in_.config["networks"][0]
    reloads.reload(in_, reloads.changed(in_, networks=[{**network,
                                                        "servers": [b.server, a.server]}]))
    assert in_.port(topic="default") == port and not in_.find("listens no more")
    assert who(port) == b"b"
    with reloads.stream_of(port, b"b"):
        reloads.reload(in_, reloads.changed(in_, networks=[{**network, "servers": [a.server]}]))
        assert who(port) == b"a"
        bulk.moves()
    bulk.end()


def test_a_proxy_that_hangs_is_left_while_its_streams_still_wait(run):
    """Its kernel goes on taking connections."""
    a, b = Site(run, b"a"), Site(run, b"b")
    in_, port = in_of(run, a, b, config={"connect_timeout": 1000})
    assert who(port) == b"a"
    a.proxy.signal(signal.SIGSTOP)
    waiting = run.own(connect(port))
    in_.wait_event("server rests", server=a.server)
    assert who(port) == b"b"
    assert not in_.find("open_failed")
    a.proxy.signal(signal.SIGCONT)
    assert read_exactly(waiting, 1) == b"a"
    in_.wait_event("server back", server=a.server)
    wait_for(lambda: who(port) == b"a", what="a return to the first")


def test_a_server_that_is_drained_gives_way_before_it_is_gone(run):
    a, b = Site(run, b"a"), Site(run, b"b")
    in_, port = in_of(run, a, b)
    with reloads.stream_of(port, b"a"):
        a.proxy.expected_end = True
        a.proxy.process.terminate()
        a.proxy.wait_event("draining")
        for _ in range(5):
            assert who(port) == b"b"
    assert not in_.find("open_failed")


SERVICE = "_inout._tcp.relays.test"


class Relays:
    """Two proxies in a place whose DNS has them under one service; who serves is in the log of in:
    the server that a stream went to."""

    def __init__(self, run, directory, records):
        names = {SERVICE: {SRV: records}, "a.relays.test": ["127.0.0.1"],
                 "b.relays.test": ["127.0.0.1"]}
        self.place = Place(run, directory, names)
        self.sites = {}
        for name, port in (("a", 40001), ("b", 40002)):
            proxy = self.place.program("proxy", {"port": port})
            proxy.port()
            backend = self.place.own(Server, echo)
            out = self.place.program("out", {"networks": [
                {"server_host": "127.0.0.1", "server_port": port, "topic": "t",
                 "backend_host": "127.0.0.1", "backend_port": backend.port}]})
            out.wait_event("registered")
            self.sites[f"{name}.relays.test:{port}"] = proxy

    def tell(self, records):
        self.place.server.names[SERVICE] = {SRV: records}

    def in_(self, **config):
        return self.place.program("in", {"networks": [
            {"servers": [SERVICE], "port": 0, "topic": "t"}], "first_look": "off", **config})

    def serve(self, in_):
        """A stream, and which server it went to."""
        count = len(in_.find("stream"))
        with self.place.connect(in_.port()) as s:
            expect_echo(s)
        return in_.wait_event("stream", count=count + 1)["server"]


A_FIRST = [(1, 1, 40001, "a.relays.test"), (2, 1, 40002, "b.relays.test")]
A_SERVER, B_SERVER = "a.relays.test:40001", "b.relays.test:40002"


def test_a_service_is_found_by_dns_its_priorities_count_and_what_dns_says_later(run, tmp_path):
    relays = Relays(run, tmp_path, A_FIRST)
    in_ = relays.in_(fail_timeout=REST_MS)
    assert in_.wait_event("listening")["server"] == SERVICE
    assert in_.wait_event("service found")["servers"] == f"{A_SERVER}, {B_SERVER}"
    assert {relays.serve(in_) for _ in range(5)} == {A_SERVER}
    with relays.place.connect(in_.port()) as running:
        expect_echo(running)
        # The answer is old in 5 s.
        relays.tell(A_FIRST[1:])
        in_.wait_event("service found", servers=B_SERVER)
        assert relays.serve(in_) == B_SERVER
        expect_echo(running)
    relays.place.server.names[SERVICE] = SILENT
    relays.sites[B_SERVER].kill()
    relays.place.inside(expect_failed_open, in_.port())


def test_targets_of_one_priority_share_by_weight_and_the_others_wait(run, tmp_path):
    relays = Relays(run, tmp_path, [(1, 1, 40001, "a.relays.test"), (1, 1, 40002, "b.relays.test"),
                                    (2, 9, 40009, "b.relays.test")])
    in_ = relays.in_()
    assert {relays.serve(in_) for _ in range(40)} == {A_SERVER, B_SERVER}
    relays.sites[A_SERVER].kill()
    assert {relays.serve(in_) for _ in range(10)} == {B_SERVER}


def test_a_service_that_dns_does_not_know_refuses_its_clients_and_says_so(run, tmp_path):
    relays = Relays(run, tmp_path, [])
    in_ = relays.in_()
    assert in_.wait_event("service not found")["service"] == SERVICE
    relays.place.inside(expect_failed_open, in_.port())
    assert "service" in in_.wait_event("client refused")["reason"]
