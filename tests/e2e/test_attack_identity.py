"""Attacks on who is who: forged, replayed and relayed proofs, hijacked topics, and those with a key
who take more than their share.

A running stream gets its echo all the while (attack.unharmed), and afterwards nothing is left.
"""
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import harness
import secure
from attack import (ask, client_context, code_of, denied, dial, holder, key_entry,
                    lacks_permission, protected_chain, proven, read_message, request, unharmed)
from harness import expect_echo, expect_failed_open, wait_for
from tunnel import Tunnel

pytestmark = pytest.mark.plain_only  # keys are configured here

# Whose secret is SECRET may do everything below "mine"; who else has a key, what is listed here.
MINE = "mine.web"
THIEF = {"key": "thief", "secret": "the secret of a thief"}
GUEST = {"key": "guest", "secret": "the secret of a guest"}


def keys():
    mine = {"in": ["mine.#"], "out": ["mine.#"]}
    return [key_entry(**mine), key_entry("twin", **mine),  # with the same secret
            key_entry(**THIEF, **{"in": ["theirs.#"], "out": ["theirs.#", "*"]}),
            key_entry(**GUEST, **{"in": ["mine.web"]})]


def chain_of(run, **proxy):
    """TLS is optional at the proxy, without client certificates; in and out do without."""
    more = {"tls": secure.proxy_tls(mode="optional"), "auth": {"keys": keys()}, **proxy}
    return protected_chain(run, MINE, False, **more)


def say(proxy, kind, payload, tls=None):
    """The Response to one first message, whose connection is closed."""
    with dial(proxy, tls=tls) as s:
        return ask(s, kind, payload)


# --- proofs ---

def changed(payload, **changes):
    """The same payload with other members, wherever they are."""
    return {**payload, **{k: v for k, v in changes.items() if k in payload},
            "ext": {**payload["ext"], **{k: v for k, v in changes.items() if k not in payload}}}


CHANGES = {"topic": {"type": "mine.ssh"}, "magic": {"magic": "0" * 32}, "mode": {"mode": "standby"},
           "instance": {"instance": "0" * 32}, "key": {"key": "twin"}, "no key": {"key": "nobody"},
           "proof": {"proof2": "0" * 64},
           "heartbeat": {"heartbeat_timeout": 600_000}}


def test_a_proof_is_good_for_the_request_that_it_was_made_for_and_no_other(run):
    """Made without a connection's exporter value, it is none over TLS either."""
    chain = chain_of(run)
    with unharmed(chain):
        payload = proven("OutRequest", request("OutRequest", "mine.new"))
        changes = {**CHANGES, "time": {"time": payload["ext"]["time"] + 1}}
        for name, change in changes.items():
            other = changed(payload, **change)
            assert other != payload
            assert denied(say(chain.proxy, "OutRequest", other)), name
        assert denied(say(chain.proxy, "InRequest", payload)), "another type"
        spare = proven("InWarmRequest", request("InWarmRequest"))
        assert denied(say(chain.proxy, "InRequest", {**spare, "type": MINE})), "a spare's"
        assert denied(say(chain.proxy, "OutRequest", payload, client_context()))
        assert code_of(say(chain.proxy, "OutRequest", payload)) is None


def test_a_denial_does_not_tell_whether_key_or_topic_exist(run):
    chain = chain_of(run)
    with unharmed(chain):
        for topic in (MINE, "mine.nobody", "nobody"):
            for who in ({"key": "nobody"}, {"secret": "wrong" * 4}, None):
                payload = request("InRequest", topic)
                assert denied(say(chain.proxy, "InRequest",
                                  proven("InRequest", payload, **who) if who else payload))
            # Who has a key of another's topics learns which right it lacks, there or not.
            answer = say(chain.proxy, "InRequest",
                         proven("InRequest", request("InRequest", topic), **THIEF))
            assert lacks_permission(answer) and answer["message"].endswith(f" topic {topic}")


@pytest.mark.parametrize("kind, topic", [("OutRequest", "mine.new"), ("InRequest", MINE),
                                         ("InWarmRequest", None)])
def test_of_many_equal_proofs_one_is_taken(run, kind, topic):
    """At the same time on both of the proxy's threads, and once more when that is over."""
    chain = chain_of(run)
    payload = proven(kind, request(kind, topic))
    with unharmed(chain), ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: say(chain.proxy, kind, payload), range(32)))
        assert [code_of(answer) for answer in answers].count(None) == 1
        assert [denied(answer) for answer in answers].count(True) == 31
        assert denied(say(chain.proxy, kind, payload))
        assert code_of(say(chain.proxy, kind, proven(kind, request(kind, topic)))) is None


def now_ms():
    return int(time.time() * 1000)


