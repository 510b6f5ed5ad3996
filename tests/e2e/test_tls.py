"""TLS between in, out and proxy on the proxy's one port: who gets through, who is told what, and
that streams live and end through it as they do without."""
import functools
import os
import random
import socket
import ssl
import struct
import subprocess
import time

import pytest

import secure
from harness import (PATIENCE, TWO_THREADS, Server, connect, echo, echo_server, expect_echo,
                     expect_failed_open, read_exactly, read_to_end, reset, wait_for)
from legacy import LegacyIn, LegacyOut
from peers import exchange
from secure import certificates, client_tls, pin, proxy_tls
from test_displace import (  # noqa: F401
    test_new_streams_go_to_the_newer_out_and_running_ones_stay,
    test_the_displaced_out_serves_again_as_soon_as_the_holder_has_ended, two)
from test_drain import (  # noqa: F401
    test_drain_timeout_ends_the_rest_by_rst,
    test_running_streams_go_on_new_ones_are_refused_and_the_last_end_is_the_programs)
from test_ends import (  # noqa: F401
    directed, pair, test_a_reset_amid_megabytes_loses_only_what_was_not_acknowledged,
    test_a_reset_is_carried_as_a_reset,
    test_a_reset_reaches_a_side_that_is_blocked_by_back_pressure,
    test_all_bytes_acknowledged_before_a_reset_are_delivered_before_it,
    test_half_close_is_kept)
from test_warm_in import ONE_WORKER, SPARES, serve_one, wait_spares
from tunnel import PLACES, TappedStream, Tunnel
from wan import Wan

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves
MEGABYTE = 1 << 20


@pytest.fixture
def run(run, monkeypatch):
    """Every program speaks mutual TLS unless a test gives it another `tls`. So the tests of other
    files that are imported here hold through TLS too."""
    monkeypatch.setattr(secure, "TLS", True)
    return run


@functools.cache
def issue(name, key, subject, extensions="", ca="ca", days=1):
    """NAME.crt for an existing key of the tests' CA, where certs.sh would not make such a one."""
    folder = certificates()
    request = subprocess.run(["openssl", "req", "-new", "-key", folder / f"{key}.key",
                              "-subj", f"/CN={subject}"], check=True, capture_output=True)
    (folder / f"{name}.ext").write_text(extensions)
    signer = (["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key"] if ca
              else ["-signkey", folder / f"{key}.key"])
    subprocess.run(["openssl", "x509", "-req", *signer, "-days", str(days), "-extfile",
                    folder / f"{name}.ext", "-out", folder / f"{name}.crt"],
                   input=request.stdout, check=True, capture_output=True)
    return files_of(name, key)


# What `openssl ca` wants to know. The x509 command of OpenSSL 3.5 refuses to look back.
ONCE = """[ca]
default_ca = once
[once]
new_certs_dir = {folder}
database = {folder}/index
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
"""


@functools.cache
def issue_expired(name, key, subject, extensions=""):
    """The same for one that was valid on the first day of 2020."""
    folder = certificates()
    (folder / f"{name}.ext").write_text(extensions)
    (folder / f"{name}.cnf").write_text(ONCE.format(folder=folder))
    (folder / "index").write_text("")
    request = folder / f"{name}.csr"
    subprocess.run(["openssl", "req", "-new", "-key", folder / f"{key}.key", "-subj",
                    f"/CN={subject}", "-out", request], check=True, capture_output=True)
    subprocess.run(["openssl", "ca", "-batch", "-notext", "-config", folder / f"{name}.cnf",
                    "-cert", folder / "ca.crt", "-keyfile", folder / "ca.key", "-in", request,
                    "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-extfile",
                    folder / f"{name}.ext", "-out", folder / f"{name}.crt"],
                   check=True, capture_output=True)
    return files_of(name, key)


def files_of(name, key):
    folder = certificates()
    return {"cert": str(folder / f"{name}.crt"), "key": str(folder / f"{key}.key")}


def expired():
    return issue_expired("expired", "localhost", "localhost",
                         "subjectAltName=DNS:localhost,IP:127.0.0.1")


def self_signed():
    return issue("self-signed", "localhost", "anything", ca=None)


def for_clients():
    return {key: proxy_tls()[key].replace("localhost", "in") for key in ("cert", "key")}


def own_certificate(name):
    return {"cert": str(certificates() / f"{name}.crt"), "key": str(certificates() / f"{name}.key")}


