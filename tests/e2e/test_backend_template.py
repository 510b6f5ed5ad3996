"""A pattern's backend is made from the topic that was asked for, within a list of addresses."""
import pytest

import harness
from harness import connect, expect_failed_open, free_port
from reloads import changed, network_of, reload
from test_share import backend, registered, served_by

LOOPBACK = ["127.0.0.0/8", "::1"]


def templated(run, proxy, host, port, topic="#", **network):
    return run.program("out", {**harness.TWO_THREADS, "networks": [
        {"server_host": "127.0.0.1", "server_port": proxy.port(), "backend_host": host,
         "backend_port": port, "topic": topic, "pattern": True, **network}]})


@pytest.fixture
def proxy(run):
    return run.proxy({"port": free_port()})


def test_the_words_of_the_topic_choose_host_and_port(run, proxy):
    ports = {name: backend(run, name) for name in (b"a", b"b")}
    topics = {name: f"db.{port}" for name, port in ports.items()}
    out = templated(run, proxy, "{1}.localhost", "{2}", "db.*", backend_ports="1024-65535",
                    backend_allow=LOOPBACK)
    registered(out)
    in_ = run.in_(proxy, [*topics.values(), "db.80", "db.x", "db.99999"])
    for name, topic in topics.items():
        assert served_by(in_.port(topic=topic)) == name
    for topic in ("db.80", "db.x", "db.99999"):  # no listed port
        expect_failed_open(in_.port(topic=topic))
        line = out.wait_event("open_failed", topic=topic)
        assert line["code"] == "denied" and "is none of 1024-65535" in line["detail"]


def test_only_listed_addresses_are_dialled(run, proxy):
    """127.0.0.1 is in 0.0.0.0/0, but it is this machine: it has to be listed as such."""
    port = backend(run, b"a")
    out = templated(run, proxy, "{1}.localhost", port, backend_allow=["0.0.0.0/0", "::/0"])
    registered(out)
    in_ = run.in_(proxy, ["db"])
    expect_failed_open(in_.port())
    line = out.wait_event("open_failed", topic="db")
    assert line["code"] == "backend_unresolved"
    assert "none of its addresses may be dialled" in line["detail"]
    reload(out, changed(out, networks=[{**network_of(out, "#"), "backend_allow": ["127.0.0.1"]}]))
    assert served_by(in_.port()) == b"a"


@pytest.mark.parametrize("topic", ["a b", "a/b", "a_b", "-a", "a:1", "..", "ä", "x" * 64,
                                   "127.0.0.1", "1"])
def test_what_is_no_label_makes_no_host(run, proxy, topic):
    out = templated(run, proxy, "{topic}", backend(run, b"a"), backend_allow=LOOPBACK)
    registered(out)
    in_ = run.in_(proxy, [topic, "localhost"])
    expect_failed_open(in_.port(topic=topic))
    assert out.wait_event("open_failed", topic=topic)["code"] == "denied"
    assert served_by(in_.port(topic="localhost")) == b"a"


def test_no_client_can_make_an_out_rest(run, proxy):
    outs = [templated(run, proxy, "{1}.localhost", backend(run, name), backend_allow=LOOPBACK,
                      share=True) for name in (b"a", b"b")]
    registered(*outs)
    in_ = run.in_(proxy, ["good", "b_ad"])
    for _ in range(6):
        expect_failed_open(in_.port(topic="b_ad"))
    assert {served_by(in_.port(topic="good")) for _ in range(8)} == {b"a", b"b"}
    assert not proxy.find("out rests")


def test_a_template_without_a_list_of_addresses_is_a_mistake(run):
    config = {"networks": [{"server_host": "h", "server_port": 1, "backend_host": "{1}.internal",
                            "backend_port": 80, "topic": "#", "pattern": True}]}
    out = run.program("out", config, ["--check"])
    out.expected_end = True
    assert out.process.wait(10 * harness.PATIENCE) != 0
    out.reader.join(5)
    assert "backend_allow: is required" in "\n".join(out.other_output)
