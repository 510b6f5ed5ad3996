"""Attacks on TLS: garbage around and inside it, downgrades, cuts, and men in the middle.

A running stream gets its echo all the while (attack.unharmed), and afterwards nothing is left.
"""
import os
import random
import socket
import ssl
import subprocess
import threading

import pytest

import harness
import secure
from attack import (ask, client_context, code_of, dial, ended, holder, protected, protected_chain,
                    proven, request, secret_file, unharmed)
from harness import (connect, echo_server, expect_echo, expect_failed_open, expect_reset,
                     read_exactly, wait_for)
from middle import Held
from peers import encode
from test_hostile import BAD_JSON, BAD_LENGTH, BAD_MESSAGE, refusal
from tunnel import Tunnel

pytestmark = pytest.mark.plain_only  # TLS is configured here

HANDSHAKE = 3000  # ms, for those who only begin; others need it for TLS
RECORD_MAX = 16384


def raw(s):
    """The socket below TLS; s goes on as before."""
    return socket.socket(fileno=os.dup(s.fileno()))


# --- garbage ---

@pytest.mark.parametrize("cases", [BAD_LENGTH, BAD_JSON, BAD_MESSAGE],
                         ids=["lengths", "JSON", "messages"])
def test_a_bad_first_message_inside_tls_ends_its_connection_and_nothing_else(run, cases):
    chain = protected_chain(run, handshake_timeout=HANDSHAKE)
    tls = client_context("out")
    with unharmed(chain):
        for name, data in cases.items():
            with dial(chain.proxy, tls=tls) as s:
                s.sendall(data)
                payload = refusal(ended(s))
            assert payload is None or payload["ext"]["code"] in ("malformed", "no_topic", "denied",
                                                                 "version"), name


def random_first_bytes(generator):
    """Some begin as a TLS record or a ClientHello does."""
    head = generator.choice([b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
                             b"\x17\x03\x03", b"\x15\x03\x03\0\x02", b"\x80\x2e\x01\x03\x01"])
    return head + generator.randbytes(generator.randrange(8, 3000))


def test_random_bytes_instead_of_a_handshake_are_never_answered_with_more_than_an_alert(run):
    chain = protected_chain(run, handshake_timeout=HANDSHAKE)
    generator = random.Random(1)
    with unharmed(chain):
        for _ in range(100):
            with dial(chain.proxy) as s:
                s.sendall(random_first_bytes(generator))
                answer = ended(s)
            assert len(answer) == 0 or answer[0] == 0x15 and len(answer) == 7, answer


def test_random_bytes_between_and_inside_records_end_a_control_connection(run):
    """Behind the handshake, behind a registration, and in the middle of a record."""
    chain = protected_chain(run, handshake_timeout=HANDSHAKE)
    generator = random.Random(2)
    tls = client_context("out")
    with unharmed(chain):
        for head in (b"", b"\x17\x03\x03\x40\0", b"\x16\x03\x03\0\x64", b"\x14\x03\x03\0\x01"):
            for registered in (False, True):
                s = dial(chain.proxy, tls=tls)
                if registered:
                    assert code_of(ask(s, "OutRequest", request("OutRequest"))) is None
                with raw(s) as wire:
                    wire.sendall(head + generator.randbytes(RECORD_MAX + 1000))
                    ended(wire)
                s.close()
        wait_for(lambda: len(chain.proxy.find("unregistered", topic="t")) == 4, what="4 ends")


def test_a_handshake_without_end_is_cut_long_before_its_deadline(run):
    """A ClientHello that says to be 16 MB long, sent as fast as it is taken."""
    chain = protected_chain(run, handshake_timeout=60_000, tls_timeout=60_000)
    record = b"\x16\x03\x01\x40\0"
    with unharmed(chain):
        with dial(chain.proxy) as s:
            sent = 0
            try:
                s.sendall(record + b"\x01\xff\xff\xff\x03\x03" + bytes(RECORD_MAX - 6))
                while sent < 16_000_000:
                    s.sendall(record + bytes(RECORD_MAX))
                    sent += RECORD_MAX
            except OSError:
                pass
            ended(s)
        assert sent < 16_000_000
        refused = chain.proxy.wait_event("first message refused")
        assert refused["reason"].startswith("TLS: ")


def test_handshakes_that_are_left_half_way_cost_nobody_anything(run):
    """A real ClientHello each time, and gone with the answer, or before it."""
    chain = protected_chain(run)
    with unharmed(chain):
        for i in range(300):
            outgoing = ssl.MemoryBIO()
            session = client_context().wrap_bio(ssl.MemoryBIO(), outgoing,
                                                server_hostname="127.0.0.1")
            with pytest.raises(ssl.SSLWantReadError):
                session.do_handshake()
            with dial(chain.proxy) as s:
                s.sendall(outgoing.read())
                if i % 2:
                    assert s.recv(5)[0] == 0x16
                harness.reset(s)


