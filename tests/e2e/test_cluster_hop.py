"""A stream of an in at one proxy whose topic is served at another one."""
import concurrent.futures
import hashlib
import os
import signal
import socket
import threading

import pytest

import admin
import harness
import reloads
import secure
from cluster_site import Member, Nats, name_at, needs_nats, prove
from ext_peer import Ask, Connection, new_id
from harness import (connect, echo_server, expect_failed_open, expect_reset, read_exactly,
                     read_to_end, refusing_port, reset, wait_for)
from peers import encode
from test_identity import key, own_key
from test_tries import backend

pytestmark = [pytest.mark.plain_only, needs_nats()]  # the modes are chosen here


@pytest.fixture
def nats(run):
    return Nats(run)


def site(run, nats, a=None, b=None, cluster_a=None, cluster_b=None):
    """A, where the ins are, and B."""
    return (Member(run, nats, a, cluster_a), Member(run, nats, b, cluster_b))


@pytest.fixture(params=["plain", "tls", "e2e"])
def mode(request, monkeypatch):
    monkeypatch.setattr(secure, "TLS", request.param == "tls")
    monkeypatch.setattr(secure, "E2E", request.param == "e2e")
    return request.param


def test_a_stream_goes_over_one_other_proxy_with_its_bytes_and_ends(run, nats, mode):
    cluster = {"tls": secure.client_tls("in")} if mode == "tls" else None
    a, b = site(run, nats, cluster_a=cluster, cluster_b=cluster)
    b.out(echo_server(run).port)
    [port], in_ = a.in_()

    data = os.urandom(1 << 20)
    with connect(port) as s:
        threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
        got = read_to_end(s)  # half-close: the echo comes behind our end
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()

    at_in = in_.wait_event("stream")
    at_a = a.proxy.wait_event("stream", id=at_in["id"])
    at_b = b.proxy.wait_event("stream", id=at_in["id"])
    assert at_a["proxy"] == b.address and "via" not in at_a
    assert at_b["via"] == "proxy test" and at_b["client"] == at_a["client"]
    assert at_b["origin"] == ("certificate in" if mode == "tls" else "anonymous")
    assert at_a["bytes_up"] == at_b["bytes_up"] >= len(data)
    assert {at_in["code"], at_a["code"], at_b["code"]} == {"done"}


def test_a_reset_is_a_reset_on_the_other_side(run, nats):
    a, b = site(run, nats)
    ends = []

    def serve(s):
        s.sendall(b"b")
        if s.recv(1) == b"!":
            reset(s)
            return
        try:
            s.recv(1)
        except ConnectionResetError:
            ends.append("reset")

    b.out(run.own(harness.Server(serve)).port)
    [port], _ = a.in_()
    with connect(port) as s:
        assert read_exactly(s, 1) == b"b"
        s.sendall(b"!")
        expect_reset(s)
    s = connect(port)
    assert read_exactly(s, 1) == b"b"
    s.sendall(b"?")
    reset(s)
    wait_for(lambda: ends == ["reset"], what="reset at the backend")


def test_the_proxy_that_has_the_topic_itself_asks_nobody(run, nats):
    a, b = site(run, nats)
    a.out(backend(run, b"a"))
    b.out(backend(run, b"b"))
    [port], _ = a.in_()
    assert [name_at(port) for _ in range(5)] == [b"a"] * 5
    assert not b.proxy.find("stream")


def test_a_backend_that_refuses_at_one_proxy_costs_nobody_a_stream(run, nats):
    a, b = site(run, nats)
    c = Member(run, nats)
    b.out(refusing_port(run))
    c.out(backend(run, b"c"))
    [port], _ = a.in_()
    for _ in range(4):
        with connect(port) as s:
            s.sendall(b"early")
            s.shutdown(socket.SHUT_WR)
            assert read_to_end(s) == b"cearly"
    assert a.proxy.wait_event("stream", proxy=c.address)
    assert not a.proxy.find("open_failed")


def test_here_and_there_are_one_line_when_backends_refuse(run, nats):
    a, b = site(run, nats)
    a.out(refusing_port(run))
    b.out(backend(run, b"b"))
    [port], _ = a.in_()
    assert name_at(port) == b"b"
    assert a.proxy.wait_event("stream", proxy=b.address)["tries"] == 2


