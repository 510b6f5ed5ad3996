"""Reloads of out: backends change under a registration that stays, keys change by one that is made
beside it, and an out moves over to another proxy before its topic is missed."""
import shutil
import signal

import pytest

import harness
import secure
from harness import connect, echo_server, expect_failed_open, expect_reset, port_of, wait_for
from legacy import LegacyProxy
from reloads import (Bulk, Clients, changed, named_echo_server, network_of, of_topic, reload,
                     rename_into, stream_of, who_serves, with_networks)
from secure import certificates, client_tls, proxy_tls, secret
from test_identity import key, own_key

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves


class Site:
    """A proxy and an in with topics "a" and "b", of which an out serves "a"."""

    def __init__(self, run, proxy=None, out=None, in_=None):
        self.servers = {name: named_echo_server(run, name.encode()).port for name in "xyz"}
        self.proxy = run.proxy(proxy)
        self.out = run.out(self.proxy, {"a": self.servers["x"]}, out)
        self.out.wait_event("registered", topic="a")
        self.in_ = run.in_(self.proxy, ["a", "b"], in_)
        self.ports = {topic: self.in_.port(topic=topic) for topic in "ab"}

    def backend(self, name, topic="a"):
        return {**network_of(self.out, "a"), "topic": topic, "backend_port": self.servers[name]}

    def stays(self):
        """There was one registration, from its beginning on."""
        assert len(self.proxy.find("registered", topic="a")) == 1
        assert not self.proxy.find("unregistered", topic="a")
        assert not self.out.find("disconnected")

    def wait_ends(self, count=1, **fields):
        wait_for(lambda: len(self.out.find("unregistered", **fields)) >= count,
                 what="end of a registration that was let go")


def test_a_backend_changes_for_the_next_streams_and_the_registration_stays(run):
    site = Site(run)
    with stream_of(site.ports["a"], b"x"):
        reload(site.out, with_networks(site.out, site.backend("y")))
        with stream_of(site.ports["a"], b"y"):
            reload(site.out, with_networks(site.out, site.backend("z")))
            assert who_serves(site.ports["a"]) == b"z"
    site.stays()
    assert site.out.wait_event("serves anew", count=2)


def test_a_topic_comes_and_goes_and_the_other_notices_nothing(run):
    site = Site(run)
    bulk = Bulk(run, site.ports["a"], b"x")
    with Clients(site.ports["a"], b"x") as clients:
        for _ in range(3):
            reload(site.out, with_networks(site.out, "a", site.backend("y", "b")))
            wait_for(lambda: site.proxy.status()["topics"] == 2, what="topic b")
            with connect(site.ports["b"]) as stream:
                assert harness.read_exactly(stream, 1) == b"y"
                reload(site.out, with_networks(site.out, "a"))
                wait_for(lambda: site.proxy.status()["topics"] == 1, what="end of topic b")
                harness.expect_echo(stream)
                assert site.out.find("registers no more")[-1]["streams"] == 1
            clients.more()
        bulk.moves()
    bulk.end()
    site.wait_ends(3, topic="b")
    site.stays()
    site.out.wait_idle()


def test_a_topic_that_is_gone_fails_and_its_control_connection_ends_with_its_last_stream(run):
    site = Site(run, proxy={"open_timeout": 1_000})
    with stream_of(site.ports["a"], b"x"):
        reload(site.out, with_networks(site.out, site.backend("y", "b")))
        expect_failed_open(site.ports["a"])
        assert site.in_.wait_event("open_failed")["code"] == "no_topic"
        assert site.proxy.status()["controls"] == 2
        assert who_serves(site.ports["b"]) == b"y"
    site.wait_ends(topic="a")
    wait_for(lambda: site.proxy.status()["controls"] == 1, what="end of the control connection")


@pytest.mark.parametrize("how", ["signal", "files"])
def test_another_key_is_shown_by_a_registration_beside_the_first_and_nobody_notices(run, tmp_path,
                                                                                    how):
    own = tmp_path / "own"
    shutil.copy(key("a")["secret_file"], own)
    own.chmod(0o600)
    auth = {"auth": {"keys": [key("a", out=["#"]), key("c", out=["#"]),
                              key("b", **{"in": ["#"]})]}}
    site = Site(run, proxy=auth, out={"auth": {"id": "a", "secret_file": str(own)}},
                in_=own_key("b"))
    if how == "files":  # the proxy takes the new secret first, and has key a shown again
        with open(key("c")["secret_file"], "rb") as file:
            new = file.read()
        keys = [{"id": "a", "secret_file": key("c")["secret_file"], "out": ["#"]},
                key("b", **{"in": ["#"]})]
        with stream_of(site.ports["a"], b"x"):
            reload(site.proxy, {**site.proxy.config, "auth": {"keys": keys}})
            site.out.wait_event("not registered")
            rename_into(own, new)
            assert site.out.wait_event("reloaded", timeout=20)["cause"] == "files"
            site.out.wait_event("registered", count=2)
            assert who_serves(site.ports["a"]) == b"x"
        return
    with Clients(site.ports["a"], b"x") as clients, stream_of(site.ports["a"], b"x"):
        reload(site.out, {**site.out.config, **own_key("c")})
        line = site.proxy.wait_event("registered", count=2)
        assert line["identity"] == "key c"
        clients.more()
    site.wait_ends()
    assert not site.out.find("disconnected") and not site.in_.find("open_failed")
    assert site.proxy.wait_event("unregistered")["reason"] == "replaced by its out"


