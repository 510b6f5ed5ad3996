"""The table of ends: for each row of docs/architecture.md how a stream comes to it, what the client
and the backend see, and the `reason` that in, proxy and out give, word for word.

It is run for plain connections, TLS, end-to-end encryption, both, and compressed (INOUT_TEST_MODE). How much is
delivered before an end is in test_ends.py, opens that fail are there and in test_failures.py.
"""
import contextlib
import dataclasses
import os
import signal
import socket
import threading
import typing

import pytest

import harness
import secure
from harness import PATIENCE, read_exactly, read_to_end, reset, wait_for
from secure import client_tls
from test_ends import Held
from tunnel import PLACES, TappedStream
from wan import Wan

SHORT_MS = int(1000 * PATIENCE)
MIB = 1_048_576


class Stream(Held):
    """An open stream, known to be open by both sides: .client, .backend, .chain."""

    def __init__(self, run, **options):
        super().__init__(run, **options)
        self.client, self.backend = self.pair()
        self.client.sendall(b"?")
        assert read_exactly(self.backend, 1) == b"?"
        self.backend.sendall(b"!")
        assert read_exactly(self.client, 1) == b"!"

    def move(self, up, down):
        """So many bytes each way, so that what has moved much is framed no more. None shrinks."""
        for source, sink, size in ((self.client, self.backend, up),
                                   (self.backend, self.client, down)):
            sending = threading.Thread(target=source.sendall, args=(os.urandom(size),),
                                       daemon=True)
            sending.start()
            read_exactly(sink, size)
            sending.join()  # or it takes the error of an RST, which the kernel tells once

    def program(self, name):
        return getattr(self.chain, {"in": "in_"}.get(name, name))

    def drain(self, name, *more):
        program = self.program(name)
        program.expected_end = True
        program.signal(signal.SIGTERM)
        program.wait_event("draining")
        for number in more:
            program.signal(number)


def seen(sock):
    """Which end comes, behind whatever."""
    try:
        while sock.recv(65536):
            pass
        return "FIN"
    except ConnectionResetError:
        return "RST"


def one_after_the_other(first, second):
    first.shutdown(socket.SHUT_WR)
    assert read_to_end(second) == b""
    answer = bytes(100_000)
    threading.Thread(target=second.sendall, args=(answer,), daemon=True).start()
    assert read_exactly(first, len(answer)) == answer
    second.shutdown(socket.SHUT_WR)


def reset_after_its_end(first, second):
    first.shutdown(socket.SHUT_WR)
    assert read_to_end(second) == b""
    reset(first)
    wait_for(lambda: second.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), what="RST")


def pour(stream, sender, name):
    """More than all kernels on the way take, and nobody reads, until that program ends it."""
    def send():
        with contextlib.suppress(OSError):
            while True:
                sender.sendall(bytes(65536))
    threading.Thread(target=send, daemon=True).start()
    stream.program(name).wait_event("stream")


@dataclasses.dataclass(frozen=True)
class Row:
    """`way` brings the stream to its end. `ends` is what client and backend see, `reasons` what in,
    proxy and out say; None: the one that did it."""
    way: typing.Callable
    ends: tuple
    reasons: tuple
    config: dict = dataclasses.field(default_factory=dict)


FINS, RSTS = ("FIN", "FIN"), ("RST", "RST")
BY_CLIENT = ("reset by client", "reset by in", "reset by proxy")
BY_BACKEND = ("reset by proxy", "reset by out", "reset by backend")


def at(name, reason):
    """What the three say to an end that one of them makes: for the others it is a reset."""
    return {"in": (reason, "reset by in", "reset by proxy"),
            "proxy": ("reset by proxy", reason, "reset by proxy"),
            "out": ("reset by proxy", "reset by out", reason)}[name]


def each(kind, make):
    return {f"{kind} at {name}": make(name) for name in ("in", "proxy", "out")}


# The part before the colon is the row in docs/architecture.md.
ROWS = {
    "done: the client ends first": Row(
        lambda s: one_after_the_other(s.client, s.backend), ("FIN", None), ("done",) * 3),
    "done: the backend ends first": Row(
        lambda s: one_after_the_other(s.backend, s.client), (None, "FIN"), ("done",) * 3),
    "done: both end at once": Row(
        lambda s: [side.shutdown(socket.SHUT_WR) for side in (s.client, s.backend)],
        FINS, ("done",) * 3),
    "reset by X: the client": Row(lambda s: reset(s.client), (None, "RST"), BY_CLIENT),
    "reset by X: the backend": Row(lambda s: reset(s.backend), ("RST", None), BY_BACKEND),
    "reset by X: the client after its end": Row(
        lambda s: reset_after_its_end(s.client, s.backend), (None, None), BY_CLIENT),
    "reset by X: the backend after its end": Row(
        lambda s: reset_after_its_end(s.backend, s.client), (None, None), BY_BACKEND),
    **each("reset by X: kill -9", lambda name: Row(
        lambda s: s.program(name).kill(), RSTS, at(name, None))),
    **each("idle timeout: idle_timeout", lambda name: Row(
        lambda s: None, RSTS, at(name, "idle timeout"), {name: {"idle_timeout": SHORT_MS}})),
    "stall timeout of X: the client does not read": Row(
        lambda s: pour(s, s.backend, "in"), ("RST", None), at("in", "stall timeout of client"),
        {"in": {"stall_timeout": SHORT_MS}}),
    "stall timeout of X: the backend does not read": Row(
        lambda s: pour(s, s.client, "out"), (None, "RST"), at("out", "stall timeout of backend"),
        {"out": {"stall_timeout": SHORT_MS}}),
    **each("drain timeout, second signal: drain_timeout", lambda name: Row(
        lambda s: s.drain(name), RSTS, at(name, "drain timeout"), {name: {"drain_timeout": 100}})),
    **each("drain timeout, second signal: a second signal", lambda name: Row(
        lambda s: s.drain(name, signal.SIGTERM), RSTS, at(name, "second signal"),
        {name: {"drain_timeout": 600_000}})),
}