def test_end_to_end_a_refusal_of_one_proxys_out_leads_to_anothers(run, nats, monkeypatch):
    monkeypatch.setattr(secure, "E2E", True)
    a, b = site(run, nats)
    b.out(refusing_port(run))
    b.out(backend(run, b"b"), config={"retry_interval": 200})
    # The newest holds the topic; the other one is behind it and is asked only if `not` is passed on.
    [port], _ = a.in_()
    assert name_at(port) == b"b"
    third = b.out(refusing_port(run))
    third.wait_event("registered")
    assert name_at(port) == b"b"


def test_permissions_hold_at_both_proxies(run, nats):
    lists = {"keys": [key("a", **{"in": ["#"]}), key("b", **{"in": ["only.here"]})]}
    at_b = {"keys": [key("a", **{"in": ["web"]}), key("c", out=["#"])]}
    a, b = site(run, nats, {"auth": lists}, {"auth": at_b})
    for topic in ("web", "db"):
        b.out(backend(run, b"b"), topic, own_key("c"))
    [web, db], _ = a.in_(["web", "db"], own_key("a"))
    assert name_at(web) == b"b"
    assert b.proxy.wait_event("stream")["origin"] == "key a"
    # A's lists let it, those of B name it without that topic.
    expect_failed_open(db)
    assert b.proxy.wait_event("denied", topic="db")["identity"] == "key a"
    assert a.proxy.wait_event("open_failed", topic="db")["code"] == "denied"
    # A's own lists come first, and B hears nothing.
    [other], _ = a.in_(["web"], own_key("b"))
    expect_failed_open(other)
    assert a.proxy.wait_event("denied", topic="web")["identity"] == "key b"
    assert len(b.proxy.find("denied")) == 1


def test_a_proxy_says_that_another_one_has_other_lists(run, nats):
    def lists(*names):
        return {"auth": {"keys": [key(name, **{"in": ["#"], "out": ["#"]}) for name in names]}}

    a, b = site(run, nats, lists("a", "b"), lists("b", "a"))
    c = Member(run, nats, lists("a"))
    b.out(backend(run, b"b"), "b", own_key("a"))
    c.out(backend(run, b"c"), "c", own_key("a"))
    [to_b, to_c], _ = a.in_(["b", "c"], own_key("a"))
    for _ in range(3):
        assert (name_at(to_b), name_at(to_c)) == (b"b", b"c")
    assert a.proxy.wait_event("lists differ")["proxy"] == c.address
    a.proxy.wait_event("stream", count=6)
    assert len(a.proxy.find("lists differ")) == 1


def test_a_listed_proxy_may_ask_and_answer_for_its_topics_only(run, nats):
    ports = [harness.free_port() for _ in range(2)]
    keys = [secure.secret(f"proxy-{name}.key", name * 64 + "\n") for name in "ab"]

    def member(i, **of_other):
        peer = {"id": "ab"[1 - i], "address": f"127.0.0.1:{ports[1 - i]}",
                "key_file": keys[1 - i], "ask": ["#"], "answer": ["#"], **of_other}
        return Member(run, nats, port=ports[i],
                      cluster={"id": "ab"[i], "key_file": keys[i], "peers": [peer]})

    a, b = member(0, answer=["web", "db"]), member(1, ask=["web", "mail"])
    for topic in ("web", "db", "mail"):
        b.out(backend(run, b"b"), topic)
    [web, db, mail], _ = a.in_(["web", "db", "mail"])
    assert name_at(web) == b"b"
    assert b.proxy.wait_event("stream")["via"] == "proxy a"
    expect_failed_open(db)
    assert b.proxy.wait_event("denied", topic="db")["identity"] == "proxy a"
    expect_failed_open(mail)
    assert a.proxy.wait_event("proxy not used")["proxy"] == b.address

    config = reloads.changed(b.proxy)
    config["cluster"]["peers"][0]["ask"] = ["db"]
    reloads.reload(b.proxy, config)
    expect_failed_open(web)
    assert name_at(db) == b"b"