def test_a_key_that_the_proxy_does_not_know_leaves_the_first_registration_in_service(run):
    auth = {"auth": {"keys": [key("a", out=["#"]), key("b", **{"in": ["#"]})]}}
    site = Site(run, proxy=auth, out=own_key("a"), in_=own_key("b"))
    with Clients(site.ports["a"], b"x") as clients:
        reload(site.out, {**site.out.config, **own_key("c")})
        assert "the earlier registration stays" in site.out.wait_event("not registered")["reason"]
        clients.more()
        site.stays()
        reload(site.out, {**site.out.config, **own_key("a")})
        clients.more()
    site.stays()


def test_a_renewed_client_certificate_is_shown_without_a_gap(run, tmp_path):
    for end in "crt", "key":
        shutil.copy(certificates() / f"out.{end}", tmp_path / f"out.{end}")
    (tmp_path / "out.key").chmod(0o600)
    own = {"tls": {**client_tls(), "cert": str(tmp_path / "out.crt"),
                   "key": str(tmp_path / "out.key")}}
    site = Site(run, proxy={"tls": proxy_tls(client_ca=str(certificates() / "ca.crt"))}, out=own,
                in_={"tls": client_tls("in")})
    with Clients(site.ports["a"], b"x") as clients:
        # The same key with another certificate: that of in, as good as any other of this CA.
        rename_into(tmp_path / "out.key", (certificates() / "in.key").read_bytes())
        rename_into(tmp_path / "out.crt", (certificates() / "in.crt").read_bytes())
        site.out.wait_event("reloaded", timeout=20)
        assert site.proxy.wait_event("registered", count=2)["identity"] == "certificate in"
        clients.more()
    site.wait_ends()
    assert not site.in_.find("open_failed")


def test_an_end_to_end_key_changes_for_the_next_streams(run):
    old, new = secret("e2e.key"), secret("e2e-new.key", "fedcba9876543210" * 4 + "\n")

    def with_key(program, **files):
        return with_networks(program, *[{**network_of(program, n["topic"]), "e2e": files}
                                        for n in program.config["networks"]])
    site = Site(run)
    reload(site.out, with_key(site.out, key_file=old))
    reload(site.in_, with_key(site.in_, key_file=old))
    with stream_of(site.ports["a"], b"x"):
        reload(site.out, with_key(site.out, key_file=old, also_accept=new))
        reload(site.in_, with_key(site.in_, key_file=new))
        assert who_serves(site.ports["a"]) == b"x"
        reload(site.out, with_key(site.out, key_file=new))
        assert who_serves(site.ports["a"]) == b"x"
        reload(site.in_, with_key(site.in_, key_file=old))
        expect_failed_open(site.ports["a"])
    site.stays()


def test_a_file_that_is_wrong_changes_nothing(run, tmp_path):
    site = Site(run)
    with Clients(site.ports["a"], b"x") as clients:
        line = reload(site.out, {**site.out.config, "auth": {
            "id": "a", "secret_file": str(tmp_path / "none")}}, fails=True)
        assert str(tmp_path / "none") in line["reason"]
        clients.more()
    site.stays()


def test_it_moves_over_when_its_proxy_says_that_it_is_about_to_end(run):
    """As behind a name that leads to the next proxy: the first one's place is taken while it has
    streams to wait for."""
    site = Site(run, proxy={"drain_timeout": 600_000})
    port = port_of(site.proxy)
    with stream_of(site.ports["a"], b"x"):
        site.proxy.expected_end = True
        site.proxy.signal(signal.SIGTERM)
        site.out.wait_event("proxy draining")
        harness.expect_refused(port)
        second = run.proxy({"port": port})
        second.wait_event("registered", topic="a")
        site.out.wait_event("registered", count=2)
        moved = run.in_(second, ["a"])
        assert who_serves(moved.port()) == b"x"
        assert site.proxy.status()["streams"] == 1
    assert site.proxy.process.wait(10 * harness.PATIENCE) == 0
    assert who_serves(moved.port()) == b"x"
    assert not site.out.find("disconnected")


def test_streams_at_an_old_proxy_outlive_their_network(run):
    """A 0.0.1 proxy ends an out's streams with its control connection."""
    proxy = run.own(LegacyProxy())
    server = named_echo_server(run, b"x").port
    out = run.out(proxy, {"a": server})
    out.wait_event("registered")
    in_ = run.in_(proxy, ["a"])
    with stream_of(in_.port(), b"x"):
        reload(out, with_networks(out, of_topic(out, "b")))
        out.wait_event("registers no more")
        out.wait_event("registered", topic="b")
    wait_for(lambda: out.find("unregistered", topic="a"), what="end of the registration")


def test_a_thousand_topics_move_over_and_nobody_notices(run):
    count = 1_000
    server = named_echo_server(run, b"x").port
    auth = {"auth": {"keys": [key("a", out=["#"]), key("c", out=["#"]),
                              key("b", **{"in": ["#"]})]}}
    proxy = run.proxy(auth)
    out = run.out(proxy, {f"t{i}": server for i in range(count)}, own_key("a"))
    wait_for(lambda: proxy.status()["topics"] == count, 60, what="topics")
    in_ = run.in_(proxy, ["t7"], own_key("b"))
    with Clients(in_.port(), b"x") as clients:
        reload(out, {**out.config, **own_key("c")})
        wait_for(lambda: out.status()["topics_held"] == count and
                 len(proxy.find("registered", identity="key c")) >= 1, 60, what="topics")
        clients.more()
    wait_for(lambda: proxy.status()["controls"] == count, 60, what="end of the first ones")
    assert proxy.status()["topics"] == count
    assert not in_.find("open_failed") and not out.find("disconnected")
