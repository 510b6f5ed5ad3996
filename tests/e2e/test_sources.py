"""Strangers by their IPv6 addresses: a source is a /64, whose addresses nobody can count; and lists
of addresses. On a machine with such addresses: a network namespace with nothing but loopback."""
import os
import socket
import subprocess

import pytest

from attack import SECRET, ask, code_of, key_entry, proven, request
from harness import PATIENCE, wait_for
from wan import inside, new_namespace, prefix, require

pytestmark = pytest.mark.plain_only  # keys are configured here

RELAY = "2001:db8:0:1::1"
NEIGHBOURS = [f"2001:db8:0:2::{n:x}" for n in range(1, 9)] + ["2001:db8:0:2:ffff:ffff:ffff:ffff"]
OTHER = "2001:db8:0:3::1"
WRONG = "a guess at the secret"
FREE_FAILURES = 10


class Machine:
    """Its loopback has all the addresses; sockets come from one of them."""

    def __init__(self, run):
        require(os.geteuid() == 0, "network namespaces need root")
        self.run = run
        self.namespace = new_namespace()
        run.own(self)
        addresses = [f"addr add {address}/128 dev lo nodad"
                     for address in (RELAY, OTHER, *NEIGHBOURS)]
        inside(self.namespace, subprocess.run, ["ip", "-6", "-batch", "-"], text=True, check=True,
               input="\n".join(["link set lo up", *addresses]))

    def proxy(self, **config):
        """Nobody is trusted; who has the key may open streams."""
        self.relay = self.run.program("proxy", {
            "bind": "::", "port": 0, "threads": 2, "trusted": [],
            "auth": {"keys": [key_entry(**{"in": ["#"]})]}, **config},
            prefix=prefix(self.namespace))
        return self.relay

    def dial(self, source, relay=RELAY):
        return self.run.own(inside(self.namespace, socket.create_connection,
                                   (relay, self.relay.port()), 20 * PATIENCE, (source, 0)))

    def says(self, source, secret=SECRET, relay=RELAY):
        """What the proxy answers to a request from there with a proof by this secret; "refused" if
        it looks at nothing."""
        try:
            with self.dial(source, relay) as s:
                return code_of(ask(s, "InRequest", proven("InRequest", request("InRequest"),
                                                          secret=secret)))
        except (ConnectionResetError, BrokenPipeError):
            return "refused"

    def close(self):
        os.close(self.namespace)


@pytest.fixture
def machine(run):
    return Machine(run)


def test_a_64_that_fails_from_many_addresses_is_refused_as_a_whole_and_no_other_is(machine):
    machine.proxy()
    for n in range(FREE_FAILURES + 1):
        assert machine.says(NEIGHBOURS[n % 8], WRONG) == "denied"
    # The first penalty is 1 s. Its end is seen by a failure that is looked at, which begins the
    # next one, of 2 s; that of 4 s leaves time to ask everybody.
    for n in range(2):
        wait_for(lambda: machine.says(NEIGHBOURS[n], WRONG) == "denied", what="end of a penalty")
    assert {machine.says(address, WRONG) for address in NEIGHBOURS} <= {"penalised", "refused"}
    assert machine.says(OTHER, WRONG) == "denied"
    while machine.says(NEIGHBOURS[2], WRONG) != "refused":
        pass
    assert machine.relay.wait_event("refused")["reason"] == "repeated failures"
    # A known peer clears all of it.
    wait_for(lambda: machine.says(NEIGHBOURS[-1]) == "no_topic", what="a known peer")
    assert [machine.says(NEIGHBOURS[0], WRONG) for _ in range(2)] == ["denied"] * 2


def is_over(s):
    """Whether the other side has ended this connection by now."""
    s.setblocking(False)
    try:
        return s.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_the_addresses_of_a_64_share_its_places_and_take_no_others(machine):
    machine.proxy(limits={"per_source": 5}, handshake_timeout=60_000, tls_timeout=60_000)
    other = machine.dial(OTHER)
    crowd = [machine.dial(address) for address in NEIGHBOURS for _ in range(2)]
    wait_for(lambda: [is_over(s) for s in crowd] == [True] * 13 + [False] * 5, what="5 that stay")
    assert not is_over(other)
    assert machine.relay.status()["evicted_total"] == 13


@pytest.mark.parametrize("lists, talk", [
    ({"allow": ["2001:db8:0:2::/64"]}, set(NEIGHBOURS)),
    ({"allow": ["2001:db8:0:2::/125", OTHER]}, {*NEIGHBOURS[:7], OTHER}),
    ({"deny": ["2001:db8:0:2::8/125"]}, {*NEIGHBOURS, OTHER, "127.0.0.1"} - {NEIGHBOURS[7]}),
    ({"allow": ["::/0"], "deny": ["2001:db8:0:2::/64"]}, {OTHER}),
    ({"allow": ["127.0.0.0/8"]}, {"127.0.0.1"})],
    ids=["a 64", "a 125 and one", "all but one", "IPv6 but a 64", "IPv4"])
def test_ranges_of_ipv6_addresses_are_allowed_and_denied_to_the_bit(machine, lists, talk):
    machine.proxy(**lists)
    answers = {address: machine.says(address) for address in (*NEIGHBOURS, OTHER)}
    answers["127.0.0.1"] = machine.says("127.0.0.1", relay="127.0.0.1")
    assert set(answers.values()) == {"no_topic", "refused"}
    assert {address for address, answer in answers.items() if answer == "no_topic"} == talk
