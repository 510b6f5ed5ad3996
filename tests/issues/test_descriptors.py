"""Every descriptor of the proxy has an owner and a budget: neither a key nor an address takes all of
them, and what is optional gives way first."""
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from attack import (KEY, OTHER, SECRET, STRANGER, ask, code_of, dial, holder, key_entry, proven,
                    request)
from harness import connect, echo_server, expect_echo, wait_for
from ext_peer import Control
from peers import encode

pytestmark = pytest.mark.plain_only  # keys are configured here

GREEDY = {"key": "greedy", "secret": "the secret of a greedy one"}


def few(run, descriptors, **config):
    """A proxy that has so many."""
    return run.proxy({"auth": {"keys": [key_entry(), key_entry(**GREEDY, **{
        "in": ["#"], "out": ["#"]})]}, **config}, prefix=["prlimit", f"--nofile={descriptors}"])


def register(proxy, topic, **who):
    """(its connection, the code that it was refused with or None)"""
    s = dial(proxy)
    payload = request("OutRequest", topic)
    return s, code_of(ask(s, "OutRequest", proven("OutRequest", payload, **who)))


def drain(s):
    s.sendall(encode("Notice", {"code": "draining", "message": ""}))


def has_ended(s):
    s.setblocking(False)
    try:
        while data := s.recv(65536):
            del data
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


# --- drained registrations ---

def test_a_registration_that_drains_keeps_its_place_and_counts(run):
    """Before, a key with one topic had 1,957 control connections in this way, and the status said
    1."""
    proxy = run.proxy({"auth": {"keys": [key_entry()]}, "limits": {"topics_per_key": 1}})
    s, code = register(proxy, "a")
    assert code is None
    drain(s)
    proxy.wait_event("out draining")
    assert register(proxy, "b")[1] == "limit"
    assert proxy.status()["controls"] == 1
    held = [s]
    for count in range(2, 16):  # the same topic: it may come back while the old one drains
        s, code = register(proxy, "a")
        assert code is None
        drain(s)
        proxy.wait_event("out draining", count=count)
        held.append(s)
    left = wait_for(lambda: (now := [s for s in held if not has_ended(s)]) and len(now) <= 4 and now,
                    what="end of those beyond four")
    assert left == held[-len(left):]
    assert wait_for(lambda: proxy.status()["controls"] <= 4, what="count")
    for s in held:
        s.close()
    wait_for(lambda: proxy.status()["controls"] == 0, what="end of all")
    assert register(proxy, "b")[1] is None


def test_of_many_that_drain_at_once_all_that_are_too_many_end(run):
    """Before, it was the oldest alone that ended, until its own end was seen."""
    proxy = run.proxy({"auth": {"keys": [key_entry()]}})
    held = []
    for _ in range(16):
        s, code = register(proxy, "a")
        assert code is None
        held.append(s)
    for s in held:
        drain(s)
    wait_for(lambda: proxy.status()["controls"] <= 4, what="end of those beyond four")
    proxy.wait_event("out draining", count=16)
    wait_for(lambda: sum(not has_ended(s) for s in held) == 4, what="four that stay")
    for s in held:
        s.close()


def test_a_registration_that_drains_ends_with_its_last_stream(run):
    proxy = run.proxy({"auth": {"keys": [key_entry()]}})
    s, _ = register(proxy, "a")
    drain(s)

    def ended():
        try:
            s.setblocking(True)
            s.sendall(encode("Ping", {}))
            time.sleep(0.05)
            return has_ended(s)
        except OSError:
            return True
    wait_for(ended, what="end")
    assert proxy.wait_event("unregistered")["reason"] == "drained"


def test_an_out_that_drains_keeps_its_streams(run):
    chain = run.chain(echo_server(run).port, proxy={"auth": {"keys": [key_entry()]}},
                      out=holder(tls=False), in_=holder(tls=False))
    with chain.connect() as client:
        expect_echo(client)
        chain.out.expected_end = True
        chain.out.process.terminate()
        chain.out.wait_event("draining")
        end = time.monotonic() + 3
        while time.monotonic() < end:  # longer than an idle one may stay
            expect_echo(client)
            time.sleep(0.1)
        assert chain.proxy.status()["controls"] == 1
    wait_for(lambda: chain.out.process.poll() is not None, what="end of out")


# --- shares ---

