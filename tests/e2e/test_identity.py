"""Who may do what at a proxy with `auth`: keys, certificates, the anonymous, and what of it is
told to whom."""
import base64
import functools
import hashlib
import hmac
import json
import re
import subprocess
import time

import pytest

import harness
import secure
from ext_peer import Ask, Control, new_id
from harness import (connect, echo_server, expect_echo, expect_failed_open, free_port, port_of,
                     wait_for)
from legacy import LegacyIn, LegacyOut
from peers import VERSION, encode
from secure import certificates, client_tls, proxy_tls, secret
from test_tls import issue
from tunnel import Tunnel

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves
SECRETS = {name: hashlib.sha256(f"the secret of {name}".encode()).hexdigest()
           for name in ("a", "b", "c", "wrong")}


@functools.cache  # written once, not under the eyes of a program that reads it
def secret_file(name):
    return secret(f"{name}.secret", SECRETS[name] + "\n")


def key(name, **rights):
    """An entry of the proxy's auth.keys."""
    return {"id": name, "secret_file": secret_file(name), **rights}


def own_key(name, secret_of=None):
    """The `auth` of in and out."""
    return {"auth": {"id": name, "secret_file": secret_file(secret_of or name)}}


def prove(name, secret_of, kind, topic, **members):
    """`members` of an ext with a proof for a plain connection, and the magic that it is for."""
    magic, now = new_id(16), int(time.time() * 1000)
    fields = [name, kind, topic, magic, str(now), members.get("mode", ""),
              members.get("instance", ""), "", ""]
    text = b"inout proof 1" + b"".join(len(f).to_bytes(4, "big") + f.encode() for f in fields)
    mac = hmac.new(SECRETS[secret_of].encode(), text, hashlib.sha256).hexdigest()
    return magic, {"v": 1, "key": name, "time": now, "proof": mac, **members}


class Proven(Ask):
    """An in connection whose next request has a proof by a key."""

    def __init__(self, run, proxy, name, kind, topic, secret_of=None):
        self.sock = run.own(connect(port_of(proxy)))
        self.name, self.secret_of = name, secret_of or name
        self.request(kind, topic)

    def request(self, kind, topic):
        magic, ext = prove(self.name, self.secret_of, kind, topic)
        members = {"type": topic} if topic else {}
        self.sock.sendall(encode(kind, {"magic": magic, "version": VERSION, **members,
                                        "ext": ext}))


@pytest.fixture(params=["plain", "tls"])
def hops(request, monkeypatch):
    """Both kinds of proofs: over TLS they cover the connection."""
    if request.param == "tls":
        monkeypatch.setattr(secure, "TLS", True)


def outcome(in_, topic):
    """The code with which an open to a topic without an out ends."""
    before = len(in_.find("open_failed"))
    expect_failed_open(in_.port(topic=topic))
    return in_.wait_event("open_failed", count=before + 1)["code"]


# --- keys and patterns ---

PATTERNS = {  # what a key lists, and which topics that is
    "db.*": {"db.a"}, "db.#": {"db", "db.a", "db.a.b"}, "*.a": {"db.a"}, "#.b": {"db.a.b"},
    "#": {"db", "db.a", "db.a.b", "x"}, "x": {"x"}}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_key_opens_and_registers_what_its_patterns_match(run, hops, pattern):
    proxy = run.proxy({"auth": {"keys": [key("a", out=[pattern]), key("b", **{"in": [pattern]})]}})
    in_ = run.in_(proxy, PATTERNS["#"], own_key("b"))
    assert {t for t in PATTERNS["#"] if outcome(in_, t) == "no_topic"} == PATTERNS[pattern]
    out = run.out(proxy, {topic: 1 for topic in PATTERNS["#"]}, own_key("a"))
    for topic in PATTERNS["#"]:
        out.wait_event("registered" if topic in PATTERNS[pattern] else "not registered",
                       topic=topic)
    proxy.wait_event("registered", count=len(PATTERNS[pattern]))
    assert {line["topic"] for line in proxy.find("registered")} == PATTERNS[pattern]