def test_proxies_know_each_other_by_certificates(run, nats):
    ports = [harness.free_port() for _ in range(2)]
    ca = str(secure.certificates() / "ca.crt")
    members = []
    for i, (mine, theirs) in enumerate((("in", "out"), ("out", "in"))):
        peer = {"id": "ab"[1 - i], "address": f"127.0.0.1:{ports[1 - i]}", "certificate": theirs,
                "ask": ["#"], "answer": ["#"]}
        cluster = {"id": "ab"[i], "peers": [peer], "tls": secure.client_tls(mine)}
        members.append(Member(run, nats, {"tls": secure.proxy_tls(client_ca=ca, mode="optional"),
                                          "auth": {"anonymous": {"in": ["#"], "out": ["#"]}}},
                              {**cluster, "key_file": None}, ports[i]))
    a, b = members
    b.out(backend(run, b"b"))
    [port], _ = a.in_()
    assert name_at(port) == b"b"
    assert b.proxy.wait_event("stream")["via"] == "proxy a"


def hop(run, member, topic="default", **ext):
    """The answer to somebody who says that it is a proxy."""
    return Ask(run, member.proxy, topic, hop=1, origin="key a", **ext).response()


def test_who_only_says_that_it_is_a_proxy_is_denied(run, nats):
    _, b = site(run, nats)
    b.out(backend(run, b"b"))
    assert hop(run, b)["ext"]["code"] == "denied"
    assert b.proxy.wait_event("denied")["topic"] == "default"
    assert hop(run, b, key="test", time=0, proof2="0" * 64)["ext"]["code"] == "denied"


class Played(Connection):
    """A proxy of the cluster, with a stream of somebody who has asked it."""

    def __init__(self, run, member, topic):
        self.magic, stream_id, client = new_id(16), new_id(8), "192.0.2.1:1"
        ext = {"id": stream_id, "client": client,
               **prove(topic, self.magic, stream_id, client, "key a")}
        self.request = {"magic": self.magic, "version": "0.0.1", "type": topic,
                        "ext": {"v": 1, **ext}}
        self.ask(run, member)

    def ask(self, run, member):
        """The same bytes each time."""
        self.sock = run.own(connect(member.port))
        self.sock.sendall(encode("InRequest", self.request))
        self.answer = self.read("Response")
        return self.answer


def test_what_a_proxy_asks_for_is_there_or_nowhere(run, nats):
    """B would find the topic at C for its own clients."""
    _, b = site(run, nats)
    c = Member(run, nats)
    b.out(backend(run, b"b"))
    c.out(backend(run, b"c"), "elsewhere")
    [port], _ = b.in_(["elsewhere"])
    assert name_at(port) == b"c"
    c.proxy.wait_event("stream")
    assert Played(run, b, "elsewhere").answer["ext"]["code"] == "no_topic"
    assert len(c.proxy.find("stream")) == 1, "the client's"

    proxy = Played(run, b, "default")
    assert proxy.answer["message"] == ""
    assert read_exactly(proxy.sock, 1) == b"b"
    assert proxy.ask(run, b)["ext"]["code"] == "denied", "a proof is good once"
    assert b.proxy.wait_event("denied")["reason"].startswith("replayed proof")


def test_a_proxy_with_another_key_is_no_proxy_of_the_cluster(run, nats):
    a = Member(run, nats, cluster={"key_file": secure.secret("other.key", "1" * 64 + "\n")})
    b = Member(run, nats)
    b.out(backend(run, b"b"))
    [port], _ = a.in_()
    expect_failed_open(port)
    assert b.proxy.wait_event("denied")["reason"].startswith("wrong proof")


def test_what_was_asked_over_a_hop_goes_no_further(run, nats):
    """C has the topic, and tells A that B has it: B was restarted without, and asks nobody."""
    a, b = site(run, nats)
    c = Member(run, nats)
    out = b.out(backend(run, b"b"))
    [port], _ = a.in_()
    assert name_at(port) == b"b"
    out.stop()
    c.out(backend(run, b"c"))
    assert name_at(port) == b"c"
    assert not b.proxy.find("stream", proxy=c.address)
    assert all(event["id"] for event in c.proxy.find("stream"))
    streams = c.proxy.wait_event("stream")
    assert streams["via"] == "proxy test"


