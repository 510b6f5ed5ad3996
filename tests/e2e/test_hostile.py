"""Strangers, broken peers and attackers: the connection ends, everything else goes on."""
import json
import struct
import time

import pytest

import harness
from attack import drip, ended
from ext_peer import Ask, Control, new_id
from harness import connect, echo_server, read_exactly, wait_for
from peers import FRAME_MAX, VERSION, encode, exchange, read_frame

HANDSHAKE = 1500  # ms
FIRST = {"magic": "00" * 16, "version": VERSION, "type": "t"}


def frame(body):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return struct.pack("<q", len(body)) + body


def first(kind="InRequest", **changes):
    return frame({"Type": kind, "Payload": {**FIRST, **changes}})


def ext(kind="InRequest", **members):
    return first(kind, ext={"v": 1, "id": "00" * 8, **members})


BAD_LENGTH = {name: struct.pack("<q", size) + b"{}" for name, size in {
    "length -1": -1, "length minimum": -2 ** 63, "length maximum": 2 ** 63 - 1, "length 0": 0,
    "length 1": 1, "length 2049": 2049, "length 16385": 16385}.items()}
BAD_JSON = {
    "zeros": bytes(64), "ones": b"\xff" * 64,
    "an HTTP request": b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n", "not JSON": frame(b"hello"),
    "cut JSON": frame(b'{"Type":"InRequest","Payl'), "JSON array": frame(b"[]"),
    "JSON null": frame(b"null"), "two objects": frame(b"{}{}"),
    "deep arrays": frame(b"[" * 2000), "deep objects": frame(b'{"a":' * 400 + b"1" + b"}" * 400),
    "deep ext": first(ext={"v": 1, "x": json.loads("[" * 300 + "]" * 300)}),
    "invalid UTF-8": frame(b'{"Type":"InRequest","Payload":{"magic":"\xff\xfe"}}'),
    "lone surrogate": frame(b'{"Type":"InRequest","Payload":{"magic":"","version":"0.0.1",'
                            b'"type":"\\ud800"}}'),
    "NUL bytes": frame(b'{"Type":"InRequest\\u0000"}' + b"\0" * 8),
}
BAD_MESSAGE = {
    "empty object": frame({}), "no payload": frame({"Type": "InRequest"}),
    "payload is text": frame({"Type": "InRequest", "Payload": "x"}),
    "type is a number": frame({"Type": 1, "Payload": {}}),
    "unknown type": first("Surprise"), "type of another case": first("inrequest"),
    "misplaced Ping": frame({"Type": "Ping", "Payload": {}}),
    "misplaced Response": frame({"Type": "Response", "Payload": {
        "magic": "00", "request": "InRequest", "message": ""}}),
    "misplaced NewDataRequest": first("NewDataRequest"),
    "misplaced DataActiveRequest": first("DataActiveRequest"),
    "misplaced Notice": frame({"Type": "Notice", "Payload": {"code": "draining", "message": ""}}),
    "magic is a number": first(magic=1), "magic is missing": frame({
        "Type": "InRequest", "Payload": {"version": VERSION, "type": "t"}}),
    "magic that grows in JSON": first(type="nobody", magic="\x01" * 128),
    "endless magic": first(magic="0" * 1500), "topic is null": first(type=None),
    "empty topic": first(type=""), "topic of 256 bytes": first(type="t" * 256),
    "topic with a line end": first(type="a\nb"), "topic with an escape": first(type="\x1b[31m"),
    "ext is text": first(ext="v1"), "ext without v": first(ext={}),
    "ext v is 0": first(ext={"v": 0}), "ext v is text": first(ext={"v": "1"}),
    "id is not hex": ext(id="../../etc/passwd"), "id is a list": ext(id=[1]),
    "id is endless": ext(id="0" * 1000), "client with a line end": ext(client="1.2.3.4:5\nforged"),
    "instance is a number": first("OutRequest", ext={"v": 1, "instance": 7}),
    "mode is unknown": first("OutRequest", ext={"v": 1, "instance": "00", "mode": "boss"}),
    "heartbeat is text": first("OutRequest", ext={"v": 1, "instance": "00",
                                                  "heartbeat_timeout": "1"}),
    "ticket is an object": first("OutDataRequest", ext={"v": 1, "ticket": {}}),
    "data connection for nobody": first("OutDataRequest", type="nobody"),
}
BAD_VERSION = {f"{kind} of version {version!r}": first(kind, version=version)
               for kind in ("InRequest", "OutRequest", "OutDataRequest")
               for version in ("0.0.2", "", "0.0.1 ")}


