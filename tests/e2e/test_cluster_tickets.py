"""Data connections that come to another proxy of a cluster than the one whose ticket they show."""
import hashlib
import hmac
import itertools
import signal

import pytest

import secure
from cluster import SECRET, Balancer, Site
from cluster_site import needs_nats
from ext_peer import Connection, new_id
from harness import PATIENCE, expect_echo, expect_reset, read_to_end, reset, wait_for
from test_identity import key, own_key

pytestmark = [pytest.mark.plain_only, needs_nats()]  # the protection is chosen here
OWNER, CARRIER, OTHER = range(3)
MODES = ["plain", "keys", "certificates", "proxies without a key"]


def known_by_certificate(site, number):
    """Of a proxy without a key: the others are known by their certificates, and have no key."""
    return {"key_file": None, "id": str(number), "tls": secure.client_tls("in"),
            "peers": [{"id": str(other), "address": f"127.0.0.1:{site.ports[other]}",
                       "certificate": "in", "ask": ["#"], "answer": ["#"]}
                      for other in range(3) if other != number]}


class Passed:
    """An out that is registered at one proxy, while all its data connections come to another."""

    def __init__(self, run, directory, mode="plain", **proxy):
        proxy_keys, client, cluster = {**proxy}, {}, None
        if mode != "plain":
            ca = {"client_ca": str(secure.certificates() / "ca.crt")} if mode != "keys" else {}
            proxy_keys["tls"] = secure.proxy_tls(**ca)
            client["tls"] = secure.client_tls(None if mode == "keys" else "out")
            own = secure.client_tls(None if mode == "keys" else "in")
            cluster = lambda _site, _number: {"tls": own}  # noqa: E731
        if mode == "keys":
            proxy_keys["auth"] = {"keys": [key("a", **{"in": ["#"], "out": ["#"]})]}
            client.update(own_key("a"))
        elif mode != "plain":
            proxy_keys["auth"] = {"certs": [{"name": "out", "in": ["#"], "out": ["#"]}]}
        if mode == "proxies without a key":
            cluster = known_by_certificate
        self.client = client
        self.site = Site(run, directory, proxy_keys, cluster, servers=1)
        owner, carrier, _ = self.site.ports
        self.balancer = run.own(Balancer(itertools.chain([owner], itertools.repeat(carrier))))
        self.out = run.out(self.balancer.port, {"t": self.site.backend(b"1").port}, client)
        self.out.wait_event("registered")
        self.proxies = self.site.proxies

    def in_(self, number):
        return self.site.in_(number, "t", self.client)


@pytest.mark.parametrize("mode", MODES)
def test_streams_are_served_over_the_proxy_to_which_the_data_connections_came(run, tmp_path, mode):
    passed = Passed(run, tmp_path, mode)
    for number in (OWNER, CARRIER, OTHER):
        in_ = passed.in_(number)
        passed.site.wait_served(in_)
        for _ in range(3):
            assert passed.site.ask(in_) == b"1"
    assert passed.proxies[CARRIER].find("passing on")
    assert not passed.proxies[CARRIER].find("registered")
    assert not passed.out.find("another proxy answered")
    passed.proxies[OWNER].wait_event("stream", count=12)
    # What it carries are none of its streams: those of one in are.
    assert len(passed.proxies[CARRIER].find("stream")) < 8
    passed.site.check()


def test_ends_pass_as_they_are(run, tmp_path):
    passed = Passed(run, tmp_path)
    in_ = passed.in_(OWNER)
    with passed.site.stream(in_) as stream:
        expect_echo(stream, b"x" * 1_000_000)
        stream.shutdown(1)
        assert read_to_end(stream) == b""
    with passed.site.stream(in_) as stream:
        reset(stream)
        wait_for(lambda: passed.out.find("stream", code="reset"), what="reset at out")
    with passed.site.stream(in_) as stream:
        stream.sendall(b"reset")
        expect_reset(stream)


def test_when_the_carrier_dies_its_streams_end_and_others_carry(run, tmp_path):
    passed = Passed(run, tmp_path)
    in_ = passed.in_(OWNER)
    with passed.site.stream(in_) as stream:
        passed.balancer.targets = itertools.repeat(passed.site.ports[OTHER])
        passed.proxies[CARRIER].kill()
        expect_reset(stream)
    passed.site.wait_served(in_, within=1)
    passed.proxies[OTHER].wait_event("passing on")
    passed.site.check()


def test_when_the_owner_dies_out_registers_at_another(run, tmp_path):
    passed = Passed(run, tmp_path)
    in_ = passed.in_(OTHER)
    passed.site.wait_served(in_)
    passed.balancer.targets = itertools.cycle(passed.site.ports[1:])
    passed.proxies[OWNER].kill()
    assert passed.site.wait_served(in_) == b"1"
    passed.site.check()


def test_a_drain_of_the_carrier_waits_for_streams_and_ends_what_waits_for_one(run, tmp_path):
    passed = Passed(run, tmp_path, drain_timeout=1500)
    carrier = passed.proxies[CARRIER]
    in_ = passed.in_(OWNER)
    with passed.site.stream(in_) as stream:
        wait_for(lambda: len(carrier.find("passing on")) > 1, what="parked ones")
        passed.balancer.targets = itertools.repeat(passed.site.ports[OTHER])
        carrier.expected_end = True
        carrier.signal(signal.SIGTERM)
        carrier.wait_event("passed on")
        expect_echo(stream)
        passed.site.wait_served(in_)
        expect_echo(stream)
    assert carrier.process.wait(10 * PATIENCE) == 0


def ticket(proxy, secret=SECRET):
    named = proxy.find("listening")[0]["proxy"] + new_id(16)
    mac = hmac.new(secret.encode(), b"inout ticket 1" + named.encode(), hashlib.sha256)
    return named + mac.hexdigest()[:16]


def test_a_ticket_that_somebody_has_made_up_is_not_passed_on(run, tmp_path):
    passed = Passed(run, tmp_path)
    carrier = passed.proxies[CARRIER]

    def shows(secret):
        before = len(carrier.find("data connection refused"))
        asked = Connection(run, carrier, "OutDataRequest", "t",
                           {"ticket": ticket(passed.proxies[OWNER], secret)})
        answer = asked.read("Response")["ext"]
        assert answer["code"] == "denied"
        return carrier.wait_event("data connection refused", count=before + 1)
    assert "owner" not in shows("guessed")
    # Of a registration that is there no more the owner says no.
    assert shows(SECRET)["owner"] == passed.proxies[OWNER].find("listening")[0]["proxy"]
