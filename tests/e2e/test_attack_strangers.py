"""Strangers who come in crowds, stay silent, talk slowly, or never leave.

A running stream gets its echo all the while (attack.unharmed), and afterwards nothing is left.
Loopback is `trusted`, so that the limit for all strangers together is what holds them, as with a
crowd of many addresses; where sources matter, nobody is trusted.
"""
import math
import re
import signal
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import harness
from attack import (OTHER, SAYINGS, STRANGER, Crowd, ask, client_context, code_of, dial, drip,
                    ended, key_entry, proven, protected_chain, request, unharmed)
from harness import echo_server, expect_echo, free_port, reset, wait_for
from peers import encode
from secure import client_tls, proxy_tls

pytestmark = pytest.mark.plain_only  # TLS and keys are configured here

PLACES = 1000  # limits.handshakes, where every place is taken
REGISTRATIONS = 100
REFUSED = encode("InRequest", request("InRequest"))
WRONG_TICKET = encode("OutDataRequest", request("OutDataRequest", "default", ticket="0" * 32))


def register(proxy, tls=None, topic="new"):
    """A legitimate out, by its key or its certificate; how long it took to be told yes."""
    payload = request("OutRequest", topic)
    start = time.monotonic()
    with dial(proxy, tls=tls) as s:
        answer = ask(s, "OutRequest", payload if tls else proven("OutRequest", payload))
        assert code_of(answer) is None, answer
    return time.monotonic() - start


def registration_times(chain, tls=None, count=REGISTRATIONS):
    """Of registrations between which strangers have come and gone. One that was shut out took for
    ever: the next attempt is the retry_interval away."""
    def churn():
        status = chain.proxy.status()
        return status["evicted_total"] + status["refused_total"] + status["denied_total"]
    times = []
    for _ in range(count):
        before = churn()
        wait_for(lambda: churn() > before, 20, "new strangers")
        try:
            times.append(register(chain.proxy, tls))
        except (OSError, EOFError):
            times.append(math.inf)
    return sorted(times)


@pytest.mark.parametrize("sayings, tls", [
    (["nothing"], False), (["half a header"], True), (["a header"], False), (["a header"], True),
    (["half a ClientHello"], True), (["a refused request"], False),
    (["nothing", "half a ClientHello", "a refused request"], True)],
    ids=lambda value: {False: "plain", True: "TLS"}[value] if isinstance(value, bool)
    else ", ".join(value))
def test_a_registration_takes_less_than_a_second_while_strangers_hold_every_other_place(
        run, sayings, tls):
    """More strangers than there are places, who come back at once: 99 of 100 registrations, or 97
    where sanitizers make the proxy slower and the strangers not."""
    chain = protected_chain(run, limits={"handshakes": PLACES})
    said = {**SAYINGS, "a refused request": REFUSED}
    with unharmed(chain):
        crowd = Crowd(run, chain.proxy.port(), PLACES + 100, *(said[saying] for saying in sayings))
        times = registration_times(chain, client_context("out") if tls else None)
        crowd.close()
    passed_over = 1 if harness.PATIENCE == 1 else 3
    assert times[-1 - passed_over] < 1 * harness.PATIENCE, f"{times.count(math.inf)} were shut out"


@pytest.mark.parametrize("saying", [b"", REFUSED, WRONG_TICKET],
                         ids=["silent", "refused", "wrong ticket"])
def test_strangers_never_hold_more_places_than_there_are(run, saying):
    """Who was refused and stays is a stranger still."""
    chain = protected_chain(run, limits={"handshakes": 200})
    ours = chain.proxy.status()["sockets"]
    with unharmed(chain):
        crowd = Crowd(run, chain.proxy.port(), 400, saying)
        # some may be evicted already, and not yet closed
        assert max(chain.proxy.status()["sockets"] for _ in range(150)) <= ours + 5 * 200
        crowd.close()


@pytest.mark.parametrize("saying, few", [(b"", "descriptors"), (REFUSED, "descriptors"),
                                         (WRONG_TICKET, "descriptors"), (b"", "connections")],
                         ids=["silent", "refused", "wrong ticket", "limits.connections"])
def test_strangers_leave_room_for_others_where_there_is_less_than_their_limit(run, saying, few):
    """Descriptors, or limits.connections, below limits.handshakes: a registration still has one.
    Among so few places one may be passed over before its words are read."""
    if few == "descriptors":
        chain = protected_chain(run, options={"prefix": ["prlimit", "--nofile=512:512"]})
    else:
        chain = protected_chain(run, limits={"connections": 480})
    with unharmed(chain):
        crowd = Crowd(run, chain.proxy.port(), 600, saying)
        times = registration_times(chain, count=10)
        crowd.close()
    assert times[-2] < 1 * harness.PATIENCE, times


