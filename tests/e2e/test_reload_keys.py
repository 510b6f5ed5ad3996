"""Reloads of the proxy: permissions and keys that are taken away, certificates that are renewed,
limits, and the place where it listens. What is permitted still, runs on."""
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile

import pytest

import harness
from harness import (connect, echo_server, expect_echo, expect_failed_open, expect_refused,
                     expect_reset, free_port, port_of, wait_for)
from reloads import Clients, changed, named_echo_server, reload, rename_into, stream_of, who_serves
from secure import certificates, client_tls
from test_identity import key, own_key
from test_tls import issue

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves


def rights(revoke="registrations", **keys):
    """The proxy's auth: a=["out"] lets key a serve every topic."""
    return {"auth": {"revoke": revoke, "keys": [
        key(name, **{right: ["#"] for right in some}) for name, some in keys.items()]}}


class Site:
    """A proxy with keys a for out and b for in, and a topic that is served."""

    def __init__(self, run, revoke="registrations", proxy=None):
        self.proxy = run.proxy({**rights(revoke, a=["out"], b=["in"]), **(proxy or {})})
        self.out = run.out(self.proxy, {"t": named_echo_server(run, b"t").port}, own_key("a"))
        self.out.wait_event("registered")
        self.in_ = run.in_(self.proxy, ["t"], own_key("b"))
        self.port = self.in_.port()

    def allow(self, revoke="registrations", **keys):
        return reload(self.proxy, {**self.proxy.config, **rights(revoke, **keys)})

    def status(self, **wanted):
        wait_for(lambda: all(self.proxy.status()[k] == v for k, v in wanted.items()),
                 what=f"{wanted} at the proxy")


# --- permissions and keys ---

@pytest.mark.parametrize("left", [{"b": ["in"]}, {"a": [], "b": ["in"]}], ids=["key", "permission"])
def test_what_is_taken_from_who_serves_ends_its_registration_and_no_stream(run, left):
    site = Site(run)
    with stream_of(site.port, b"t"):
        site.allow(**left)
        assert site.proxy.wait_event("unregistered")["reason"] == "it may serve the topic no more"
        site.out.wait_event("not registered")
        site.status(topics=0, controls=0, parked=0)
        expect_failed_open(site.port)
        assert site.in_.wait_event("open_failed")["code"] == "no_topic"
    site.allow(a=["out"], b=["in"])
    site.out.wait_event("registered", count=2)
    assert who_serves(site.port) == b"t"


@pytest.mark.parametrize("left", [{"a": ["out"]}, {"a": ["out"], "b": []}],
                         ids=["key", "permission"])
def test_what_is_taken_from_who_asks_ends_its_spare_connections_and_no_stream(run, left):
    site = Site(run)
    assert who_serves(site.port) == b"t"
    with stream_of(site.port, b"t"):
        assert who_serves(site.port) == b"t"
        site.status(warm=1)
        site.allow(**left)
        site.status(warm=0, topics=1)
        expect_failed_open(site.port)
        assert site.in_.wait_event("open_failed")["code"] == "denied"
    assert not site.proxy.find("unregistered")


@pytest.mark.parametrize("left", [{"a": ["out"]}, {"b": ["in"]}], ids=["asks", "serves"])
def test_streams_end_with_their_key_if_that_is_wanted(run, left):
    site = Site(run, revoke="streams")
    with connect(site.port) as stream:
        assert harness.read_exactly(stream, 1) == b"t"
        site.allow("streams", **left)
        expect_reset(stream)
    assert "permission taken away" in site.proxy.wait_event("stream")["reason"]
    assert site.proxy.wait_event("streams ended")["streams"] == 1


def test_others_notice_nothing_when_a_key_goes(run):
    site = Site(run, revoke="streams")
    other = run.in_(site.proxy, ["t"], own_key("c"))
    site.allow("streams", a=["out"], b=["in"], c=["in"])
    with Clients(site.port, b"t") as clients, stream_of(site.port, b"t"):
        with connect(other.port()) as stream:
            assert harness.read_exactly(stream, 1) == b"t"
            site.allow("streams", a=["out"], b=["in"])
            expect_reset(stream)
        clients.more()
    assert not site.proxy.find("unregistered")


def test_another_secret_is_another_key(run, tmp_path):
    secret = tmp_path / "secret"
    shutil.copy(key("a")["secret_file"], secret)
    secret.chmod(0o600)
    own = {"keys": [{"id": "a", "secret_file": str(secret), "out": ["#"]},
                    key("b", **{"in": ["#"]})]}
    site = Site(run, proxy={"auth": own})
    rename_into(secret, b"fedcba9876543210" * 4)
    assert site.proxy.wait_event("reloaded", timeout=20)["cause"] == "files"
    site.proxy.wait_event("unregistered")
    assert "wrong secret" in site.out.wait_event("not registered")["reason"]
    shutil.copy(key("a")["secret_file"], tmp_path / "old")
    rename_into(secret, (tmp_path / "old").read_bytes())
    site.proxy.wait_event("reloaded", count=2, timeout=20)
    site.out.wait_event("registered", count=2)


