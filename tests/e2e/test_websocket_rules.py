"""What a peer says over WebSocket, and what it is answered: the cases of the Autobahn test suite
(sections 1 to 7 and 9) that concern a server of binary messages, by their numbers there."""
import json
import os
import threading

import pytest

import harness
import websocket
from harness import echo_server
from websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Peer

pytestmark = pytest.mark.plain_only

MEGABYTE = 1 << 20


class EchoStream(Peer):
    """A stream to a server that echoes, asked for as 0.0.1 does: raw bytes inside of frames."""

    def __init__(self, port):
        super().__init__(port)
        body = json.dumps({"Type": "InRequest", "Payload": {
            "magic": "0" * 32, "version": "0.0.1", "type": "t"}}).encode()
        self.send(BINARY, len(body).to_bytes(8, "little") + body)
        opcode, answer = self.receive()
        assert opcode == BINARY and json.loads(answer[8:])["Payload"]["message"] == ""

    def echoes(self, data):
        """What has been sent comes back, with all Pongs in between."""
        got, pongs = b"", []
        while len(got) < len(data):
            opcode, content = self.receive()
            if opcode == PONG:
                pongs.append(content)
            else:
                assert opcode == BINARY
                got += content
        assert got == data
        return pongs


@pytest.fixture(scope="module")
def echoing():
    """The port of a proxy with an echo service."""
    runner = harness.Runner()
    try:
        proxy = runner.proxy()
        runner.out(proxy, {"t": echo_server(runner).port}).wait_event("registered")
        yield proxy.port()
    finally:
        runner.end()


@pytest.mark.parametrize("size", [0, 125, 126, 127, 128, 65_535, 65_536], ids=lambda n: f"1.2-{n}")
def test_messages_of_any_size_are_echoed(echoing, size):
    stream = EchoStream(echoing)
    data = os.urandom(size)
    stream.send(BINARY, data)
    stream.echoes(data)
    if size == 65_536:  # 1.2.8: in pieces of 997 bytes
        whole = websocket.frame(BINARY, data)
        for at in range(0, len(whole), 997):
            stream.s.sendall(whole[at:at + 997])
        stream.echoes(data)
    stream.send(CLOSE, b"\x03\xe8")
    assert stream.receive_close() == 1000
    stream.close()


def test_pings_are_answered_each(echoing):
    stream = EchoStream(echoing)
    for content in (b"", b"Hello", b"\x00\xff\xfe", b"\xfe" * 125):  # 2.1 to 2.4
        stream.send(PING, content)
        assert stream.receive() == (PONG, content)
    whole = websocket.frame(PING, b"\xfe" * 125)
    for byte in whole:  # 2.6
        stream.s.sendall(bytes([byte]))
    assert stream.receive() == (PONG, b"\xfe" * 125)
    stream.send(PONG)  # 2.7 to 2.9: of nobody's Ping
    stream.s.sendall(b"".join(websocket.frame(PING, b"%d" % i) for i in range(10)))  # 2.10
    assert [stream.receive() for _ in range(10)] == [(PONG, b"%d" % i) for i in range(10)]
    stream.close()


def test_fragments_with_control_frames_between_them_are_one_message(echoing):
    stream = EchoStream(echoing)
    stream.send(BINARY, b"one", fin=False)  # 5.3 to 5.8
    stream.send(PING, b"between")
    stream.send(CONTINUATION, b"two", fin=False)
    stream.send(CONTINUATION, b"", fin=False)
    stream.send(CONTINUATION, b"three")
    pongs = stream.echoes(b"onetwothree")
    if not pongs:
        pongs = [stream.receive()[1]]
    assert pongs == [b"between"]
    stream.close()


# Each frame is (opcode, content, options).
WRONG = {
    "2.5": [(PING, b"\xfe" * 126, {})],
    **{f"3.{rsv}": [(BINARY, b"x", {"rsv": rsv})] for rsv in range(1, 8)},
    **{f"4.1.{i}": [(opcode, b"x", {})] for i, opcode in enumerate(range(3, 8), 1)},
    **{f"4.2.{i}": [(opcode, b"x", {})] for i, opcode in enumerate(range(11, 16), 1)},
    "5.1": [(PING, b"x", {"fin": False}), (CONTINUATION, b"y", {})],
    "5.2": [(PONG, b"x", {"fin": False}), (CONTINUATION, b"y", {})],
    "5.9": [(CONTINUATION, b"x", {})],
    "5.15": [(BINARY, b"a", {"fin": False}), (CONTINUATION, b"b", {}), (CONTINUATION, b"c", {})],
    "5.18": [(BINARY, b"a", {"fin": False}), (BINARY, b"b", {})],
    "7.3.2": [(CLOSE, b"x", {})],
    **{f"7.9.{code}": [(CLOSE, code.to_bytes(2, "big"), {})]
       for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)},
    "no mask": [(BINARY, b"x", {"mask": False})],
    "long form 16": [(BINARY, b"x", {"length": 16})],
    "long form 64": [(BINARY, b"x", {"length": 64})],
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_against_the_rules_is_closed_with_1002(echoing, case):
    stream = EchoStream(echoing)
    stream.s.sendall(b"".join(websocket.frame(opcode, data, **options)
                              for opcode, data, options in WRONG[case]))
    assert stream.receive_close() == 1002
    stream.close()


@pytest.mark.parametrize("status, answer", [
    *((code, 1000) for code in (1000, 1001, 1002, 1003, 1007, 1011, 3000, 3999, 4000, 4999)),
    (None, 1000)])
def test_a_close_is_answered(echoing, status, answer):
    stream = EchoStream(echoing)  # 7.7
    reason = "é".encode() * 60
    stream.send(CLOSE, status.to_bytes(2, "big") + reason if status else b"")
    stream.send(BINARY, b"7.1.3")  # nobody reads it
    assert stream.receive_close() == answer
    stream.close()


def test_texts_and_reasons_that_are_none_have_their_status(echoing):
    for frames, status in (([(TEXT, b"x")], 1003), ([(CLOSE, b"\x03\xe8\xce\xba\xe1")], 1007)):
        stream = EchoStream(echoing)
        for opcode, data in frames:
            stream.send(opcode, data)
        assert stream.receive_close() == status
        stream.close()


@pytest.mark.parametrize("piece", [64, 4_096, 4 * MEGABYTE], ids=lambda n: f"9-{n}")
def test_large_messages_and_many_fragments_are_echoed(echoing, piece):
    stream = EchoStream(echoing)
    data = os.urandom(4 * MEGABYTE if piece > 64 else MEGABYTE)
    frames = [websocket.frame(CONTINUATION if at else BINARY, data[at:at + piece],
                              fin=at + piece >= len(data)) for at in range(0, len(data), piece)]
    sender = threading.Thread(target=stream.s.sendall, args=(b"".join(frames),), daemon=True)
    sender.start()
    stream.echoes(data)
    sender.join(20)
    stream.close()