# What the stream has moved before, each way.
MOVED = {"framed": (0, 0), "raw": (2 * MIB, 2 * MIB), "raw up": (2 * MIB, 0),
         "raw down": (0, 2 * MIB)}
# Over TLS nothing becomes raw (docs/protocol.md).
MOVES = {"plain": MOVED, "e2e": ["framed", "raw"],
         "zstd": ["framed", "raw"]}.get(secure.MODE, ["framed"])


@pytest.mark.parametrize("moved", MOVES)
@pytest.mark.parametrize("name", ROWS)
def test_end(run, name, moved):
    row = ROWS[name]
    stream = Stream(run, **{{"in": "in_"}.get(key, key): config
                            for key, config in row.config.items()})
    stream.move(*MOVED[moved])
    row.way(stream)
    for sock, end in zip((stream.client, stream.backend), row.ends):
        if end is not None:
            assert seen(sock) == end
            sock.close()
    for program, reason in zip(stream.chain.all(), row.reasons):
        if reason is not None:
            line = program.wait_event("stream")
            assert (line["reason"], line["code"]) == (reason, code_of(reason))
            assert len(program.find("stream")) == 1


def reasons_of_a_cut(place):
    """A bare FIN is a cut, in frames, over WebSocket and over TLS; who is not beside it hears of a
    reset."""
    cut = "TLS with {}: cut without close_notify"
    if not secure.TLS or secure.WEBSOCKET:
        near = "reset by in" if place == PLACES[0] else "reset by out"
        return "reset by proxy", near, "reset by proxy"
    if place == PLACES[0]:
        return cut.format("proxy"), cut.format("in"), "reset by proxy"
    return "reset by proxy", cut.format("out"), cut.format("proxy")


@pytest.mark.parametrize("place", PLACES, ids=[f"TLS with X: FIN {place}" for place in PLACES])
def test_end_of_tls(run, place):
    stream = TappedStream(run, place)
    stream.cut()
    for sock in stream.ends:
        assert seen(sock) == "RST"
        sock.close()
    assert [program.wait_event("stream")["reason"] for program in stream.programs] == list(
        reasons_of_a_cut(place))


@pytest.mark.parametrize("row", ["peer timeout of X: the network behind the proxy vanishes"])
def test_end_of_a_network(run, row):
    """`timeout of X`, keepalive's verdict, takes a minute and has its test in test_wan.py."""
    wan = Wan(run)
    config = {"peer_timeout": 3000}
    here = {"tls": client_tls("in", server_name="localhost")} if secure.TLS else {}
    there = {"tls": client_tls("out", server_name="localhost")} if secure.TLS else {}
    backend = wan.server(lambda s: s.sendall(b"!"))
    chain = wan.chain(backend, proxy=dict(config), in_={**config, **here},
                      out={**config, **there})
    client = run.own(chain.connect())
    assert read_exactly(client, 1) == b"!"
    wan.rc.cut()
    client.sendall(b"?")
    backend.connections[0].sendall(b"?")
    for sock in (client, backend.connections[0]):
        sock.settimeout(20 * PATIENCE)
        assert seen(sock) == "RST"
    assert [program.wait_event("stream")["reason"] for program in chain.all()] == [
        "reset by proxy", "peer timeout of out", "peer timeout of proxy"]


def table_of_the_page():
    """{reason: code}."""
    page = (harness.ROOT / "docs/architecture.md").read_text()
    table = page.split("| `reason` of a `stream` | `code` | meaning |\n|---|---|---|\n")[1]
    cells = [line.replace("`", "").split("|") for line in table.split("\n\n")[0].splitlines()]
    return {reason.replace(": \u2026", "").strip(): code.strip() for _, reason, code, *_ in cells}


def code_of(reason):
    codes = [code for row, code in table_of_the_page().items()
             if any(reason.startswith(words.removesuffix("X")) for words in row.split(", "))]
    assert len(codes) == 1, (reason, codes)
    return codes[0]


# Rows that other files bring about: test_wan, test_attack_frames, test_compression, test_reload_keys,
# test_admin_actions, test_quota and issues/test_memory.
ELSEWHERE = {"timeout of X", "frames of X", "compression of X", "permission taken away",
             "kicked", "quota of X is used up", "out of memory"}


def test_every_row_of_the_page_has_its_tests():
    tested = {name.split(":")[0] for name in ROWS} | {"TLS with X", "peer timeout of X"}
    assert set(table_of_the_page()) == tested | ELSEWHERE