def test_a_network_may_have_a_key_of_its_own(run, hops):
    proxy = run.proxy({"auth": {"keys": [key("a", **{"in": ["t"]}), key("b", **{"in": ["u"]})]}})
    networks = [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": 0, "topic": topic,
                 **own} for topic, own in (("t", {}), ("u", own_key("b")))]
    in_ = run.in_(proxy, [], {"networks": networks, **own_key("a")})
    assert [outcome(in_, topic) for topic in "tu"] == ["no_topic", "no_topic"]


def test_a_registration_says_whose_it_is_and_its_streams_pass(run, hops):
    chain = run.chain(echo_server(run).port, topic="t", out=own_key("a"), in_=own_key("b"),
                      proxy={"auth": {"keys": [key("a", out=["t"]), key("b", **{"in": ["t"]})]}})
    assert chain.proxy.wait_event("registered")["identity"] == "key a"
    for _ in range(5):
        with chain.connect() as client:
            expect_echo(client)


# --- what a denied peer is told, and what the log says ---

DENIED = {
    "anonymous": (lambda run, proxy: Ask(run, proxy, "t"), 'auth.anonymous: no pattern in "in"'),
    "anonymous, no such topic": (lambda run, proxy: Ask(run, proxy, "none"), "topic none"),
    "unknown key": (lambda run, proxy: Proven(run, proxy, "c", "InRequest", "t"), 'no key "c"'),
    "wrong secret": (lambda run, proxy: Proven(run, proxy, "b", "InRequest", "t", "wrong"),
                     'wrong proof for key "b"'),
    "only other topics": (lambda run, proxy: Proven(run, proxy, "b", "InRequest", "u"),
                          'auth.keys "b": no pattern in "in" for topic u'),
    "only the other right": (lambda run, proxy: Proven(run, proxy, "a", "InRequest", "t"),
                             'auth.keys "a": no pattern in "in" for topic t'),
}


TOLD = {"anonymous": "no key or certificate was shown",
        "anonymous, no such topic": "no key or certificate was shown",
        "unknown key": "wrong secret or unknown key (reference *)",
        "wrong secret": "wrong secret or unknown key (reference *)",
        "only other topics": 'key b may not open ("in") topic u',
        "only the other right": 'key a may not open ("in") topic t'}


@pytest.mark.parametrize("case", DENIED)
def test_a_denial_says_what_its_peer_may_know_and_the_proxys_log_says_the_reason(run, case):
    """A stranger learns nothing about keys and topics, but has a reference that is in the log."""
    ask, reason = DENIED[case]
    proxy = run.proxy({"auth": {"keys": [key("a", out=["t"]), key("b", **{"in": ["t"]})]}})
    out = run.out(proxy, {"t": 1}, own_key("a"))
    out.wait_event("registered")
    answer = ask(run, proxy).response()
    line = proxy.wait_event("denied", request="InRequest")
    told = answer["message"]
    if line["reference"]:
        assert line["reference"] in told
        told = told.replace(line["reference"], "*")
    assert told == "not permitted: " + TOLD[case]
    assert answer["ext"] == {"v": 1, "code": "denied", "retry": 1}
    assert reason in line["reason"]
    assert proxy.status()["denied_total"] == 1


def test_who_may_not_register_does_not_displace(run):
    chain = run.chain(echo_server(run).port, topic="t", out=own_key("a"), in_=own_key("b"),
                      proxy={"auth": {"keys": [key("a", out=["t"]),
                                               key("b", out=["u"], **{"in": ["t"]})]}})
    stranger = run.out(chain.proxy, {"t": 1}, own_key("b"))
    assert (stranger.wait_event("not registered")["reason"]
            == 'not permitted: key b may not register ("out") topic t')
    with chain.connect() as client:
        expect_echo(client)
    assert not chain.out.find("displaced")