def open_stream(proxy, topic, source="127.0.0.1", **who):
    """(its connection, the code that it was refused with or None)"""
    s = dial(proxy, source)
    payload = request("InRequest", topic)
    return s, code_of(ask(s, "InRequest", proven("InRequest", payload, **who) if who else payload))


def fill(proxy, topic, at_most, **who):
    """Opens streams until one is refused."""
    held = []
    for _ in range(at_most):
        s, code = open_stream(proxy, topic, **who)
        if code:
            s.close()
            return held, code
        held.append(s)
    return held, None


def served(proxy, topic, count, **who):
    streams = [open_stream(proxy, topic, **who) for _ in range(count)]
    for s, code in streams:
        assert code is None, code
        expect_echo(s)
    for s, _ in streams:
        s.close()


OWNER = {"key": KEY, "secret": SECRET}


def test_one_key_can_not_take_all_descriptors(run):
    proxy = few(run, 512)
    run.out(proxy, {"t": echo_server(run).port}, holder(tls=False)).wait_event("registered")
    held, code = fill(proxy, "t", 400, **GREEDY)
    assert code == "limit" and len(held) > 100
    served(proxy, "t", 4, **OWNER)
    for s in held:
        s.close()


def test_one_anonymous_address_can_not_take_all_nor_can_many_what_keys_need(run):
    """Before, one address took all 1,000, and who had a key got nothing."""
    keys = {"keys": [key_entry()], "anonymous": {"in": ["t"]}}
    proxy = few(run, 512, auth=keys, trusted=[])
    run.out(proxy, {"t": echo_server(run).port}, holder(tls=False)).wait_event("registered")
    one, code = fill(proxy, "t", 400, source=STRANGER)
    assert code == "limit" and 40 < len(one) < 70
    others, code = fill(proxy, "t", 400, source=OTHER)
    assert code == "limit" and 40 < len(others) < 70
    third, code = fill(proxy, "t", 400, source="127.0.0.4")
    assert code == "limit" and len(third) < 5
    served(proxy, "t", 30, source=STRANGER, **OWNER)
    for s in [*one, *others, *third]:
        s.close()


def test_parked_connections_give_way_where_topics_are_many(run):
    """200 topics under 512 descriptors: two parked for each would be more than there are. Before,
    with 400 under 1,024, 590 were parked and 18 of 30 clients were reset."""
    proxy = few(run, 512)
    port = echo_server(run).port
    out = run.out(proxy, {f"t{i}": port for i in range(200)}, holder(tls=False))
    wait_for(lambda: len(out.find("registered")) == 200, 30, "200 registrations")
    in_ = run.in_(proxy, [f"t{i}" for i in range(30)], holder(tls=False))
    ports = [in_.port(topic=f"t{i}") for i in range(30)]
    assert wait_for(lambda: proxy.status(), what="status")["parked"] <= 112
    clients = [connect(port) for port in ports]
    for client in clients:
        expect_echo(client)
    for client in clients:
        client.close()


def test_an_out_whose_share_is_spent_is_asked_for_no_more_data_connections(run):
    """Before, each was taken, answered, closed and asked for again, as fast as out could dial."""
    proxy = few(run, 512, auth={"keys": [key_entry()], "anonymous": {"out": ["#"]}}, trusted=[])
    # A quarter of the descriptors is less than these and two for each.
    controls = [Control(run, proxy, f"t{i}") for i in range(40)]
    parked = [control.park() for control in controls for _ in range(2)]
    refused = [data for data in parked if data.answer["message"]]
    assert {data.answer["ext"]["code"] for data in refused} == {"limit"} and len(refused) > 10
    for control in controls:
        control.settle()
        assert control.asked == 2
    # The last may have been told that there is room, and then somebody else had it.
    accepted = [data for data in parked if not data.answer["message"]]
    assert len(accepted) - 2 <= proxy.status()["parked"] <= len(accepted)
    wait_for(lambda: proxy.status()["parked"] == sum(not has_ended(data.sock) for data in accepted),
             what="end of those that are not parked")


def limited(run, connections):
    """A proxy that takes so many connections."""
    return run.proxy({"auth": {"keys": [key_entry(), key_entry(**GREEDY, **{
        "in": ["#"], "out": ["#"]})]}, "limits": {"connections": connections},
        "pool": {"min": 12, "max": 16}})


