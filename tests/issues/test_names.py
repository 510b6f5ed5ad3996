"""Names: whatever one name or one server does, the others are served, and the words are right."""
import socket
import time

import pytest

import harness
from harness import echo, expect_echo, expect_failed_open, wait_for
from name_server import A, AAAA, OTHER_SERVER, SERVER, SILENT, NameServer, Place

# A dial of the proxy may take so long (connect_timeout), the shorter ones are healthy.
DIAL_S = 5


def proxy_in(place, bind="127.0.0.1"):
    proxy = place.program("proxy", {"bind": bind, "port": 40001})
    proxy.port()
    return proxy


def in_for(place, server_host, topic="t", **config):
    return place.program("in", {"networks": [{"server_host": server_host, "server_port": 40001,
                                              "port": 0, "topic": topic}], **config})


def chain(place, backend_host, backend_port, server_host="127.0.0.1"):
    """(in, out) of a registered chain."""
    proxy_in(place)
    out = place.program("out", {"networks": [
        {"server_host": server_host, "server_port": 40001, "topic": "t",
         "backend_host": backend_host, "backend_port": backend_port}]})
    out.wait_event("registered")
    return in_for(place, "127.0.0.1"), out


def expect_failed(place, in_, code):
    before = len(in_.find("open_failed"))
    place.inside(expect_failed_open, in_.port())
    line = in_.wait_event("open_failed", count=before + 1)
    assert line["code"] == code, line
    return line["detail"]


def test_names_that_nobody_answers_for_delay_no_other_and_are_left_alone_for_a_while(run, tmp_path):
    silent = [f"s{n}.test" for n in range(40)]
    names = {"good.test": ["127.0.0.1"], **{name: SILENT for name in silent}}
    place = Place(run, tmp_path, names)
    proxy_in(place)
    in_ = place.program("in", {"networks": [
        {"server_host": name, "server_port": 40001, "port": 0, "topic": name}
        for name in [*silent, "good.test"]]})
    waiting = [place.own(lambda: harness.connect(in_.port(topic=name))) for name in silent]
    start = time.monotonic()
    place.inside(expect_failed_open, in_.port(topic="good.test"))
    took = time.monotonic() - start
    assert in_.wait_event("open_failed", topic="good.test")["code"] == "no_topic"
    assert took < 1 * harness.PATIENCE
    for client in waiting:
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    line = in_.wait_event("open_failed", topic=silent[0])
    assert line["code"] == "proxy_unreachable" and "does not answer" in line["detail"]
    # In the pause the answer is the same, at once and without a question.
    asked = len(place.server.questions)
    start = time.monotonic()
    place.inside(expect_failed_open, in_.port(topic=silent[0]))
    if time.monotonic() - start < 0.5:
        assert [name for name, _ in place.server.questions[asked:]].count(silent[0]) == 0


def test_half_an_answer_is_used(run, tmp_path):
    """Some servers are silent when asked for IPv6 addresses."""
    place = Place(run, tmp_path, {"half.test": {A: ["127.0.0.1"], AAAA: SILENT}})
    proxy_in(place)
    assert "t" in expect_failed(place, in_for(place, "half.test"), "no_topic")


def test_the_search_list_is_used(run, tmp_path):
    place = Place(run, tmp_path, {"relay.b.test": ["127.0.0.1"]},
                  resolv_conf=f"nameserver {SERVER}\nsearch a.test b.test\n")
    proxy_in(place)
    expect_failed(place, in_for(place, "relay"), "no_topic")
    assert ("relay.a.test", A) in place.server.questions


def test_a_changed_resolv_conf_is_used_from_the_next_look_up_on(run, tmp_path):
    place = Place(run, tmp_path, {"relay.test": ["127.0.0.1"]},
                  resolv_conf=f"nameserver {OTHER_SERVER}\n")
    place.own(NameServer, {}, OTHER_SERVER)
    proxy_in(place)
    in_ = in_for(place, "relay.test")
    assert "not known" in expect_failed(place, in_, "proxy_unreachable")
    place.write("resolv.conf", f"nameserver {SERVER}\n")
    expect_failed(place, in_, "no_topic")