def expect_strangers(proxy, out, in_, told):
    """Neither gets anything, each has the reason in its log, and out goes on trying."""
    expect_failed_open(in_.port())
    failure = in_.wait_event("open_failed", code="proxy_unreachable")
    for reason in (failure["detail"], out.wait_event("not registered")["reason"]):
        assert told in reason
    wait_for(lambda: proxy.status()["refused_total"] >= 4, what="further attempts of out")
    assert not proxy.find("registered")


# --- one port ---

NOBODY = "not permitted: no key or certificate was shown"
KINDS = {"off": {"plain", "0.0.1"}, "optional": {"TLS", "plain", "0.0.1"}, "required": {"TLS"}}
TOLD = {"off": "TLS: ", "required": "demands TLS"}


@pytest.mark.parametrize("mode", KINDS)
def test_plain_and_tls_peers_share_the_port_as_its_mode_says(run, monkeypatch, mode):
    proxy = run.proxy({"tls": proxy_tls(mode=mode)})
    backend = echo_server(run).port
    outs, ins = {}, {}
    for kind in ("TLS", "plain"):
        monkeypatch.setattr(secure, "TLS", kind == "TLS")
        outs[kind] = run.out(proxy, {kind: backend})
        ins[kind] = run.in_(proxy, KINDS["optional"])
    run.own(LegacyOut(proxy.port(), {"0.0.1": backend}))
    for topic in KINDS[mode]:
        proxy.wait_event("registered", topic=topic, tls="yes" if topic == "TLS" else "no")
    for topic in KINDS[mode]:
        ports = {kind: in_.port(topic=topic) for kind, in_ in ins.items()}
        ports["0.0.1"] = run.own(LegacyIn(proxy.port(), topic)).port()
        for kind, port in ports.items():
            if kind in KINDS[mode]:
                with connect(port) as client:
                    expect_echo(client)
            elif kind == "0.0.1":
                with connect(port) as client:
                    assert client.recv(1) == b""
            else:
                expect_failed_open(port)
                assert TOLD[mode] in ins[kind].wait_event("open_failed", topic=topic)["detail"]
    for kind in outs.keys() - KINDS[mode]:
        assert TOLD[mode] in outs[kind].wait_event("not registered")["reason"]
    for kind in KINDS[mode]:
        proxy.wait_event("registered", topic=kind)
    assert {line["topic"] for line in proxy.find("registered")} == KINDS[mode]


# --- whom in and out trust ---