def test_thousands_of_silent_strangers_are_held_and_harm_nobody(run):
    """As many as may be: half of the proxy's descriptors, of which the tests have 20,000."""
    chain = protected_chain(run, limits={"handshakes": 15_000}, handshake_timeout=60_000)
    with unharmed(chain) as witness:
        crowd = Crowd(run, chain.proxy.port(), 9_500)
        wait_for(lambda: chain.proxy.status()["sockets"] >= 9_500, 60, "9,500 strangers")
        assert max(register(chain.proxy) for _ in range(20)) < 1 * harness.PATIENCE
        with chain.connect() as client:
            expect_echo(client)
        witness.wait_served()
        crowd.close()


# --- slowly ---

def test_whoever_drips_is_cut_at_the_deadline_and_no_byte_moves_it(run):
    """First messages, ClientHellos, and first messages in TLS records of one byte each."""
    chain = protected_chain(run, handshake_timeout=2000, tls_timeout=1000)
    frame = struct.pack("<q", 1000) + bytes(1000)
    hello = SAYINGS["half a ClientHello"] + bytes(1000)
    tls = client_context("out")
    with unharmed(chain), ThreadPoolExecutor(60) as threads:
        slow = [(dial(chain.proxy, tls=context), data)
                for context, data in [(None, frame), (None, hello), (tls, frame)]
                for _ in range(20)]
        times = sorted(threads.map(lambda one: drip(*one), slow))
        for s, _ in slow:
            s.close()
    assert 0.5 < times[0] and times[-1] < 4 * harness.PATIENCE


# --- sources ---

def is_refused(proxy, source):
    """Whether not even who has the key is let in from there."""
    payload = proven("OutRequest", request("OutRequest"))
    try:
        with dial(proxy, source) as s:
            assert code_of(ask(s, "OutRequest", payload)) is None
            return False
    except (ConnectionResetError, BrokenPipeError):
        return True


def guess(proxy, source):
    """What a wrong proof is answered: (code, message); "reset": nothing."""
    try:
        with dial(proxy, source) as s:
            wrong = proven("InRequest", request("InRequest"), secret="guessed" * 3)
            answer = ask(s, "InRequest", wrong)
            return code_of(answer), answer["message"]
    except (ConnectionResetError, BrokenPipeError, EOFError):
        return "reset", ""


def guesses(proxy, source, at_most=50):
    """Wrong proofs, one after the other, until the first is answered otherwise than `denied`: how
    many were not, and that answer's message."""
    for count in range(at_most):
        code, message = guess(proxy, source)
        if code != "denied":
            return count, message
    return at_most, ""


def penalty_s(message):
    """What an answer says is left of the penalty; 0: it does not."""
    told = re.match(r"penalised, retry in (\d+) s", message)
    return int(told.group(1)) if told else 0


def test_a_source_that_fails_again_and_again_is_told_of_a_growing_penalty(run):
    chain = protected_chain(run, trusted=[])
    with unharmed(chain):
        count, message = guesses(chain.proxy, STRANGER)
        assert count == 11  # ten are free
        for penalty in (1, 2, 4):
            assert penalty / 2 < penalty_s(message) <= penalty
            assert not is_refused(chain.proxy, OTHER)
            time.sleep(penalty_s(message))  # no guess may come in it and be judged after it
            assert guess(chain.proxy, STRANGER)[0] == "denied"  # begins the next
            count, message = guesses(chain.proxy, STRANGER)
            assert count == 0


def test_who_has_the_key_is_let_in_at_once_from_a_source_with_a_penalty_and_clears_it(run):
    chain = protected_chain(run, trusted=[])
    with unharmed(chain):
        for _ in range(3):
            assert guesses(chain.proxy, STRANGER)[0] == 11
            assert not is_refused(chain.proxy, STRANGER)


def test_guesses_from_a_source_with_a_penalty_are_few_a_second(run):
    """Of 1,000 wrong proofs as fast as may be, some are looked at and told of the penalty; the rest
    is reset before a word."""
    chain = protected_chain(run, trusted=[])
    with unharmed(chain):
        start = time.monotonic()
        answers = [guess(chain.proxy, STRANGER)[0] for _ in range(1_000)]
        seconds = time.monotonic() - start
        # bursts and rates of limits.hpp, and the first of each penalty
        assert 11 < sum(answer != "reset" for answer in answers) < 150 + 60 * seconds