# One ahead comes nearer while the request travels; the bound is 60 s.
@pytest.mark.parametrize("skew", [-10 ** 9, -61_000, 80_000, 10 ** 9])
def test_only_who_has_the_secret_learns_the_proxys_time(run, skew):
    chain = chain_of(run)
    with unharmed(chain):
        payload = request("OutRequest", "mine.new")
        skewed = now_ms() + skew
        answer = say(chain.proxy, "OutRequest", proven("OutRequest", payload, time_ms=skewed))
        assert code_of(answer) == "clock"
        assert abs(answer["ext"]["time"] - now_ms()) < 10_000 * harness.PATIENCE
        for wrong in (proven("OutRequest", payload, secret="wrong" * 4, time_ms=skewed),
                      changed(proven("OutRequest", payload, time_ms=skewed), type="mine.ssh")):
            assert denied(say(chain.proxy, "OutRequest", wrong))


@pytest.mark.parametrize("skew", [-30_000, 30_000])
def test_a_clock_that_is_half_a_minute_off_does_no_harm(run, skew):
    chain = chain_of(run)
    payload = proven("OutRequest", request("OutRequest", "mine.new"), time_ms=now_ms() + skew)
    assert code_of(say(chain.proxy, "OutRequest", payload)) is None
    assert denied(say(chain.proxy, "OutRequest", payload))


def capture(run, program, tls):
    """What a real program sends first to an impostor: its proof is right and was never used. With
    TLS he has the proxy's certificate and its key."""
    caught = []
    ca = secure.certificates()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca / "localhost.crt", ca / "localhost.key")
    over = threading.Event()

    def catch(s):
        if tls:
            s = context.wrap_socket(s, server_side=True)
        caught.append(read_message(s))
        over.wait()
        s.close()
    impostor = run.own(harness.Server(catch))
    if program == "out":
        run.out(impostor.port, {"mine.new": 1}, holder(tls))
    else:
        in_ = run.in_(impostor.port, [MINE], holder(tls))
        client = run.own(harness.connect(in_.port()))
        client.sendall(b"?")
    wait_for(lambda: caught, what="a request")
    over.set()
    return caught[0]


@pytest.mark.parametrize("program", ["in", "out"])
@pytest.mark.parametrize("caught_over", ["plain", "TLS"])
@pytest.mark.parametrize("used_over", ["plain", "TLS"])
def test_a_proof_over_tls_can_not_be_relayed_to_another_proxy(run, program, caught_over, used_over):
    """Without TLS at both it can, once: that is all that plain keys are worth on the path."""
    chain = chain_of(run)
    context = client_context() if used_over == "TLS" else None
    with unharmed(chain):
        kind, payload = capture(run, program, caught_over == "TLS")
        answer = say(chain.proxy, kind, payload, context)
        assert denied(answer) == ("TLS" in (caught_over, used_over))
        assert denied(say(chain.proxy, kind, payload, context))


@pytest.mark.parametrize("stripped, code", [
    (b'"ext', "denied"), (b'"proof', "proxy_unreachable"), (b'"key', "proxy_unreachable")])
def test_who_takes_the_proof_out_of_a_request_gets_nothing(run, stripped, code):
    """Without ext it is an anonymous one of 0.0.1; with a part of a proof it is no message."""
    chain = chain_of(run)
    tunnel = run.own(Tunnel(chain.proxy.port(), lambda direction, data: data.replace(
        stripped, stripped[:-1] + b"_") if direction == "up" else data))
    with unharmed(chain):
        in_ = run.in_(tunnel.port, [MINE], holder(tls=False))
        expect_failed_open(in_.port())
        assert in_.wait_event("open_failed")["code"] == code


# --- topics ---

@pytest.mark.parametrize("who", [None, THIEF, GUEST, {"secret": "wrong" * 4}],
                         ids=["anonymous", "thief", "guest", "forger"])
def test_who_may_not_register_a_topic_can_not_displace_its_holder(run, who):
    chain = chain_of(run)
    with unharmed(chain):
        for mode in ("takeover", "standby"):
            for _ in range(20):
                payload = request("OutRequest", MINE, mode=mode)
                payload = proven("OutRequest", payload, **who) if who else payload
                answer = say(chain.proxy, "OutRequest", payload)
                assert lacks_permission(answer) if who in (THIEF, GUEST) else denied(answer)
        assert not chain.out.find("displaced") and not chain.out.find("disconnected")


@pytest.mark.parametrize("topic", ["#", "mine.*", "mine", "mine.web ", " mine.web", "mine..web",
                                   "MINE.web", "theirs.#.mine", "theirs/../mine.web"])
def test_no_spelling_of_a_topic_is_more_than_its_bytes(run, topic):
    """The thief's own patterns are theirs.# and *; a topic is never a pattern."""
    chain = chain_of(run)
    with unharmed(chain):
        payload = proven("OutRequest", request("OutRequest", topic), **THIEF)
        with dial(chain.proxy) as s:
            answer = ask(s, "OutRequest", payload)
            may = "." not in topic or topic.startswith("theirs.")
            assert lacks_permission(answer) != may
            with chain.connect() as client:
                expect_echo(client)