def test_a_spare_connection_is_asked_again_for_each_topic(run):
    proxy = run.proxy({"auth": {"keys": [key("a", out=["#"]), key("b", **{"in": ["t"]})]}})
    backend = echo_server(run).port
    out = run.out(proxy, {"t": backend, "u": backend}, own_key("a"))
    for topic in "tu":
        out.wait_event("registered", topic=topic)
    answers = {}
    for topic in "tu":
        spare = Proven(run, proxy, "b", "InWarmRequest", "")
        assert spare.response()["message"] == ""
        spare.request("InRequest", topic)
        answers[topic] = spare.response()
    assert (answers["t"]["message"], answers["u"]["ext"]["code"]) == ("", "denied")
    assert Ask(run, proxy, "t").response()["ext"]["code"] == "denied"
    refused = run.own(connect(proxy.port()))
    refused.sendall(encode("InWarmRequest", {"magic": "m", "version": VERSION, "ext": {"v": 1}}))
    assert refused.recv(4096).endswith(b'"code":"denied"}}}')


def test_a_parked_connection_needs_the_ticket_of_a_registration_of_its_topic(run):
    proxy = run.proxy({"auth": {"keys": [key("b", **{"in": ["#"]})],
                                "anonymous": {"out": ["t", "u"]}}})
    control, other = Control(run, proxy, "t"), Control(run, proxy, "u")
    for ticket in (other.ticket(), "0" * 32, ""):
        assert control.park(ticket=ticket).answer["ext"]["code"] == "denied"
    assert control.park().answer["message"] == ""


# --- anonymous peers ---

def test_peers_without_a_key_may_do_what_is_listed_for_the_anonymous(run):
    proxy = run.proxy({"auth": {"keys": [key("a", out=["#"])],
                                "anonymous": {"in": ["open.*"], "out": ["open.legacy"]}}})
    backend = echo_server(run).port
    run.out(proxy, {"open.t": backend, "closed": backend}, own_key("a"))
    run.own(LegacyOut(proxy.port(), {"open.legacy": backend, "closed": backend}))
    for topic in ("open.t", "open.legacy", "closed"):
        proxy.wait_event("registered", topic=topic,
                         identity="anonymous" if topic == "open.legacy" else "key a")
    in_ = run.in_(proxy, ["open.t", "open.legacy", "closed"])
    for topic in ("open.t", "open.legacy"):
        for port in (in_.port(topic=topic), run.own(LegacyIn(proxy.port(), topic)).port()):
            with connect(port) as client:
                expect_echo(client)
    assert outcome(in_, "closed") == "denied"
    with connect(run.own(LegacyIn(proxy.port(), "closed")).port()) as client:
        assert client.recv(1) == b""
    assert len(proxy.find("registered")) == 3


# --- certificates ---

CERTIFICATES = {  # how it is made, and who it is
    "alternative name": (lambda: {}, "in"),
    "CN, without any": (lambda: issue("cn", "in", "by-cn"), "by-cn"),
    "second alternative name": (lambda: issue("two", "in", "cn", "subjectAltName=DNS:x,URI:y:z"),
                                "y:z"),
}


def certificate_chain(run, monkeypatch, own, certs):
    """A chain whose in has this certificate, where only these certificates are listed."""
    monkeypatch.setattr(secure, "TLS", True)
    return run.chain(echo_server(run).port, topic="t",
                     proxy={"tls": proxy_tls(client_ca=str(certificates() / "ca.crt")),
                            "auth": {"certs": [{"name": "out", "out": ["t"]}, *certs]}},
                     in_={"tls": {**client_tls("in"), **own}})


@pytest.mark.parametrize("case", CERTIFICATES)
def test_a_certificate_is_known_by_its(run, monkeypatch, case):
    make, name = CERTIFICATES[case]
    chain = certificate_chain(run, monkeypatch, make(), [{"name": name, "in": ["t"]}])
    for _ in range(3):
        with chain.connect() as client:
            expect_echo(client)
    assert chain.proxy.wait_event("registered")["identity"] == "certificate out"


