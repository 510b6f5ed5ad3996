"""Topic patterns: one out serves all topics that match, unless a more specific one is there."""
import pytest

import harness
from harness import connect, expect_failed_open, free_port, read_exactly, wait_for
from peers import encode, read_frame
from reloads import changed, network_of, reload
from secure import secret
from test_share import backend, out, registered, served_by


def pattern(run, proxy, name, topic, **network):
    return out(run, proxy, name, topic=topic, pattern=True, **network)


@pytest.fixture
def proxy(run):
    return run.proxy({"port": free_port()})


def test_a_pattern_serves_what_nobody_serves_better(run, proxy):
    everything = pattern(run, proxy, b"#", "#")
    databases = pattern(run, proxy, b"*", "db.*")
    exact = out(run, proxy, b"o", topic="db.orders")
    registered(everything, databases, exact)
    in_ = run.in_(proxy, ["db.orders", "db.users", "db.users.eu", "web"])
    got = {t: served_by(in_.port(topic=t)) for t in ("db.orders", "db.users", "db.users.eu", "web")}
    assert got == {"db.orders": b"o", "db.users": b"*", "db.users.eu": b"#", "web": b"#"}
    assert databases.wait_event("stream", topic="db.users")
    exact.kill()
    wait_for(lambda: served_by(in_.port(topic="db.orders")) == b"*", what="the pattern steps in")
    databases.kill()
    wait_for(lambda: served_by(in_.port(topic="db.users")) == b"#", what="the wider one steps in")


def test_a_text_that_is_a_pattern_and_a_topic_has_two_lines(run, proxy):
    registered(pattern(run, proxy, b"p", "db.*"), out(run, proxy, b"t", topic="db.*"))
    in_ = run.in_(proxy, ["db.*", "db.a"])
    assert served_by(in_.port(topic="db.*")) == b"t"
    assert served_by(in_.port(topic="db.a")) == b"p"


def test_a_pattern_is_shared_and_displaced_as_a_topic_is(run, proxy):
    outs = [pattern(run, proxy, name, "db.#", share=True) for name in (b"a", b"b")]
    registered(*outs)
    in_ = run.in_(proxy, ["db.x"])
    assert {served_by(in_.port()) for _ in range(8)} == {b"a", b"b"}
    alone = pattern(run, proxy, b"c", "db.#")
    registered(alone)
    assert served_by(in_.port()) == b"c"
    alone.kill()
    for each in outs:
        each.wait_event("promoted")
    assert {served_by(in_.port()) for _ in range(8)} == {b"a", b"b"}


def test_a_stream_waits_for_a_pattern_that_was_here_a_moment_ago(run, proxy):
    first = pattern(run, proxy, b"a", "db.*")
    registered(first)
    in_ = run.in_(proxy, ["db.x", "web"])
    first.kill()
    proxy.wait_event("unregistered")
    expect_failed_open(in_.port(topic="web"))
    with connect(in_.port(topic="db.x")) as client:
        registered(pattern(run, proxy, b"b", "*.x"))
        assert read_exactly(client, 1) == b"b"


def test_an_out_has_to_be_permitted_all_of_its_pattern(run):
    key = {"id": "office", "secret_file": secret()}
    proxy = run.proxy({"open_timeout": 300, "auth": {"keys": [{**key, "in": ["#"], "out": ["db.*", "web"]}]}})
    wide = pattern(run, proxy, b"w", "db.#", config={"auth": key})
    reason = wide.wait_event("not registered")["reason"]
    assert "may not register" in reason and "db.#" in reason
    allowed = pattern(run, proxy, b"d", "db.*", config={"auth": key})
    registered(allowed)
    in_ = run.in_(proxy, ["db.x"], {"auth": key})
    assert served_by(in_.port()) == b"d"
    # What it serves ends with the permission.
    reload(proxy, changed(proxy, auth={"keys": [{**key, "in": ["#"], "out": ["db.x"]}]}))
    allowed.wait_event("disconnected")
    expect_failed_open(in_.port())


def test_a_pattern_becomes_a_topic_by_a_reload(run):
    proxy = run.proxy({"open_timeout": 300})
    one = pattern(run, proxy, b"a", "db.*")
    registered(one)
    in_ = run.in_(proxy, ["db.x", "db.*"])
    assert served_by(in_.port(topic="db.x")) == b"a"
    reload(one, changed(one, networks=[{**network_of(one, "db.*"), "pattern": False}]))
    one.wait_event("registered", count=2)
    assert served_by(in_.port(topic="db.*")) == b"a"
    wait_for(lambda: refused(in_.port(topic="db.x")), what="end of the pattern")


def refused(port):
    try:
        served_by(port)
    except (EOFError, ConnectionError):
        return True
    return False


def test_a_proxy_that_does_not_know_patterns_is_none_for_them(run):
    """One that says nothing of the pattern takes it for a topic of that name."""
    tries = []

    def serve(s):
        kind, request = read_frame(s)
        assert kind == "OutRequest" and request["ext"]["pattern"] == 1
        s.sendall(encode("Response", {"magic": request["magic"], "request": kind, "message": "",
                                      "ext": {"v": 1, "proxy": "1f", "ticket": "2e",
                                              "position": 0}}))
        tries.append(1)

    old = run.own(harness.Server(serve))
    asking = run.program("out", {"retry_interval": 100, "networks": [
        {"server_host": "127.0.0.1", "server_port": old.port, "backend_host": "127.0.0.1",
         "backend_port": 1, "topic": "db.*", "pattern": True}]})
    reason = asking.wait_event("not registered")["reason"]
    assert "does not know topic patterns" in reason
    wait_for(lambda: len(tries) >= 2, what="another try")
    assert not asking.find("registered")