# --- spare connections ---

def test_a_spare_connection_gives_its_request_no_rights(run):
    """Opened by who may use the topic, or by who may not: the request's own proof counts."""
    chain = chain_of(run)
    with unharmed(chain):
        for opener in ({}, GUEST, THIEF):
            for who, code in ((None, "denied"), (THIEF, "denied"), (GUEST, None)):
                with dial(chain.proxy) as s:
                    spare = proven("InWarmRequest", request("InWarmRequest"), **opener)
                    assert code_of(ask(s, "InWarmRequest", spare)) is None
                    payload = request("InRequest", MINE)
                    payload = proven("InRequest", payload, **who) if who else payload
                    assert code_of(ask(s, "InRequest", payload)) == code


# --- more than one's share ---

def test_ins_that_hold_spare_connections_are_told_when_there_are_enough(run):
    chain = chain_of(run, limits={"warm": 3})
    with unharmed(chain):
        spares = [dial(chain.proxy) for _ in range(10)]
        codes = [code_of(ask(s, "InWarmRequest",
                             proven("InWarmRequest", request("InWarmRequest"), **GUEST)))
                 for s in spares]
        assert codes == [None] * 3 + ["limit"] * 7
        with chain.connect() as client:
            expect_echo(client)
        for s in spares:
            s.close()


def open_stream(proxy, **who):
    """(its connection, why it was refused or None)"""
    s = dial(proxy)
    return s, code_of(ask(s, "InRequest", proven("InRequest", request("InRequest", MINE), **who)))


@pytest.mark.parametrize("limits, guest, owner", [
    ({"streams_per_key": 3}, 3, 2), ({"streams_per_topic": 4}, 3, 0)], ids=["key", "topic"])
def test_streams_beyond_the_limit_are_refused_until_one_ends(run, limits, guest, owner):
    """`guest` and then `owner` are how many each can have beside the one that the owner has."""
    chain = chain_of(run, limits=limits)
    with chain.connect() as own:
        expect_echo(own)
        streams = [open_stream(chain.proxy, **GUEST) for _ in range(guest)]
        assert [code for _, code in streams] == [None] * guest
        for s, _ in streams:
            expect_echo(s)
        beyond = [open_stream(chain.proxy, **GUEST) for _ in range(5)]
        assert {code for _, code in beyond} == {"limit"}
        owners = [open_stream(chain.proxy) for _ in range(owner + 1)]
        assert [code for _, code in owners] == [None] * owner + ["limit"]
        expect_echo(own)
        streams[0][0].close()

        def room():
            s, code = open_stream(chain.proxy, **GUEST)
            s.close()
            return code is None
        wait_for(room, what="room again")
        for s, _ in streams + beyond + owners:
            s.close()
        expect_echo(own)
    chain.wait_idle()


def test_refused_streams_take_no_places_from_others(run):
    """Who is at the limit of his key and does not leave when he is refused."""
    chain = chain_of(run, limits={"streams_per_topic": 8, "streams_per_key": 3})
    with unharmed(chain):
        refused = [open_stream(chain.proxy, **GUEST) for _ in range(30)]
        assert [code for _, code in refused] == [None] * 3 + ["limit"] * 27
        with chain.connect() as client:
            expect_echo(client)
        for s, _ in refused:
            s.close()


def test_topics_beyond_those_of_a_key_are_refused_until_one_goes(run):
    chain = chain_of(run, limits={"topics_per_key": 2})
    controls = []

    def register(topic, **who):
        controls.append(dial(chain.proxy))
        payload = proven("OutRequest", request("OutRequest", topic), **who)
        return code_of(ask(controls[-1], "OutRequest", payload))
    with unharmed(chain):
        codes = [register(f"theirs.{i}", **THIEF) for i in range(5)]
        assert codes == [None] * 2 + ["limit"] * 3
        assert register("mine.second") is None
        controls[0].close()
        wait_for(lambda: register("theirs.9", **THIEF) is None, what="room again")
        for s in controls:
            s.close()


def test_a_topic_counts_once_for_its_key_however_many_outs_serve_it(run):
    proxy = run.proxy({"auth": {"keys": [key_entry()]}, "limits": {"topics_per_key": 1}})
    controls = []

    def register(topic, **ext):
        controls.append(dial(proxy))
        payload = proven("OutRequest", request("OutRequest", topic, **ext))
        return code_of(ask(controls[-1], "OutRequest", payload))
    asked = [{"instance": "1" * 32}, {"mode": "standby"}, {}, {"instance": "1" * 32}]
    assert [register("t", **ext) for ext in asked] == [None] * 4
    assert register("u") == "limit"
    for s in controls:
        s.close()
    wait_for(lambda: register("u") is None, what="room again")