REFUSED = {  # the proxy's certificate, what in and out trust, what they say of it
    "other CA": (None, lambda: {"ca": str(certificates("other") / "ca.crt")}, "issuer"),
    "other name": (None, lambda: client_tls(server_name="elsewhere.example"), "hostname mismatch"),
    "other address": (None, lambda: client_tls(server_name="127.0.0.2"), "IP address mismatch"),
    "expired": (expired, client_tls, "expired"),
    "no server": (for_clients, lambda: client_tls(server_name="in"), "purpose"),
    "self-signed": (self_signed, client_tls, "self-signed"),
    "other pin": (None, lambda: {"pin": pin("in")}, "pin"),
    "pin of another CA's": (None, lambda: {"ca": str(certificates("other") / "ca.crt"),
                                           "pin": pin()}, "issuer"),
    "other pin of our CA's": (None, lambda: client_tls(pin=pin("in")), "pin"),
    "the system's CAs": (None, dict, "issuer"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_proxy_that_is_not_the_right_one_gets_nothing(run, case):
    cert, tls, told = REFUSED[case]
    proxy = run.proxy({"tls": {**proxy_tls(), **(cert() if cert else {})}})
    trust = {"tls": tls()}
    expect_strangers(proxy, run.out(proxy, {"t": 1}, trust), run.in_(proxy, ["t"], trust), told)
    assert "alert" in proxy.wait_event("first message refused")["reason"]


ACCEPTED = {
    "address": (None, client_tls),
    "server_name": (None, lambda: client_tls(server_name="localhost")),
    "self-signed by pin": (self_signed, lambda: {"pin": pin()}),
    "expired by pin": (expired, lambda: {"pin": pin()}),
    "CA and pin": (None, lambda: client_tls(pin=pin())),
    "self-signed as CA": (self_signed, lambda: {"ca": self_signed()["cert"],
                                                "server_name": "anything"}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_right_proxy_is_known_by(run, case):
    cert, tls = ACCEPTED[case]
    trust = {"tls": tls()}
    chain = run.chain(echo_server(run).port, in_=trust, out=trust,
                      proxy={"tls": {**proxy_tls(), **(cert() if cert else {})}})
    with chain.connect() as client:
        expect_echo(client)


@pytest.mark.parametrize("serve, told", [(lambda s: s.recv(65536) and s.recv(1), "in time"),
                                         (lambda s: s.sendall(b"SSH-2.0-x\r\n"), "speaks no TLS")],
                         ids=["silent", "talks something else"])
def test_a_server_that_does_not_shake_hands_ends_the_open_in_time(run, serve, told):
    port = run.own(Server(serve)).port
    config = {"connect_timeout": 500}
    out, in_ = run.out(port, {"t": 1}, config), run.in_(port, ["t"], config)
    expect_failed_open(in_.port(), timeout=5)
    assert told in in_.wait_event("open_failed", code="proxy_unreachable")["detail"]
    assert told in out.wait_event("not registered")["reason"]


# --- whom the proxy trusts ---

@pytest.mark.parametrize("own, told, known", [
    (dict, "certificate required", "did not return a certificate"),
    (lambda: {key: path.replace("/ca/", "/other/") for key, path in own_certificate("in").items()},
     "unknown ca", "issuer"),
    (lambda: issue_expired("old", "in", "in"), "expired", "expired"),
    (lambda: own_certificate("localhost"), "certificate", "purpose")],
    ids=["none", "of another CA", "expired", "of a server"])
def test_a_client_without_a_certificate_of_the_ca_gets_nothing(run, own, told, known):
    certificates("other")
    proxy = run.proxy()
    config = {"tls": {**client_tls(), **own()}}
    out, in_ = run.out(proxy, {"t": 1}, config), run.in_(proxy, ["t"], config)
    expect_strangers(proxy, out, in_, told)
    assert known in proxy.wait_event("first message refused")["reason"]


def test_where_certificates_are_demanded_plain_peers_may_do_nothing(run, monkeypatch):
    proxy = run.proxy({"tls": proxy_tls(mode="optional",
                                        client_ca=str(certificates() / "ca.crt"))})
    monkeypatch.setattr(secure, "TLS", False)
    out, in_ = run.out(proxy, {"t": 1}), run.in_(proxy, ["t"])
    expect_failed_open(in_.port())
    assert in_.wait_event("open_failed", code="denied")["detail"] == NOBODY
    assert out.wait_event("not registered")["reason"] == NOBODY


# --- streams (the ends of streams are those of test_ends, imported above) ---

def test_bulk_in_both_directions_at_once_keeps_every_byte(run):
    chain = run.chain(echo_server(run).port)
    data = os.urandom(MEGABYTE) * 64
    with chain.connect() as client:
        assert exchange(client, data) == data
    chain.wait_idle()


def test_thousands_of_small_messages_arrive_as_they_were_sent(run):
    chain = run.chain(echo_server(run).port)
    sizes = random.Random(1)
    messages = [os.urandom(sizes.randrange(1, 60)) for _ in range(3000)]
    with chain.connect() as client:
        for message in messages[:1000]:
            expect_echo(client, message)
        for message in messages[1000:]:
            client.sendall(message)
        assert read_exactly(client, sum(map(len, messages[1000:]))) == b"".join(messages[1000:])


def test_two_hundred_streams_at_once_do_not_mix(run):
    chain = run.chain(echo_server(run).port)
    clients = [chain.connect() for _ in range(200)]
    data = [os.urandom(20_000) for _ in clients]
    for client, mine in zip(clients, data):
        client.sendall(mine)
        client.shutdown(socket.SHUT_WR)
    assert all(read_to_end(client) == mine for client, mine in zip(clients, data))
    for client in clients:
        client.close()
    chain.wait_idle()
    assert not chain.in_.find("open_failed")


@pytest.mark.parametrize("place", PLACES)
def test_a_leg_that_ends_without_close_notify_is_a_reset_at_both_ends(run, place):
    stream = TappedStream(run, place)
    stream.cut()
    for end in stream.ends:
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    in_, proxy, out = stream.programs
    for program in (in_ if place == PLACES[0] else out, proxy):
        assert "cut without close_notify" in program.wait_event("stream")["reason"]


# --- handshakes ---

def half_of_a_handshake():
    """(the beginning of a ClientHello, a whole one)."""
    sent = ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="x")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    whole = sent.read()
    return whole[:100], whole


def test_clients_that_stall_in_their_handshake_delay_nobody(run):
    patient = {"threads": 1, "tls_timeout": 600_000, "handshake_timeout": 600_000}
    chain = run.chain(echo_server(run).port, proxy=patient)
    stalled = [run.own(connect(chain.proxy.port())) for _ in range(100)]
    hellos = half_of_a_handshake()
    for number, s in enumerate(stalled):
        s.sendall(hellos[number % 2])
    for s in stalled[1::2]:
        assert s.recv(1) == b"\x16"  # it is the client's turn again
    for number in range(10):
        start = time.monotonic()
        with chain.connect() as client:
            expect_echo(client)
        assert time.monotonic() - start < 5 * PATIENCE
    assert chain.proxy.status()["sockets"] >= 100
    run.out(chain.proxy, {"new": 1}).wait_event("registered", timeout=5)


def resumes(server_hello):
    """Whether it has pre_shared_key, extension 41 (RFC 8446, 4.1.3 and 4.2.11)."""
    assert (server_hello[0], server_hello[5]) == (22, 2)
    at = 5 + 4 + 2 + 32
    at += 1 + server_hello[at] + 3
    end = at + 2 + int.from_bytes(server_hello[at:at + 2], "big")
    at += 2
    kinds = set()
    while at < end:
        kind, size = struct.unpack_from("!HH", server_hello, at)
        kinds.add(kind)
        at += 4 + size
    return 41 in kinds


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["FIN", "RST"])
def test_all_connections_but_the_first_resume_its_session(run, end):
    """However the streams before have ended."""
    proxy = run.proxy()
    to_out, to_in = run.own(Tunnel(proxy.port())), run.own(Tunnel(proxy.port()))
    out = run.out(to_out.port, {"t": echo_server(run).port})
    out.wait_event("registered")
    in_ = run.in_(to_in.port, ["t"])
    expect_echo(client := connect(in_.port()))
    end(client)
    for program in (in_, out):
        program.wait_event("stream")
    # More streams at a time than there are connections.
    for client in [run.own(connect(in_.port())) for _ in range(6)]:
        expect_echo(client)
    wait_for(lambda: len(to_out.lines) >= 6 and all(line.down for line in to_out.lines),
             what="data connections")
    for tunnel in (to_out, to_in):
        first, *others = [resumes(line.down) for line in tunnel.lines]
        assert not first
        assert len(others) >= 3 and all(others)


def test_a_large_certificate_is_no_hindrance_to_what_resumes_its_session(run):
    """It is part of the ticket, and so of a ClientHello that is larger than others."""
    names = ",".join(f"DNS:{i:03}.a-branch-of-a-large-site.example.com" for i in range(100))
    tls = {"tls": client_tls(**issue("large", "in", "in", f"subjectAltName={names}"))}
    proxy = run.proxy()
    to_out = run.own(Tunnel(proxy.port()))
    run.out(to_out.port, {"t": echo_server(run).port}, tls).wait_event("registered")
    in_ = run.in_(proxy, ["t"], tls)
    for client in [run.own(connect(in_.port())) for _ in range(6)]:
        expect_echo(client)
    wait_for(lambda: len(to_out.lines) > 5 and all(each.down for each in to_out.lines), what="six")
    assert all(resumes(line.down) for line in to_out.lines[1:])


# --- spare connections ---

def test_a_spare_connection_saves_a_client_the_handshakes(run):
    """A dial takes three round trips to the proxy and one from there to out, a spare two in all."""
    round_trip_ms = 100
    wan = Wan(run, delay_ms=round_trip_ms // 2)
    chain = wan.chain(
        wan.server(echo), proxy={"tls": proxy_tls(client_ca=str(certificates() / "ca.crt"))},
        out={"tls": client_tls("out", server_name="localhost"), **TWO_THREADS},
        in_={"tls": client_tls("in", server_name="localhost"), **ONE_WORKER})

    def open_ms(count):
        serve_one(chain)
        wait_spares(chain, SPARES)
        return chain.in_.wait_event("stream", count=count)["open_ms"]
    assert open_ms(1) >= 4 * round_trip_ms
    # the machine may be slow at times, but without a spare none is so fast
    assert any(open_ms(count) < 4 * round_trip_ms for count in range(2, 10))
