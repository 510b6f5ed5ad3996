"""A proof of identity is worth something on one kind of connection, on one connection and for one
request; a ticket for who it was given to; and a certificate's name says of which kind it is."""
import ssl
import threading

import pytest

import harness
import secure
from attack import (ask, client_context, code_of, dial, holder, key_entry, protected_chain, proven,
                    request)
from harness import expect_echo, expect_failed_open, wait_for
from test_tls import issue

pytestmark = pytest.mark.plain_only  # keys are configured here

NO_EMS = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET, which Python has no name for


def say(proxy, kind, payload, tls=None):
    with dial(proxy, tls=tls) as s:
        return ask(s, kind, payload)


def proxy_with_keys(run, **auth):
    return run.proxy({"auth": {"keys": [key_entry()], **auth}})


@pytest.mark.parametrize("kind", ["OutRequest", "InWarmRequest"])
def test_a_program_of_the_last_release_is_let_in_with_one_warning(run, kind):
    proxy = proxy_with_keys(run)
    for _ in range(3):
        assert code_of(say(proxy, kind, proven(kind, request(kind), version=1))) is None
    assert proxy.wait_event("old proof")["identity"] == "key site"
    for _ in range(3):
        assert code_of(say(proxy, kind, proven(kind, request(kind)))) is None
    assert len(proxy.find("old proof")) == 1


def test_old_proofs_can_be_refused_and_then_the_peer_is_told_why(run):
    proxy = proxy_with_keys(run, proof_1="refuse")
    answer = say(proxy, "OutRequest", proven("OutRequest", request("OutRequest"), version=1))
    assert code_of(answer) == "denied" and "version 1" in answer["message"]
    # who does not know the secret learns nothing of that
    wrong = proven("OutRequest", request("OutRequest"), version=1, secret="wrong" * 4)
    assert say(proxy, "OutRequest", wrong)["message"].startswith("not permitted: wrong secret")
    assert code_of(say(proxy, "OutRequest", proven("OutRequest", request("OutRequest")))) is None


def both_versions(kind, payload):
    """What our in and out send, for proxies of the last release as well."""
    first = proven(kind, payload, version=1)["ext"]
    second = proven(kind, payload, time_ms=first["time"])["ext"]
    return {**payload, "ext": {**first, **second}}


def test_what_is_left_of_a_used_proof_of_two_versions_is_no_second_one(run):
    proxy = proxy_with_keys(run)
    payload = both_versions("OutRequest", request("OutRequest"))
    assert code_of(say(proxy, "OutRequest", payload)) is None
    for name in ("proof", "proof2"):
        left = {k: v for k, v in payload["ext"].items() if k != name}
        assert code_of(say(proxy, "OutRequest", {**payload, "ext": left})) == "denied"


@pytest.mark.parametrize("kind, change", [
    ("OutRequest", {"heartbeat_timeout": 600_000}), ("InRequest", {"client": "192.0.2.9:9"}),
    ("InRequest", {"e2e": 1}), ("InRequest", {"id": "f" * 16})])
def test_everything_that_a_first_message_says_is_proven(run, kind, change):
    proxy = proxy_with_keys(run)
    members = ({"heartbeat_timeout": 20_000} if kind == "OutRequest" else
               {"id": "0" * 16, "client": "192.0.2.1:1"})
    payload = proven(kind, request(kind, **members))
    changed = {**payload, "ext": {**payload["ext"], **change}}
    assert say(proxy, kind, changed)["message"].startswith("not permitted: wrong secret")
    assert code_of(say(proxy, kind, payload)) in (None, "no_topic")


# --- TLS 1.2 without extended master secret: somebody in between can make two alike ---

def weak(context):
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= NO_EMS
    return context