def test_a_reload_that_changes_nothing_ends_nothing(run):
    site = Site(run, revoke="streams")
    with Clients(site.port, b"t") as clients, stream_of(site.port, b"t"):
        for _ in range(20):
            assert reload(site.proxy)["changed"] == ""
            clients.more(3)
    assert not site.proxy.find("unregistered") and not site.in_.find("open_failed")
    assert site.proxy.status()["denied_total"] == 0


def test_who_could_do_all_has_to_prove_himself_where_keys_come(run):
    proxy = run.proxy()
    out = run.out(proxy, {"t": echo_server(run).port})
    out.wait_event("registered")
    in_ = run.in_(proxy, ["t"])
    with connect(in_.port()) as stream:
        expect_echo(stream)
        reload(proxy, {**proxy.config, **rights(a=["out"])})
        proxy.wait_event("unregistered")
        assert "no key" in out.wait_event("not registered")["reason"]
        expect_failed_open(in_.port())
        expect_echo(stream)


# --- certificates ---

def served_serial(port):
    """The serial number of the certificate that the proxy shows."""
    context = ssl.create_default_context(cafile=certificates() / "ca.crt")
    with context.wrap_socket(connect(port), server_hostname="localhost") as s:
        return s.getpeercert()["serialNumber"]


@pytest.fixture
def renewed():
    """A folder with a copy of the proxy's certificate, and a newer one of the same CA. Each run of
    pytest takes the folder of all others' from other users."""
    with tempfile.TemporaryDirectory() as folder:
        yield new_certificate(pathlib.Path(folder))