def test_a_right_ticket_clears_the_source_it_comes_from(run):
    proxy = run.proxy({"trusted": [], "auth": {"keys": [key_entry()]}})
    with dial(proxy, STRANGER) as control:
        ticket = ask(control, "OutRequest",
                     proven("OutRequest", request("OutRequest")))["ext"]["ticket"]
        for _ in range(3):
            for _ in range(10):  # are free
                with dial(proxy, STRANGER) as garbage:
                    garbage.sendall(b"POST / HTTP/1.0\r\n\r\n")
                    ended(garbage)
            with dial(proxy, STRANGER) as data:
                park = request("OutDataRequest", ticket=ticket)
                assert code_of(ask(data, "OutDataRequest", park)) is None
    assert not proxy.find("refused")


def test_clients_that_connect_and_reset_do_not_shut_out_the_site_of_their_in(run):
    """It shakes hands with the proxy for each of them, and for nothing."""
    tls = {"tls": client_tls()}
    chain = run.chain(echo_server(run).port, proxy={"trusted": [], "tls": proxy_tls()}, out=tls,
                      in_=tls)
    wait_for(lambda: chain.proxy.status()["parked"] == 2, what="full pool")
    before = chain.proxy.status()["sockets"]
    chain.in_.signal(signal.SIGSTOP)  # so that all are gone when it begins
    for _ in range(15):
        reset(chain.connect())
    chain.in_.signal(signal.SIGCONT)
    chain.in_.wait_event("open_failed", count=15)
    wait_for(lambda: chain.proxy.status()["sockets"] <= before, what="end of their connections")
    with chain.connect() as client:
        expect_echo(client)
    assert not chain.proxy.find("refused")


def test_a_trusted_source_is_never_refused_for_what_one_behind_it_does(run):
    chain = protected_chain(run, limits={"per_source": 5})
    with unharmed(chain):
        assert guesses(chain.proxy, STRANGER)[0] == 50
        crowd = [dial(chain.proxy, STRANGER) for _ in range(20)]
        assert not is_refused(chain.proxy, STRANGER)
        assert not any(is_over(s) for s in crowd)
        for s in crowd:
            s.close()


def is_over(s):
    """Whether the other side has ended this connection by now; nothing may have come."""
    s.setblocking(False)
    try:
        assert s.recv(1) == b""
        return True
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_source_has_its_own_places_and_no_others(run):
    """Beyond limits.per_source its oldest silent one goes; nobody else's."""
    chain = protected_chain(run, trusted=[], limits={"per_source": 10})
    with unharmed(chain):
        other = dial(chain.proxy, OTHER)
        crowd = [dial(chain.proxy, STRANGER) for _ in range(30)]
        wait_for(lambda: [is_over(s) for s in crowd].count(False) == 10, what="10 that are left")
        assert not any(is_over(s) for s in crowd[20:]) and not is_over(other)
        for s in [*crowd, other]:
            s.close()


def can_talk(proxy, source):
    """Whether the proxy looks at what comes from there."""
    try:
        with dial(proxy, source) as s:
            ask(s, "InRequest", request("InRequest"))
            return True
    except (ConnectionResetError, BrokenPipeError):
        return False


@pytest.mark.parametrize("lists, talks", [
    ({"allow": ["127.0.0.1"]}, [True, False, False]),
    ({"deny": ["127.0.0.2"]}, [True, False, True]),
    ({"allow": ["127.0.0.0/30"], "deny": ["127.0.0.3/32"]}, [True, True, False]),
    ({"allow": ["::ffff:127.0.0.1"]}, [True, False, False])], ids=str)
def test_only_allowed_and_not_denied_addresses_reach_the_proxy(run, lists, talks):
    chain = protected_chain(run, **lists)
    with unharmed(chain):
        assert [can_talk(chain.proxy, s) for s in ("127.0.0.1", STRANGER, OTHER)] == talks


def test_in_serves_only_clients_that_are_allowed_and_not_denied(run):
    """A listener's own list replaces the one at the top."""
    chain = run.chain(echo_server(run).port)
    lists = [{}, {"deny": []}, {"allow": ["127.0.0.3"]}]
    networks = [{"server_host": "127.0.0.1", "server_port": chain.proxy.port(), "port": port,
                 **own} for own, port in zip(lists, (free_port() for _ in lists))]
    run.program("in", {"networks": networks, "deny": [STRANGER]}).wait_event("listening", count=3)

    def is_served(network, source):
        try:
            with socket.create_connection(("127.0.0.1", network["port"]), 20, (source, 0)) as s:
                expect_echo(s)
                return True
        except ConnectionResetError:
            return False
    with unharmed(chain):
        assert [[is_served(network, source) for source in ("127.0.0.1", STRANGER, OTHER)]
                for network in networks] == [[True, False, True], [True, True, True],
                                             [False, False, True]]