# --- downgrades ---

def versions(context, minimum, maximum):
    """Ancient versions have ancient signatures, which OpenSSL 3 must be talked into."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = minimum, maximum
    return context


V = ssl.TLSVersion


@pytest.mark.parametrize("least, refused, taken", [
    ("1.3", [V.TLSv1, V.TLSv1_1, V.TLSv1_2], [V.TLSv1_3]),
    ("1.2", [V.TLSv1, V.TLSv1_1], [V.TLSv1_2, V.TLSv1_3])], ids=["1.3", "1.2"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_versions_below_the_least_are_refused(run, least, refused, taken):
    chain = protected_chain(run)
    tls = {**protected()["tls"], "min_version": least}
    proxy = run.proxy(protected(tls=tls))
    with unharmed(chain):
        for version in refused:
            with pytest.raises(ssl.SSLError, match="(?i)alert protocol version"):
                dial(proxy, tls=versions(client_context("out"), version, version))
        for version in taken:
            with dial(proxy, tls=versions(client_context("out"), version, version)) as s:
                assert code_of(ask(s, "OutRequest", request("OutRequest"))) is None


def test_nobody_in_between_can_talk_in_into_an_older_version(run):
    """He takes 1.3 out of the ClientHello, in front of a proxy that would take 1.2 as well."""
    both, old = b"\0\x2b\0\5\4\3\4\3\3", b"\0\x2b\0\5\4\3\3\3\3"  # supported_versions
    tls = {**protected()["tls"], "min_version": "1.2"}
    chain = protected_chain(run, tls=tls)
    seen = []

    def downgrade(direction, data):
        seen.append(both in data)
        return data.replace(both, old)
    tunnel = run.own(Tunnel(chain.proxy.port(), downgrade))
    in_ = run.in_(tunnel.port, ["default"], holder())
    with unharmed(chain):
        expect_failed_open(in_.port())
        assert any(seen)
        in_.wait_event("open_failed", code="proxy_unreachable")


def test_nothing_is_renegotiated(run):
    """TLS 1.2 has it; openssl(1) asks for it."""
    ca = secure.certificates()
    tls = {**protected()["tls"], "min_version": "1.2"}
    chain = protected_chain(run, tls=tls)
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{chain.proxy.port()}", "-tls1_2",
               "-CAfile", ca / "ca.crt", "-cert", ca / "out.crt", "-key", ca / "out.key"]
    with unharmed(chain):
        done = subprocess.run(command, input="R\n", capture_output=True, text=True,
                              timeout=30 * harness.PATIENCE)
        assert "Protocol  : TLSv1.2" in done.stdout and "RENEGOTIATING" in done.stdout + done.stderr
        assert "no renegotiation" in done.stderr


@pytest.mark.parametrize("kind", ["InRequest", "OutRequest", "OutDataRequest", "InWarmRequest"])
def test_a_plain_peer_is_told_that_tls_is_demanded_and_nothing_else(run, kind):
    """Even with a proof that is right."""
    chain = protected_chain(run, mode="required")
    with unharmed(chain), dial(chain.proxy) as s:
        response = ask(s, kind, proven(kind, request(kind, "default")))
        assert (code_of(response), response["message"]) == ("denied", "this proxy demands TLS")
        assert set(response["ext"]) == {"v", "code"}
        assert ended(s) == b""


@pytest.mark.parametrize("proxy", [{}, {"tls": {"mode": "off"}}], ids=["absent", "off"])
def test_a_tls_peer_gets_no_byte_where_tls_is_off(run, proxy):
    chain = run.chain(echo_server(run).port, proxy=proxy)
    with unharmed(chain):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            dial(chain.proxy, tls=client_context())
        in_ = run.in_(chain.proxy, ["default"], holder())
        expect_failed_open(in_.port())


@pytest.mark.parametrize("answer", [
    b"", encode("Response", {"magic": "0", "request": "InRequest", "message": "", "ext": {"v": 1}}),
    b"\x15\x03\x03\0\x02\x02\x46"], ids=["nothing", "a plain success", "an alert"])
def test_in_and_out_say_nothing_to_who_does_not_speak_tls(run, answer):
    """They never fall back: all that he gets to see are ClientHellos."""
    heard = []

    def strip(s):
        heard.append(s.recv(65536))
        s.sendall(answer)
    impostor = run.own(harness.Server(strip))
    in_ = run.in_(impostor.port, ["secret-topic"], {**holder(), "connect_timeout": 1000})
    run.out(impostor.port, {"secret-topic": 1}, {**holder(), "connect_timeout": 1000})
    expect_failed_open(in_.port())
    wait_for(lambda: len(heard) >= 3, what="attempts of both")
    assert all(data[:3] == b"\x16\x03\x01" and b"secret-topic" not in data for data in heard)


@pytest.mark.parametrize("who", ["nobody", "another CA's out"])
def test_without_a_certificate_of_the_ca_no_message_is_heard(run, who):
    chain = protected_chain(run)
    context = client_context() if who == "nobody" else client_context(
        "out", secure.certificates("another"))
    with unharmed(chain):
        with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
            with dial(chain.proxy, tls=context) as s:
                ask(s, "OutRequest", request("OutRequest"))
        assert not chain.proxy.find("registered", topic="t")


# --- cuts ---

@pytest.fixture(params=["tls", "e2e"])
def protection(request):
    return request.param


@pytest.fixture(params=["in", "out"])
def leg(request):
    return request.param


def test_a_quiet_stream_that_is_cut_by_fin_ends_in_rst_on_both_sides(run, leg, protection):
    """No close_notify came, so it was not the other side that ended."""
    held = Held(run, leg, protection)
    client, backend = held.pair()
    held.tunnel.cut()
    expect_reset(client)
    expect_reset(backend)
    held.wait_idle()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_stream_that_is_cut_by_fin_in_its_middle_never_looks_complete(run, leg, protection,
                                                                       direction):
    """FIN after a megabyte, most likely within a record: the receiver has a part and an RST."""
    held = Held(run, leg, protection)
    client, backend = held.pair()
    sender, receiver = (client, backend) if direction == "up" else (backend, client)
    data = random.Random(3).randbytes(32 << 20)

    def send():
        try:
            sender.sendall(data)
            sender.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    threading.Thread(target=send, daemon=True).start()
    received = bytearray(read_exactly(receiver, 1 << 20))
    held.tunnel.cut()
    with pytest.raises(ConnectionResetError):
        while part := receiver.recv(65536):
            received += part
    assert len(received) < len(data) and data.startswith(received)
    held.wait_idle()


def test_a_changed_byte_ends_the_stream_in_rst_and_is_never_delivered(run, leg, protection):
    change = threading.Event()

    def flip(direction, data):
        if not (change.is_set() and len(data) > 100):
            return data
        at = len(data) // 2
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
    held = Held(run, leg, protection, flip)
    client, backend = held.pair()
    change.set()
    client.sendall(b"a" * 1000)
    expect_reset(backend)
    expect_reset(client)
    held.wait_idle()


# --- a relay that can not be trusted ---

def e2e_chain(run, attack, topics=("one", "two")):
    """in and out with one key for both topics, and somebody who rewrites what in says."""
    e2e = {"e2e": {"key_file": secret_file("fedcba9876543210" * 4)}}
    backends = [run.own(harness.Server(harness.echo)) for _ in topics]
    proxy = run.proxy()
    tunnel = run.own(Tunnel(proxy.port(), attack))
    out = run.program("out", {"networks": [
        {"server_host": "127.0.0.1", "server_port": proxy.port(), "topic": topic,
         "backend_host": "127.0.0.1", "backend_port": backend.port, **e2e}
        for topic, backend in zip(topics, backends)]})
    out.wait_event("registered", count=len(topics))
    in_ = run.program("in", {"networks": [
        {"server_host": "127.0.0.1", "server_port": tunnel.port, "port": 0, "topic": "one",
         **e2e}]})
    return in_, out, backends


@pytest.mark.parametrize("said, instead", [
    (b'"e2e":1', b'"e2x":1'), (b'"type":"one"', b'"type":"two"')],
    ids=["takes the e2e mark away", "crosses topics"])
def test_end_to_end_fails_before_the_backend_is_dialled_when_the_relay(run, said, instead):
    seen = []

    def rewrite(direction, data):
        seen.append(said in data)
        return data.replace(said, instead)
    in_, out, backends = e2e_chain(run, rewrite)
    expect_failed_open(in_.port())
    assert any(seen)
    assert in_.wait_event("open_failed")["code"] == "e2e"
    assert out.wait_event("open_failed")["code"] == "e2e"
    assert not any(backend.connections for backend in backends)
    for program in (in_, out):
        program.wait_idle()


def test_a_relay_that_swaps_two_streams_of_one_key_gives_neither_a_byte_of_the_other(run):
    """A record of the first in place of one of the second makes no sense there."""
    records = []
    capture, replay = threading.Event(), threading.Event()

    def swap(direction, data):
        if direction == "up" and capture.is_set() and len(data) > 1000:
            records.append(data)
            return records[0] if replay.is_set() else data
        return data
    in_, out, backends = e2e_chain(run, swap)
    first, second = (run.own(connect(in_.port())) for _ in range(2))
    for s in (first, second):
        expect_echo(s)
    capture.set()
    expect_echo(first, b"a" * 1000)
    replay.set()
    second.sendall(b"b" * 1000)
    expect_reset(second)
    assert len(records) == 2 and len(records[0]) == len(records[1])
    replay.clear()
    expect_echo(first, b"c" * 1000)
    first.close()
    for program in (in_, out):
        program.wait_idle()