@pytest.mark.parametrize("own, listed, reason", [
    (dict, [], 'auth.certs: no entry "in"'),
    (dict, [{"name": "in", "out": ["t"]}], 'auth.certs "in": no pattern in "in" for topic t'),
    (lambda: issue("san", "in", "by-cn", "subjectAltName=DNS:elsewhere"),
     [{"name": "by-cn", "in": ["t"]}], 'auth.certs: no entry "elsewhere"')],
    ids=["not listed", "listed for else", "CN beside an alternative name"])
def test_a_certificate_that_is_not_listed_for_it_is_denied(run, monkeypatch, own, listed, reason):
    chain = certificate_chain(run, monkeypatch, own(), listed)
    assert outcome(chain.in_, "t") == "denied"
    assert chain.proxy.wait_event("denied")["reason"].startswith(reason)


# --- changes ---

@pytest.mark.parametrize("kind", ["keys", "certs"])
def test_what_is_removed_is_refused_after_a_restart_in_spite_of_all_tickets(run, monkeypatch, kind):
    monkeypatch.setattr(secure, "TLS", True)
    port = free_port()
    entry = key if kind == "keys" else lambda name, **rights: {"name": name, **rights}
    out_entry, in_entry = (("a", "b") if kind == "keys" else ("out", "in"))
    keep = entry(in_entry, **{"in": ["t"]})
    chain = run.chain(echo_server(run).port, topic="t", out=own_key("a"), in_=own_key("b"),
                      proxy={"port": port,
                             "auth": {kind: [entry(out_entry, out=["t"]), keep]}})
    with chain.connect() as client:
        expect_echo(client)
    for left, told in (([entry(out_entry, out=["t"])], "denied"), ([keep], "no_topic")):
        chain.proxy.kill()
        chain.proxy = run.proxy({"port": port, "auth": {kind: left}})
        chain.proxy.wait_event("listening")
        if told == "denied":
            chain.proxy.wait_event("registered")
        else:
            wait_for(lambda: chain.proxy.status()["denied_total"] > 0, what="refusal of out")
        assert outcome(chain.in_, "t") == told
    assert not chain.proxy.find("registered")


def test_two_keys_with_the_same_rights_are_valid_at_once(run, hops):
    rights = {"in": ["t"], "out": ["t"]}
    proxy = run.proxy({"auth": {"keys": [key("a", **rights), key("b", **rights)]}})
    backend = echo_server(run).port
    for name in "ab":
        run.out(proxy, {"t": backend}, own_key(name)).wait_event("registered")
        with connect(run.in_(proxy, ["t"], own_key(name)).port()) as client:
            expect_echo(client)


# --- files ---

BAD_SECRETS = {
    "readable by others": (lambda path: (path.write_text("x" * 40), path.chmod(0o604)), "others"),
    "too short": (lambda path: (path.write_text("x" * 15 + "\n"), path.chmod(0o600)), "15 bytes"),
    "missing": (lambda path: None, "No such file"),
    "a folder": (lambda path: path.mkdir(), "regular file"),
}
NETWORK = {"server_host": "h", "server_port": 1, "port": 1, "topic": "t"}
USERS = {  # who reads it, and what it is called there
    "proxy": ("proxy", lambda file: {"auth": {"keys": [{"id": "office", "secret_file": file,
                                                        "in": ["#"]}]}},
              r'auth\.keys "office": secret_file'),
    "top of in": ("in", lambda file: {"networks": [NETWORK],
                                      "auth": {"id": "i", "secret_file": file}},
                  r"^auth\.secret_file"),
    "network of in": ("in", lambda file: {"networks": [{**NETWORK, "auth": {
        "id": "i", "secret_file": file}}]}, r"networks\[0\]\.auth\.secret_file"),
    "end to end": ("in", lambda file: {"networks": [{**NETWORK, "e2e": {"key_file": file}}]},
                   r"networks\[0\]\.e2e\.key_file"),
}


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("fault", BAD_SECRETS)
def test_a_bad_secret_file_ends_with_2_and_names_key_and_file(tmp_path, fault, user):
    make, told = BAD_SECRETS[fault]
    program, config, place = USERS[user]
    make(tmp_path / "its.secret")
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config("its.secret")))
    said = [subprocess.run([harness.BIN / program, "--config", file, *check], capture_output=True,
                           text=True, timeout=10 * harness.PATIENCE)
            for check in ([], ["--check"])]
    for done in said:
        assert (done.returncode, done.stdout) == (2, "")
        assert re.search(place, done.stderr, re.MULTILINE), done.stderr
        assert str(tmp_path / "its.secret") in done.stderr and told in done.stderr
    assert said[0].stderr == said[1].stderr