def two_others_serve(run, nats):
    """The proxy where clients come, one of two that have the topic, and the clients' port."""
    a, b = site(run, nats)
    c = Member(run, nats)
    b.out(backend(run, b"b"))
    c.out(backend(run, b"c"))
    [port], _ = a.in_()
    wait_for(lambda: {name_at(port) for _ in range(4)} == {b"b", b"c"}, what="streams at both")
    return a, b, port


def test_a_proxy_that_is_killed_is_replaced_by_the_next_one(run, nats):
    a, b, port = two_others_serve(run, nats)
    b.proxy.kill()
    assert [name_at(port) for _ in range(10)] == [b"c"] * 10
    assert not a.proxy.find("open_failed")


def test_a_proxy_that_hangs_costs_a_stream_seconds_and_later_ones_nothing(run, nats):
    a, b, port = two_others_serve(run, nats)
    b.proxy.signal(signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        assert list(clients.map(name_at, [port] * 4)) == [b"c"] * 4
    assert [name_at(port) for _ in range(4)] == [b"c"] * 4
    b.proxy.signal(signal.SIGCONT)
    assert not a.proxy.find("open_failed")


def test_the_streams_of_both_proxies_say_where_they_go_and_where_from(run, nats):
    a, b = site(run, nats, admin.ADMIN, admin.ADMIN)
    b.out(backend(run, b"b"))
    [port], _ = a.in_()
    with connect(port) as s:
        assert read_exactly(s, 1) == b"b"
        [at_a], [at_b] = (admin.get(member.proxy, "/api/streams").json["streams"]
                          for member in (a, b))
        cluster = admin.get(a.proxy, "/api/status").json["cluster"]
    assert cluster["up"] and cluster["found"] == 1
    assert at_a["proxy"] == b.address and "via" not in at_a
    assert (at_b["via"], at_b["origin"], at_b["id"]) == ("proxy test", "anonymous", at_a["id"])


def test_an_out_that_restarts_at_another_proxy_is_waited_for(run, nats):
    a, b = site(run, nats)
    out = b.out(backend(run, b"b"))
    [port], _ = a.in_()
    assert name_at(port) == b"b"
    out.stop()
    with connect(port) as s:
        wait_for(lambda: b.proxy.find("open_failed"), what="question at B")
        b.out(backend(run, b"B"))
        assert read_exactly(s, 1) == b"B"
    assert not a.proxy.find("open_failed")


def test_without_nats_what_is_known_works_on(run, nats):
    a, b = site(run, nats)
    a.out(backend(run, b"a"), "here")
    b.out(backend(run, b"b"), "there")
    [here, there, nowhere], _ = a.in_(["here", "there", "nowhere"])
    assert (name_at(here), name_at(there)) == (b"a", b"b")
    nats.kill()
    a.proxy.wait_event("cluster disconnected")
    assert [name_at(port) for port in (here, there, there)] == [b"a", b"b", b"b"]
    expect_failed_open(nowhere)
    assert a.proxy.wait_event("open_failed")["code"] == "no_directory"


def test_a_topic_that_nobody_has_fails_at_once(run, nats):
    a, _ = site(run, nats)
    [port], _ = a.in_()
    expect_failed_open(port)
    assert a.proxy.wait_event("open_failed")["code"] == "no_topic"


def test_streams_use_the_connections_of_earlier_ones(run, nats):
    a, b = site(run, nats)
    b.out(backend(run, b"b"))
    [port], _ = a.in_()
    assert name_at(port) == b"b"
    count = 2_500 if harness.PATIENCE == 1 else 250  # of each of four

    def come():
        for _ in range(count):
            assert name_at(port) == b"b"

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    uses = [event["use"] for event in a.proxy.find("stream")]
    assert max(uses) > count / 10, "a connection between the proxies is used again"
    for status, counter in ((a.proxy.wait_idle(), "hops_to_total"),
                            (b.proxy.wait_idle(), "hops_from_total")):
        assert status[counter] == status["streams_total"] == 4 * count + 1
        assert status["sockets"] < 200