@pytest.mark.parametrize("program", ["in", "out"])
def test_nothing_is_said_where_a_proof_would_not_be_bound(run, program):
    """By a proxy that has the right certificate, and would use what it gets elsewhere."""
    ca = secure.certificates()
    context = weak(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.load_cert_chain(ca / "localhost.crt", ca / "localhost.key")
    shaken, said = threading.Event(), []

    def catch(s):
        s = context.wrap_socket(s, server_side=True)
        shaken.set()
        said.append(s.recv(4096))
    impostor = run.own(harness.Server(catch))
    if program == "out":
        peer = run.out(impostor.port, {"t": 1}, holder())
        told = peer.wait_event("not registered")["reason"]
    else:
        peer = run.in_(impostor.port, ["t"], holder())
        expect_failed_open(peer.port())
        told = peer.wait_event("open_failed", code="proxy_unreachable")["detail"]
    assert "extended master secret" in told and "TLS 1.3" in told
    wait_for(shaken.is_set, what="handshake")  # it was not TLS that failed
    assert not any(said)


@pytest.mark.parametrize("who", ["key", "certificate"])
def test_the_proxy_recognises_nobody_there(run, who):
    chain = protected_chain(run, tls={**secure.proxy_tls(
        client_ca=str(secure.certificates() / "ca.crt")), "min_version": "1.2"})
    context = weak(client_context("out"))
    payload = request("OutRequest", "t")
    if who == "key":
        payload = proven("OutRequest", payload, channel="tls")
    assert say(chain.proxy, "OutRequest", payload, context)["message"].startswith("not permitted over TLS 1.2")
    assert "RFC 7627" in chain.proxy.wait_event("denied")["reason"]
    context.options &= ~NO_EMS  # with it the certificate is somebody
    assert code_of(say(chain.proxy, "OutRequest", request("OutRequest", "t"), context)) is None


# --- tickets ---

def test_a_ticket_is_of_use_to_who_it_was_given_to_and_to_nobody_else(run):
    """With the certificate of `in`, which may do something here as well, but not this."""
    certs = [{"name": name, "in": ["#"], "out": ["#"]} for name in ("in", "out")]
    chain = protected_chain(run, auth={"keys": [key_entry()], "certs": certs})
    own, other = client_context("out"), client_context("in")
    with dial(chain.proxy, tls=own) as control:
        ticket = ask(control, "OutRequest", request("OutRequest", "t"))["ext"]["ticket"]

        def park(tls):
            return code_of(say(chain.proxy, "OutDataRequest",
                               request("OutDataRequest", "t", ticket=ticket), tls))
        assert [park(other), park(own), park(other)] == ["denied", None, "denied"]
    with chain.connect() as client:
        expect_echo(client)


# --- ALPN ---

def test_our_programs_offer_the_protocol_and_the_proxy_selects_it(run):
    chain = protected_chain(run)
    context = client_context("out")
    context.set_alpn_protocols(["h2", "inout/1"])
    with dial(chain.proxy, tls=context) as s:
        assert s.selected_alpn_protocol() == "inout/1"
        assert code_of(ask(s, "OutRequest", request("OutRequest", "t"))) is None
    offered = []
    ca = secure.certificates()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(ca / "localhost.crt", ca / "localhost.key")
    server.set_alpn_protocols(["inout/1"])
    impostor = run.own(harness.Server(lambda s: offered.append(
        server.wrap_socket(s, server_side=True).selected_alpn_protocol())))
    run.out(impostor.port, {"t": 1}, holder())
    wait_for(lambda: offered, what="handshake")
    assert offered[0] == "inout/1"


def test_who_offers_another_protocol_is_told_so_and_who_offers_none_is_served(run):
    chain = protected_chain(run)
    context = client_context("out")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with pytest.raises(ssl.SSLError, match="(?i)no application protocol"):
        with dial(chain.proxy, tls=context) as s:
            s.recv(1)
    answer = say(chain.proxy, "OutRequest", request("OutRequest", "t"), client_context("out"))
    assert code_of(answer) is None


# --- names of certificates ---

@pytest.mark.parametrize("names, entry, code", [
    ("DNS:site-a", "site-a", None), ("DNS:site-a", "dns:site-a", None),
    ("DNS:site-a", "cn:site-a", "denied"), ("DNS:site-a", "email:site@a", "denied"),
    ("email:ops@example.com", "email:ops@example.com", None),
    ("email:ops@example.com", "ops@example.com", None),
    ("email:ops@example.com", "cn:ops@example.com", "denied"),
    ("URI:spiffe://td/a", "uri:spiffe://td/a", None), ("URI:spiffe://td/a", "spiffe://td/a", None),
    ("URI:mailto:ops@example.com", "email:ops@example.com", "denied"),
    (None, "ops@example.com", "denied"), (None, "cn:ops@example.com", None)])
def test_a_name_of_one_kind_is_never_taken_for_another(run, names, entry, code):
    """Without other names it is a CN, which is ops@example.com here."""
    tag = (names or "cn").replace(":", "-").replace("/", "-").replace("@", "-")
    own = issue(f"named-{tag}", "in", "ops@example.com", f"subjectAltName={names}" if names else "")
    context = client_context()
    context.load_cert_chain(own["cert"], own["key"])
    proxy = run.proxy({"tls": secure.proxy_tls(client_ca=str(secure.certificates() / "ca.crt")),
                       "auth": {"certs": [{"name": entry, "out": ["t"]}]}})
    assert code_of(say(proxy, "OutRequest", request("OutRequest", "t"), context)) == code