class System:
    """A chain with one running stream, which every test leaves as it was."""

    def __init__(self, run):
        self.chain = run.chain(echo_server(run).port, proxy={"handshake_timeout": HANDSHAKE})
        self.proxy = self.chain.proxy
        self.client = connect(self.chain.port)
        self.check_stream()
        self.baseline = self.settled()

    def check_stream(self):
        assert exchange(self.client, b"unharmed") == b"unharmed"

    def settled(self):
        """The proxy's sockets beside its pool, once that is full again."""
        wait_for(lambda: self.proxy.status()["parked"] >= 2, what="full pool")
        return self.unparked()

    def unparked(self):
        status = self.proxy.status()
        return status["sockets"] - status["parked"] - status["warm"]

    def check_unharmed(self):
        self.check_stream()
        with connect(self.chain.port) as client:
            assert exchange(client, b"new one") == b"new one"
        wait_for(lambda: self.unparked() <= self.baseline, what="closed sockets")
        assert self.proxy.status()["streams"] == 1


@pytest.fixture
def system(run):
    system = System(run)
    yield system
    system.check_unharmed()
    system.client.close()
    system.chain.wait_idle()


def answer_and_end(port, data, timeout=5):
    """What the proxy answers to these first bytes, up to the end, which must come in time."""
    with connect(port, timeout) as s:
        s.sendall(data)
        return ended(s)


def refusal(answer):
    """The payload of the one Response that a refusal may carry; None for a silent end."""
    if not answer:
        return None
    size, = struct.unpack_from("<q", answer)
    assert len(answer) == 8 + size <= FRAME_MAX, answer
    message = json.loads(answer[8:])
    assert message["Type"] == "Response"
    return message["Payload"]


# --- first messages at the proxy ---

@pytest.mark.parametrize("group", ["lengths", "JSON", "messages"])
def test_a_bad_first_message_ends_its_connection_and_nothing_else(system, group):
    """All of a group one after the other, each closed before the handshake's deadline unless it
    only looks like a frame that has yet to come."""
    cases = {"lengths": BAD_LENGTH, "JSON": BAD_JSON, "messages": BAD_MESSAGE}[group]
    for name, data in cases.items():
        payload = refusal(answer_and_end(system.proxy.port(), data))
        if payload is not None:
            assert payload["message"], name
            assert payload["ext"]["code"] in ("malformed", "no_topic", "denied"), name


@pytest.mark.parametrize("data", BAD_VERSION.values(), ids=BAD_VERSION)
def test_another_version_is_refused_with_its_code(system, data):
    payload = refusal(answer_and_end(system.proxy.port(), data))
    assert payload["message"] != "" and payload["ext"]["code"] == "version"


@pytest.mark.parametrize("sent", [b"", b"\x20", struct.pack("<q", 200),
                                  struct.pack("<q", 200) + b"{"],
                         ids=["nothing", "one byte", "a header", "half a frame"])
def test_a_silent_first_message_ends_at_the_handshake_deadline(system, sent):
    start = time.monotonic()
    answer_and_end(system.proxy.port(), sent)
    assert 0.8 * HANDSHAKE / 1000 <= time.monotonic() - start < 5 * harness.PATIENCE


def test_a_dripping_first_message_does_not_move_the_deadline(system):
    with connect(system.proxy.port()) as s:
        assert drip(s, first("InRequest", type="x" * 200)) < 5 * harness.PATIENCE


def test_a_frame_in_single_bytes_is_understood(system):
    with connect(system.proxy.port()) as s:
        for byte in first(type="nobody"):
            s.sendall(bytes([byte]))
        kind, payload = read_frame(s)
    assert (kind, payload["request"], payload["ext"]["code"]) == ("Response", "InRequest",
                                                                  "no_topic")


def test_many_silent_strangers_do_not_keep_a_client_waiting(run, system):
    strangers = [run.own(connect(system.proxy.port())) for _ in range(300)]
    with connect(system.chain.port) as client:
        assert exchange(client, b"served") == b"served"
    for stranger in strangers:
        stranger.settimeout(10 * harness.PATIENCE)
        assert ended(stranger) == b""


# --- after the first message ---

@pytest.mark.parametrize("data", [b"\xff" * 32, frame(b"hello"), first("InRequest"),
                                  struct.pack("<q", 16385)],
                         ids=["garbage", "not JSON", "an InRequest", "an oversized frame"])