def new_certificate(folder):
    ca = certificates()
    for name in ("localhost.crt", "localhost.key"):
        shutil.copy(ca / name, folder / name)
    key_file = folder / "localhost.key"
    key_file.chmod(0o600)
    files = issue("renewed", "localhost", "localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    other = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                            "ec_paramgen_curve:P-256"], check=True, capture_output=True).stdout
    return {"config": {"tls": {"cert": str(folder / "localhost.crt"), "key": str(key_file)}},
            "crt": pathlib.Path(files["cert"]).read_bytes(), "other_key": other,
            "folder": folder}


def test_a_renewed_certificate_is_shown_to_who_comes_and_nobody_notices(run, renewed):
    chain = run.chain(named_echo_server(run, b"t").port, topic="t", proxy=renewed["config"],
                      out={"tls": client_tls()}, in_={"tls": client_tls()})
    before = served_serial(chain.proxy.port())
    with Clients(chain.port, b"t") as clients, stream_of(chain.port, b"t"):
        rename_into(renewed["folder"] / "localhost.crt", renewed["crt"])
        line = chain.proxy.wait_event("reloaded", timeout=20)
        assert (line["cause"], line["files"]) == ("files", renewed["config"]["tls"]["cert"])
        assert served_serial(chain.proxy.port()) != before
        clients.more()
    assert not chain.out.find("disconnected") and not chain.in_.find("open_failed")


def test_a_certificate_without_its_key_is_told_once_and_the_last_pair_goes_on(run, renewed):
    proxy = run.proxy(renewed["config"])
    before = served_serial(proxy.port())
    rename_into(renewed["folder"] / "localhost.key", renewed["other_key"])
    line = proxy.wait_event("not reloaded", timeout=20)
    assert "does not belong to the certificate" in line["reason"]
    assert served_serial(proxy.port()) == before
    shutil.copy(certificates() / "localhost.key", renewed["folder"] / "key")
    rename_into(renewed["folder"] / "localhost.key", (renewed["folder"] / "key").read_bytes())
    rename_into(renewed["folder"] / "localhost.crt", renewed["crt"])
    proxy.wait_event("reloaded", timeout=20)
    assert served_serial(proxy.port()) != before
    assert len(proxy.find("not reloaded")) == 1


def test_another_ca_of_clients_has_every_certificate_shown_again(run, tmp_path):
    for directory in ("ca", "other"):
        shutil.copy(certificates(directory) / "ca.crt", tmp_path / f"{directory}.crt")
    both = (tmp_path / "ca.crt").read_bytes() + (tmp_path / "other.crt").read_bytes()
    trusted = tmp_path / "trusted.crt"
    trusted.write_bytes((tmp_path / "ca.crt").read_bytes())
    ca = certificates()
    chain = run.chain(named_echo_server(run, b"t").port, topic="t",
                      proxy={"tls": {"cert": str(ca / "localhost.crt"),
                                     "key": str(ca / "localhost.key"),
                                     "client_ca": str(trusted)}},
                      out={"tls": client_tls("out")}, in_={"tls": client_tls("in")})
    with stream_of(chain.port, b"t"):
        trusted.write_bytes(both)
        reload(chain.proxy)
        chain.out.wait_event("registered", count=2)
        assert who_serves(chain.port) == b"t"
        trusted.write_bytes((tmp_path / "other.crt").read_bytes())
        reload(chain.proxy)
        chain.out.wait_event("not registered")
        expect_failed_open(chain.port)


def test_tls_can_be_demanded_and_given_up(run):
    ca = certificates()
    tls = {"cert": str(ca / "localhost.crt"), "key": str(ca / "localhost.key")}
    chain = run.chain(named_echo_server(run, b"t").port, topic="t")
    with stream_of(chain.port, b"t"):
        wait_for(lambda: chain.in_.status()["warm"] == 0, what="end of the spare connections")
        reload(chain.proxy, changed(chain.proxy, tls=tls))
        expect_failed_open(chain.port)
        reload(chain.proxy, changed(chain.proxy, tls=None))
        assert who_serves(chain.port) == b"t"


def test_files_that_a_group_may_read_are_enough(run, renewed):
    """As the units have it: a user that is not root, whom a group lets read root's files."""
    group, user = 64_123, 64_124
    folder = renewed["folder"]
    os.chmod(folder, 0o750)
    shutil.copy(key("a")["secret_file"], folder / "a.secret")
    (folder / "proxy.json").write_text(json.dumps({
        **renewed["config"], "port": 0, "auth": {"keys": [
            {"id": "a", "secret_file": "a.secret", "out": ["#"]}]}}))
    for file in folder.iterdir():
        os.chown(file, 0, group)
        file.chmod(0o640)
    os.chown(folder, 0, group)
    proxy = run.program("proxy", args=["--config", str(folder / "proxy.json")], prefix=[
        "setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={group}", "--"])
    before = served_serial(proxy.port())
    new = folder / "new"
    new.write_bytes(renewed["crt"])
    new.chmod(0o640)
    os.chown(new, 0, group)
    new.rename(folder / "localhost.crt")
    proxy.wait_event("reloaded", timeout=20)
    assert served_serial(proxy.port()) != before


# --- limits, lists, and where it listens ---

def test_a_limit_counts_for_who_comes_next(run):
    chain = run.chain(named_echo_server(run, b"t").port, topic="t")
    with stream_of(chain.port, b"t"), stream_of(chain.port, b"t"):
        reload(chain.proxy, changed(chain.proxy, limits={"streams_per_topic": 2}))
        expect_failed_open(chain.port)
        assert chain.in_.wait_event("open_failed")["code"] == "limit"
        reload(chain.proxy, changed(chain.proxy, limits={"streams_per_topic": 3}))
        assert who_serves(chain.port) == b"t"


def test_who_may_connect_is_asked_of_who_comes_next(run):
    chain = run.chain(named_echo_server(run, b"t").port, topic="t", proxy={"limits": {"warm": 0}})
    with stream_of(chain.port, b"t"):
        reload(chain.proxy, changed(chain.proxy, deny=["127.0.0.0/8"]))
        expect_failed_open(chain.port)
        assert chain.proxy.wait_event("refused")["reason"] == "allow and deny"
        reload(chain.proxy, changed(chain.proxy, deny=None))
        assert who_serves(chain.port) == b"t"


def test_the_proxy_moves_to_another_port_and_who_is_there_stays(run):
    chain = run.chain(named_echo_server(run, b"t").port, topic="t")
    old, new = port_of(chain.proxy), free_port()
    with stream_of(chain.port, b"t"):
        reload(chain.proxy, changed(chain.proxy, port=new))
        chain.proxy.wait_event("listens no more")
        expect_refused(old)
        moved = run.in_(new, ["t"])
        assert who_serves(moved.port()) == b"t"
    assert not chain.out.find("disconnected")


def test_a_port_that_is_taken_changes_nothing(run):
    chain = run.chain(named_echo_server(run, b"t").port, topic="t")
    taken = echo_server(run)
    with stream_of(chain.port, b"t"):
        line = reload(chain.proxy, changed(chain.proxy, port=taken.port,
                                           limits={"streams_per_topic": 1}), fails=True)
        assert "in use" in line["reason"]
        assert who_serves(chain.port) == b"t"
        reload(chain.proxy, changed(chain.proxy, port=0, limits=None))
        assert who_serves(chain.port) == b"t"
