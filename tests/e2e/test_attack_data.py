"""Attacks on data connections: injected ones, and those with a ticket that is not their own.

A running stream gets its echo all the while (attack.unharmed), and afterwards nothing is left.
"""
import pytest

import secure
from attack import (ask, client_context, code_of, data_mac, dial, key_entry, protected_chain,
                    proven, request, unharmed)
from harness import expect_echo, wait_for
from known_tls import KnownTls

pytestmark = pytest.mark.plain_only  # keys are configured here

MINE = "mine.web"
THIEF = {"key": "thief", "secret": "the secret of a thief"}


def with_certificate(run, **proxy):
    """A chain where certificates count, and the context of one that may do everything."""
    return protected_chain(run, MINE, **proxy), client_context("out")


def park(proxy, topic, tls=None, **ext):
    """(its connection, the Response to OutDataRequest)"""
    s = dial(proxy, tls=tls)
    return s, ask(s, "OutDataRequest", request("OutDataRequest", topic, **ext))


def test_no_data_connection_is_taken_without_its_registrations_ticket(run):
    """And over plain TCP not even with it, if the registration came over TLS."""
    chain, tls = with_certificate(run)
    with unharmed(chain), dial(chain.proxy, tls=tls) as control:
        ticket = ask(control, "OutRequest", request("OutRequest", "mine.other"))["ext"]["ticket"]
        legacy = request("OutDataRequest", MINE)
        del legacy["ext"]
        attempts = [(MINE, {}, tls), (MINE, {"ticket": "0" * 32}, tls), (MINE, {"ticket": ""}, tls),
                    (MINE, {"ticket": ticket}, tls), ("mine.other", {"ticket": ticket[:-1]}, tls),
                    ("mine.other", {"ticket": ticket}, None), ("mine.other", {}, None)]
        for topic, ext, context in attempts:
            s, answer = park(chain.proxy, topic, context, **ext)
            assert code_of(answer) in ("denied", "malformed"), (topic, ext)
            s.close()
        for context in (None, tls):
            with dial(chain.proxy, tls=context) as s:
                assert code_of(ask(s, "OutDataRequest", legacy)) == "denied"
        for _ in range(20):
            with chain.connect() as client:
                expect_echo(client)
        s, answer = park(chain.proxy, "mine.other", tls, ticket=ticket)
        assert code_of(answer) is None
        s.close()


def known_tls_chain(run):
    """One with keys that KnownTls can talk to."""
    return protected_chain(run, MINE, True, auth={"keys": [key_entry(), key_entry(**THIEF)]},
                           tls=secure.proxy_tls(mode="optional", min_version="1.2"))


def test_a_ticket_of_a_key_is_worth_nothing_without_the_key(run):
    """Over TLS: who has come by the ticket alone brings no data connection, on whichever of their
    connections the owner's proof was seen."""
    chain = known_tls_chain(run)
    with unharmed(chain):
        control = KnownTls(run, chain.proxy)
        asked = proven("OutRequest", request("OutRequest", "mine.other", bound=1),
                       exporter=control.exporter, channel="tls")
        ticket = ask(control, "OutRequest", asked)["ext"]["ticket"]
        owners = KnownTls(run, chain.proxy)

        def park(connection, **mac):
            asked = request("OutDataRequest", "mine.other", ticket=ticket, **mac)
            return code_of(ask(connection, "OutDataRequest", asked))
        with dial(chain.proxy) as plain:
            assert park(plain, mac=data_mac(ticket, b"")) == "denied"
        for mac in ({}, {"mac": data_mac(ticket, owners.exporter)},
                    {"mac": data_mac(ticket, b"")}):
            assert park(KnownTls(run, chain.proxy), **mac) == "denied", mac
        for guess in ({"secret": THIEF["secret"]}, THIEF):
            thief = KnownTls(run, chain.proxy)
            assert park(thief, mac=data_mac(ticket, thief.exporter, **guess)) == "denied", guess
        assert park(owners, mac=data_mac(ticket, owners.exporter)) is None
        control.close()


def test_a_registration_that_is_not_bound_needs_its_ticket_only(run):
    """As those of our last release, which do not know better."""
    chain = known_tls_chain(run)
    control = KnownTls(run, chain.proxy)
    asked = proven("OutRequest", request("OutRequest", "mine.other"), exporter=control.exporter,
                   version=1)
    ticket = ask(control, "OutRequest", asked)["ext"]["ticket"]
    asked = request("OutDataRequest", "mine.other", ticket=ticket)
    assert code_of(ask(KnownTls(run, chain.proxy), "OutDataRequest", asked)) is None
    control.close()


def test_a_ticket_dies_with_its_registration(run):
    chain, tls = with_certificate(run)
    with unharmed(chain):
        with dial(chain.proxy, tls=tls) as control:
            ticket = ask(control, "OutRequest", request("OutRequest", "t"))["ext"]["ticket"]
        chain.proxy.wait_event("unregistered", topic="t")
        with dial(chain.proxy, tls=tls) as control:
            assert code_of(ask(control, "OutRequest", request("OutRequest", "t"))) is None
            s, answer = park(chain.proxy, "t", tls, ticket=ticket)
            assert code_of(answer) == "denied"
            s.close()


def test_an_out_that_parks_too_many_is_told_so_and_the_others_have_theirs(run):
    chain, tls = with_certificate(run, pool={"min": 2, "max": 5})
    with unharmed(chain), dial(chain.proxy, tls=tls) as control:
        ticket = ask(control, "OutRequest", request("OutRequest", "t"))["ext"]["ticket"]
        others = chain.proxy.status()["parked"]
        parked = []
        for count in range(1, 21):  # the next one when this one, which is answered before, is parked
            parked.append(park(chain.proxy, "t", tls, ticket=ticket))
            wait_for(lambda: chain.proxy.status()["parked"] >= others + min(count, 5), what="park")
        assert [code_of(answer) for _, answer in parked] == [None] * 5 + ["limit"] * 15
        for s, _ in parked:
            s.close()