def register_until(proxy, held, full):
    """One more topic of the greedy key; whether `full` holds now."""
    try:
        s, code = register(proxy, f"g{len(held)}", **GREEDY)
        held.append(s)
    except (OSError, EOFError):  # not let in at all
        code = None
    return full(code)


def test_parked_connections_lock_nobody_out_where_connections_are_limited(run):
    """Registrations took all that they left, and who would have asked them to give way was not let
    in any more."""
    proxy = limited(run, 64)
    run.out(proxy, {"t": echo_server(run).port}, holder(tls=False)).wait_event("registered")
    wait_for(lambda: proxy.status()["parked"] >= 12, what="full pool")
    held = []
    # One that was on its way when the others ended is parked until the next who needs its place.
    wait_for(lambda: register_until(proxy, held, lambda code: code == "limit" and
                                    proxy.status()["parked"] == 0), what="a refusal, none parked")
    wait_for(lambda: is_served(proxy, "t"), what="service")
    for s in held:
        s.close()
    wait_for(lambda: proxy.status()["parked"] >= 12, 20, "parked connections that come back")


def is_served(proxy, topic):
    try:
        served(proxy, topic, 1, **OWNER)
        return True
    except (OSError, EOFError):
        return False


def test_spare_connections_give_way_where_hardly_any_descriptor_is_left(run):
    proxy = limited(run, 64)
    spares = []
    for _ in range(16):
        s = run.own(dial(proxy))
        payload = proven("InWarmRequest", request("InWarmRequest"), **OWNER)
        assert code_of(ask(s, "InWarmRequest", payload)) is None
        spares.append(s)
    held = []
    for _ in range(42):  # an eighth is not left any more, a sixteenth is
        register_until(proxy, held, lambda code: code)
    assert proxy.status()["sockets"] == 58
    assert not any(has_ended(s) for s in spares)
    wait_for(lambda: register_until(proxy, held, lambda _: all(has_ended(s) for s in spares)), 20,
             "room that spare connections leave")
    wait_for(lambda: proxy.status()["warm"] == 0, what="end of all spare connections' count")
    for s in held:
        s.close()


def test_spare_connections_are_bounded_for_each_identity(run):
    proxy = run.proxy({"auth": {"keys": [key_entry(), key_entry(**GREEDY, **{"in": ["#"]})]},
                       "limits": {"warm": 3}})

    def spare(**who):
        s = run.own(dial(proxy))
        return code_of(ask(s, "InWarmRequest",
                           proven("InWarmRequest", request("InWarmRequest"), **who)))
    assert [spare(**GREEDY) for _ in range(5)] == [None] * 3 + ["limit"] * 2
    assert [spare(**OWNER) for _ in range(5)] == [None] * 3 + ["limit"] * 2


def test_limits_that_need_more_descriptors_than_there_are_are_told_at_the_start(run):
    line = few(run, 512, limits={"connections": 5_000}).wait_event("too few descriptors")
    assert line["needed"] == 5_000 and 300 < line["available"] < 512
    few(run, 512).wait_event("listening")


# --- a line of topics that hang ---

def test_a_newer_out_pushes_out_the_one_that_has_been_silent_longest(run):
    """Before, a line full of frozen outs refused it until their heartbeats were over."""
    proxy = run.proxy({"auth": {"keys": [key_entry()]}})
    frozen = []
    for _ in range(16):
        s, code = register(proxy, "t")
        assert code is None
        frozen.append(s)
    for beats in range(6):  # as often as ours do, faster: it is late after a second then
        for s in frozen:
            s.sendall(encode("Ping", {}))
        time.sleep(0.05)
    refused = []

    def registers():
        refused.append(register(proxy, "t"))
        return refused[-1][1] is None
    assert not registers(), "they all live"
    with ThreadPoolExecutor(1) as threads:  # all but the first
        def beat():
            while refused[-1][1] is not None:
                for s in frozen[1:]:
                    s.sendall(encode("Ping", {}))
                time.sleep(0.05)
        beating = threads.submit(beat)
        wait_for(registers, 10, "place of the silent one")
        beating.result()
    assert has_ended_soon(frozen[0])
    assert not any(has_ended(s) for s in frozen[1:])
    assert proxy.wait_event("unregistered")["reason"] == "silent, and the topic's line was full"
    for s, _ in refused:
        s.close()


def has_ended_soon(s):
    return wait_for(lambda: has_ended(s), what="end")