# --- the log ---

def test_no_log_has_a_secret_a_proof_or_a_ticket(run):
    """Plain hops, because there the tunnels see what may not be in any log."""
    e2e_key = hashlib.sha256(b"end to end").hexdigest()
    e2e = {"key_file": secret("logged.e2e", e2e_key)}
    proxy = run.proxy({"auth": {"keys": [key("a", out=["t"]), key("b", **{"in": ["t"]})]}})
    tunnels = [run.own(Tunnel(proxy.port())) for _ in range(2)]
    secure_network = {"server_host": "127.0.0.1", "topic": "t", "e2e": e2e}
    out = run.out(proxy, {}, {**own_key("a"), "networks": [
        {**secure_network, "server_port": tunnels[0].port, "backend_host": "127.0.0.1",
         "backend_port": echo_server(run).port}]})
    out.wait_event("registered")
    in_, wrong = (run.in_(proxy, [], {**own_key("b", secret_of), "networks": [
        {**secure_network, "server_port": tunnels[1].port, "port": 0}]})
        for secret_of in ("b", "wrong"))
    with connect(in_.port()) as client:
        expect_echo(client)
    assert outcome(wrong, "t") == "denied"
    programs = [proxy, out, in_, wrong]
    for program in programs:
        assert program.stop() == 0
    travelled = b"".join(tunnel.everything() for tunnel in tunnels).decode(errors="replace")
    seen = re.findall(r'"(?:proof|ticket)":"([0-9a-f]+)"', travelled)
    assert len(seen) >= 4  # proofs of out, in and wrong, a ticket
    for text in (*SECRETS.values(), e2e_key):
        seen += [text, text.encode().hex(), base64.b64encode(text.encode()).decode().rstrip("=")]
    logs = "".join(program.tail(100_000) for program in programs)
    assert "registered" in logs
    assert [text for text in seen if text in logs] == []
    assert [text for text in SECRETS.values() if text in travelled] == []


@pytest.mark.parametrize("bind, protection, told", [
    ("0.0.0.0", None, "everybody"), ("127.0.0.1", None, None), ("0.0.0.0", "auth", "TLS is off"),
    ("0.0.0.0", "client_ca", None), ("0.0.0.0", "tls", "everybody")])
def test_a_proxy_that_everybody_may_use_says_so_once(run, bind, protection, told):
    config = {"auth": {"auth": {"keys": [key("a", out=["t"])]}}, "tls": {"tls": proxy_tls()},
              "client_ca": {"tls": proxy_tls(client_ca=str(certificates() / "ca.crt"))}}
    proxy = run.proxy({"bind": bind, **config.get(protection, {})})
    proxy.port()
    assert proxy.stop() == 0
    warnings = [line for line in proxy.events if line["level"] == "warning"]
    assert [line["event"] for line in warnings] == ["configuration"] * (told is not None)
    assert all(told in line["reason"] for line in warnings)