def test_a_new_resolv_conf_serves_who_waits_for_a_silent_server(run, tmp_path):
    place = Place(run, tmp_path, {"relay.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]},
                  resolv_conf=f"nameserver {OTHER_SERVER}\n")
    silent = place.own(NameServer, {"relay.test": SILENT}, OTHER_SERVER)
    proxy_in(place)
    in_ = place.program("in", {"networks": [
        {"server_host": f"{name}.test", "server_port": 40001, "port": 0, "topic": name}
        for name in ("relay", "other")]})
    client = place.own(lambda: harness.connect(in_.port(topic="relay")))
    wait_for(lambda: silent.questions, what="question to the silent server")
    place.write("resolv.conf", f"nameserver {SERVER}\n")
    place.inside(expect_failed_open, in_.port(topic="other"))
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert in_.wait_event("open_failed", topic="relay")["code"] == "no_topic"


@pytest.mark.parametrize("address, family", [("::1", socket.AF_INET6),
                                             ("127.0.0.1", socket.AF_INET)])
def test_a_backend_of_either_family_is_reached_where_the_host_has_only_loopback(
        run, tmp_path, address, family):
    place = Place(run, tmp_path, {"backend.test": [address]})
    backend = place.own(harness.Server, echo, family=family, host=address)
    in_, _ = chain(place, "backend.test", backend.port)
    with place.connect(in_.port()) as client:
        expect_echo(client)


def test_no_name_and_no_address_are_told_apart(run, tmp_path):
    place = Place(run, tmp_path, {"empty.test": []})
    for name, words in (("nobody.test", "not known"), ("empty.test", "no address")):
        in_ = in_for(place, name)
        for _ in range(2):
            detail = expect_failed(place, in_, "proxy_unreachable")
            assert words in detail and f"{name}:40001" in detail


def test_a_dead_first_address_is_paid_for_by_one_stream(run, tmp_path):
    place = Place(run, tmp_path, {"backend.test": ["127.0.0.9", "127.0.0.1"]})
    backend = place.own(harness.Server, echo)

    def deaf():
        """Its queue is full, so the kernel answers nobody."""
        listener = socket.socket()
        listener.bind(("127.0.0.9", backend.port))
        listener.listen(0)
        fillers = []
        for _ in range(3):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(listener.getsockname())
            fillers.append(s)
        return listener, fillers
    held = place.inside(deaf)
    in_, _ = chain(place, "backend.test", backend.port)

    def seconds():
        start = time.monotonic()
        with place.connect(in_.port()) as client:
            expect_echo(client)
        return time.monotonic() - start
    assert seconds() > 2, "half of the backend's 5 s are for the first address"
    assert max(seconds() for _ in range(4)) < 2
    del held


def knock(port):
    """A connection, unless its RST is faster than connect(2)."""
    try:
        return harness.connect(port)
    except ConnectionResetError:
        return None


def test_many_names_at_once_are_all_served_and_asked_for_once(run, tmp_path):
    names = [f"n{number}.test" for number in range(400)]
    place = Place(run, tmp_path, {name: ["127.0.0.1"] for name in names})
    proxy_in(place)
    in_ = place.program("in", {"networks": [
        {"server_host": name, "server_port": 40001, "port": 0, "topic": name} for name in names]})
    in_.wait_event("listening", topic=names[-1])
    ports = [int(e["address"].rsplit(":", 1)[1]) for e in in_.find("listening")]
    clients = place.inside(lambda: [knock(port) for port in ports])
    in_.wait_event("open_failed", code="no_topic", count=len(names), timeout=DIAL_S)
    for client in clients:
        if client:
            client.close()
    # c-ares asks again after 1.2 s, should this machine be slow.
    asked = len([kind for _, kind in place.server.questions if kind == A])
    assert len(names) <= asked <= 2 * len(names)


def test_a_truncated_answer_is_fetched_over_tcp(run, tmp_path):
    addresses = ["127.0.0.1"] * 60
    place = Place(run, tmp_path, {"many.test": addresses})
    proxy_in(place)
    expect_failed(place, in_for(place, "many.test"), "no_topic")
    assert place.server.over_tcp > 0


@pytest.mark.parametrize("name", ["localhost", "LocalHost.", "relay.localhost"])
def test_localhost_needs_neither_a_file_nor_a_server(run, tmp_path, name):
    place = Place(run, tmp_path, {"localhost": SILENT, "relay.localhost": SILENT})
    proxy_in(place)
    expect_failed(place, in_for(place, name), "no_topic")
    assert place.server.questions == []


def test_a_listener_has_all_addresses_of_its_name_that_the_machine_has(run, tmp_path):
    hosts = "127.0.0.1 all.test\n::1 all.test\n203.0.113.1 all.test\n"
    place = Place(run, tmp_path, {}, hosts=hosts)
    proxy = place.program("proxy", {"bind": "all.test", "port": 40001})
    proxy.wait_event("listening", count=2)
    in_ = place.program("in", {"networks": [
        {"server_host": "::1", "server_port": 40001, "bind": "all.test", "port": 0}]})
    in_.wait_event("listening", count=2)
    places = {e["address"].rsplit(":", 1)[0]: int(e["address"].rsplit(":", 1)[1])
              for e in in_.find("listening")}
    assert set(places) == {"127.0.0.1", "[::1]"} and len(set(places.values())) == 1

    def refused(host):
        with socket.create_connection((host, places["[::1]"]), 10 * harness.PATIENCE) as client:
            return client.recv(1)
    for count, host in enumerate(["127.0.0.1", "::1"], 1):
        with pytest.raises(ConnectionResetError):
            place.inside(refused, host)
        in_.wait_event("open_failed", code="no_topic", count=count)


def test_a_listener_whose_name_is_not_known_or_not_here_says_so(run, tmp_path):
    place = Place(run, tmp_path, {"elsewhere.test": ["203.0.113.1"]})
    for name, words in (("nobody.test", "not known"), ("elsewhere.test", "annot assign")):
        proxy = place.program("proxy", {"bind": name, "port": 40001})
        proxy.expected_end = True
        assert proxy.process.wait(10 * harness.PATIENCE) == 1
        assert words in proxy.wait_event("cannot start")["reason"]


def test_a_server_whose_name_is_its_own_listener_is_a_mistake(run, tmp_path):
    place = Place(run, tmp_path, {"me.test": ["127.0.0.1"]})
    in_ = place.program("in", {"networks": [
        {"server_host": "me.test", "server_port": 40002, "bind": "0.0.0.0", "port": 40002}]})
    in_.expected_end = True
    assert in_.process.wait(10 * harness.PATIENCE) == 2
    in_.reader.join(5)
    assert "its own listener" in "".join(in_.other_output)