def test_garbage_on_a_control_connection_ends_that_registration(run, system, data):
    control = Control(run, system.proxy, "t")
    control.wait_asked(1)
    control.sock.sendall(data)
    system.proxy.wait_event("unregistered", topic="t")
    assert Ask(run, system.proxy, "t").response()["ext"]["code"] == "no_topic"


def test_bytes_on_a_parked_connection_drop_it(run, system):
    """Nothing may be said there before the activation: a talker is not what it claims."""
    control = Control(run, system.proxy, "t")
    control.wait_asked(2)
    data = control.park()
    data.sock.sendall(b"too early")
    assert data.ended()
    control.wait_asked(3)
    control.sock.close()


def test_a_flood_of_pings_is_answered_or_ended_but_harms_nobody(run, system):
    control = Control(run, system.proxy, "t")
    control.sock.settimeout(2)
    try:
        for _ in range(2000):
            control.send("Ping")
    except OSError:
        pass  # ended, or stopped by back-pressure as nobody reads the Pongs
    system.check_stream()
    control.reset()
    system.proxy.wait_event("unregistered", topic="t")


def test_bytes_sent_behind_a_request_reach_the_backend(run, system):
    """0.0.1 leaves them in the kernel's buffer; we may have read them with the frame."""
    with connect(system.proxy.port()) as s:
        s.sendall(first(type="default") + b"right behind")
        assert read_frame(s)[1]["message"] == ""
        assert read_exactly(s, 12) == b"right behind"


def test_an_in_that_never_reads_its_answer_and_leaves_does_no_harm(run, system):
    for _ in range(50):
        Ask(run, system.proxy, "default").reset()


# --- hostile proxies ---

def hostile_proxy(run, answers):
    """Answers the first message of every connection with these bytes, then reads on."""
    def serve(s):
        read_frame(s)
        s.sendall(answers)
        while s.recv(65536):
            pass
        s.close()
    return run.own(harness.Server(serve))


def response(**changes):
    return encode("Response", {"magic": "00", "request": "InRequest", "message": "", **changes})


HOSTILE_ANSWERS = {
    "garbage": b"\xff" * 64, "negative length": struct.pack("<q", -1) + b"x" * 64,
    "oversized": struct.pack("<q", 1 << 40), "not JSON": frame(b"hello"),
    "a request": first("InRequest"), "a foreign answer": response(request="Ping"),
    "a refusal full of escapes": response(message="\x1b[2J\nforged" * 20),
    "an endless refusal": response(message="x" * 10000),
}


@pytest.mark.parametrize("answer", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
def test_in_resets_its_client_when_the_proxy_talks_nonsense(run, answer):
    in_ = run.in_(hostile_proxy(run, answer).port, ["t"])
    harness.expect_failed_open(in_.port())
    in_.wait_event("open_failed", topic="t")
    in_.wait_idle()


@pytest.mark.parametrize("answer", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)
def test_out_goes_on_trying_when_the_proxy_talks_nonsense(run, answer):
    proxy = hostile_proxy(run, answer)
    out = run.out(proxy.port, {"t": 1}, {"retry_interval": 100})
    wait_for(lambda: len(proxy.connections) >= 3, what="third attempt")
    assert not out.find("registered")
    assert out.status()["sockets"] <= 4


def test_out_opens_no_more_data_connections_than_the_protocol_allows(run):
    """A proxy that asks for a billion gets at most two hundred, and out lives on."""
    def serve(s):
        kind, request = read_frame(s)
        if kind == "OutRequest":
            s.sendall(encode("Response", {"magic": request["magic"], "request": kind,
                                          "message": "", "ext": {"v": 1, "proxy": "00",
                                                                 "ticket": "00", "position": 0}}))
            for _ in range(20):
                s.sendall(encode("NewDataRequest", {"magic": new_id(), "type": "t",
                                                    "ext": {"v": 1, "count": 10 ** 9}}))
        s.settimeout(30)
        while s.recv(65536):
            pass
    proxy = run.own(harness.Server(serve))
    out = run.out(proxy.port, {"t": 1})
    out.wait_event("registered")
    wait_for(lambda: len(proxy.connections) > 50, what="data connections")
    settled = wait_for(lambda: len(proxy.connections) == out.status()["sockets"]
                       and len(proxy.connections), what="end of the dialling")
    assert settled <= 1 + 200
