"""Attacks on the frames of a stream: an in that breaks their rules loses its connection, and who is
at the other end of the stream gets nothing but what came before.

A running stream gets its echo all the while (attack.unharmed), and afterwards nothing is left.
"""
import contextlib
import resource
import signal
import socket
import struct
import time

import pytest

import harness
import secure
from attack import ended, unharmed
from framed import (FREE, RAW, RESET, In, Recorder, data, expect_broken, fin, frame,
                    read_stream)
from harness import reset, wait_for
from peers import unacknowledged

pytestmark = pytest.mark.plain_only  # the modes are chosen here

TLS = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
MEGABYTE = 1 << 20


class Attacked:
    """A chain whose backend keeps what it gets, with TLS for who wants it; .errors() counts the
    peers that broke the rules."""

    def __init__(self, run, **proxy):
        self.run = run
        self.backend = run.own(Recorder())
        self.chain = run.chain(self.backend.port,
                               proxy={"tls": secure.proxy_tls(mode="optional"), **proxy})
        self.proxy = self.chain.proxy
        self.strangers = []

    def errors(self):
        return self.proxy.status()["framing_errors_total"]

    def open(self, tls=False):
        """A stranger with a stream, the second one on its connection, that has carried hello."""
        stranger = In(self.run, self.proxy, tls=tls).first(b"one")
        stranger.expect(b"one")
        stranger.end(3)
        stranger.again()
        stranger.echo()
        self.strangers.append(stranger)
        return stranger

    def leave(self):
        for stranger in self.strangers:
            stranger.sock.close()


@pytest.fixture
def attacked(run):
    attacked = Attacked(run)
    with unharmed(attacked.chain):
        yield attacked
        attacked.leave()


def resident_bytes(program):
    with open(f"/proc/{program.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


# What nobody may say inside a stream; what came before is hello.
BROKEN = {
    "an unknown kind": frame(b"X", b"12345678"),
    "a kind of zero": frame(b"\0", b""),
    "a kind in small letters": frame(b"d", b"data"),
    "no data": frame(b"D"),
    "one byte too much": frame(b"D", b"x" * 16385),
    "16 MiB - 1": frame(b"D", b"x" * 70_000, 2 ** 24 - 1),
    "a header of one byte too much": frame(b"D", b"", 16385),
    "a fin without a total": frame(b"F"),
    "a fin of 7 bytes": frame(b"F", bytes(7)),
    "a fin of 9 bytes": frame(b"F", b"\5" + bytes(8)),
    "a fin that counts too little": fin(4),
    "a fin that counts too much": fin(6),
    "a fin of the stream before": fin(3),
    "a fin of both streams": fin(8),
    "a fin that counts all there is": fin(2 ** 64 - 1),
    "a reset with a byte": frame(b"R", b"x"),
    "a raw with a byte": frame(b"W", b"x"),
    "a free with a byte": frame(b"P", b"x"),
    "a free": FREE,
    "a request": b"",  # made when the connection is there
}


def broken(stranger, how):
    return BROKEN[how] or stranger.next_request()


@TLS
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_frame_resets_both_legs(attacked, tls, how):
    stranger = attacked.open(tls)
    before = attacked.errors()
    with contextlib.suppress(OSError):  # it may end before all has been said
        stranger.sock.sendall(broken(stranger, how))
    assert expect_broken(stranger.sock) == b""
    assert attacked.backend.wait_ended(b"hello") == "rst"
    assert attacked.errors() == before + 1
    line = attacked.proxy.wait_event("stream", level="error")
    assert line["reason"].startswith("frames of in: ")


@TLS
def test_what_came_before_a_broken_frame_in_one_piece_arrives(attacked, tls):
    stranger = attacked.open(tls)
    stranger.sock.sendall(data(b"1") + data(b"2") + frame(b"X", b"never") + data(b"3"))
    expect_broken(stranger.sock)
    assert attacked.backend.wait_ended(b"hello12") == "rst"


BEHIND_AN_END = {"data": data(b"x"), "fin": fin(5), "reset": RESET, "raw": RAW, "free": FREE,
                 "a byte": b"D", "an unknown kind": frame(b"X"), "a request": b""}


@TLS
@pytest.mark.parametrize("what", BEHIND_AN_END)
@pytest.mark.parametrize("closes", [False, True], ids=["while the other side runs", "at once"])
def test_nothing_may_come_behind_fin_before_free(attacked, tls, closes, what):
    """The stream has ended for the stranger; bytes behind that are nobody's."""
    stranger = attacked.open(tls)
    before = attacked.errors()
    planted = BEHIND_AN_END[what] or stranger.next_request() + data(b"planted")
    if not closes:
        attacked.backend.closes.clear()
    stranger.sock.sendall(fin(5) + planted)
    expect_broken(stranger.sock)
    assert attacked.backend.wait_ended(b"hello") == "rst"
    attacked.backend.closes.set()
    assert attacked.errors() == before + 1
    assert b"planted" not in b"".join(attacked.backend.everything())


@TLS
@pytest.mark.parametrize("what", BEHIND_AN_END)
def test_bytes_behind_fin_that_come_later_are_nobodys(run, tls, what):
    attacked = Attacked(run, threads=1)
    with unharmed(attacked.chain) as witness:
        stranger = attacked.open(tls)
        attacked.backend.closes.clear()
        stranger.sock.sendall(fin(5))
        streams = attacked.proxy.status()["streams_total"]
        stranger.sock.sendall(BEHIND_AN_END[what] or stranger.next_request() + data(b"planted"))
        for _ in range(3):  # by then the only worker has seen that there is something
            witness.wait_served()
        attacked.backend.closes.set()
        expect_broken(stranger.sock)
        assert attacked.errors() == 1
        assert attacked.proxy.status()["streams_total"] == streams
        assert b"planted" not in b"".join(attacked.backend.everything())


@TLS
@pytest.mark.parametrize("what", ["data", "a request"])
def test_what_is_behind_fin_when_the_stream_ends_is_nobodys(run, tls, what):
    """The proxy learns of the other side's end first, and of the bytes that wait here after that."""
    attacked = Attacked(run, threads=1)
    with unharmed(attacked.chain):
        stranger = attacked.open(tls)
        attacked.backend.closes.clear()
        stranger.sock.sendall(fin(5))
        wait_for(lambda: unacknowledged(stranger.sock) == 0, what="fin at the proxy")
        streams = attacked.proxy.status()["streams_total"]
        attacked.proxy.signal(signal.SIGSTOP)
        attacked.backend.closes.set()
        assert attacked.backend.wait_ended(b"hello") == "fin"
        wait_for(lambda: attacked.chain.out.status()["streams"] == 1, what="end at out")
        stranger.sock.sendall(BEHIND_AN_END[what] or stranger.next_request() + data(b"planted"))
        attacked.proxy.signal(signal.SIGCONT)
        expect_broken(stranger.sock)
        assert attacked.proxy.status()["streams_total"] == streams
        assert b"planted" not in b"".join(attacked.backend.everything())


@TLS
@pytest.mark.parametrize("what", ["data", "fin", "raw", "free", "a byte", "a request"])
def test_nothing_may_come_behind_reset(attacked, tls, what):
    stranger = attacked.open(tls)
    before = attacked.errors()
    stranger.sock.sendall(RESET + (BEHIND_AN_END[what] or stranger.next_request()))
    expect_broken(stranger.sock)
    assert attacked.backend.wait_ended(b"hello") == "rst"
    wait_for(lambda: attacked.errors() == before + 1, what="count")


def test_raw_over_tls_is_broken(attacked):
    stranger = attacked.open(tls=True)
    before = attacked.errors()
    stranger.sock.sendall(RAW + b"bytes")
    expect_broken(stranger.sock)
    assert attacked.backend.wait_ended(b"hello") == "rst"
    assert attacked.errors() == before + 1


def test_behind_raw_all_is_content_and_there_is_no_other_stream(attacked):
    """Frames and requests too; the end is the connection's."""
    stranger = attacked.open()
    said = RAW + fin(5) + stranger.next_request() + FREE
    stranger.sock.sendall(RAW + said)
    stranger.sock.shutdown(socket.SHUT_WR)
    assert attacked.backend.wait_ended(b"hello" + said) == "fin"
    got = b""
    while part := stranger.sock.recv(65536):
        got += part
    assert FREE not in got.replace(data(said), b"")
    assert attacked.errors() == 0


@TLS
@pytest.mark.parametrize("half", [b"D", data(b"x" * 100)[:50], fin(5)[:6]],
                         ids=["header", "data", "fin"])
def test_a_connection_that_ends_inside_a_frame_is_a_cut(attacked, tls, half):
    stranger = attacked.open(tls)
    stranger.sock.sendall(half)
    with contextlib.suppress(OSError):  # the answer to close_notify is an RST
        stranger.sock.unwrap() if tls else stranger.sock.shutdown(socket.SHUT_WR)
    wait_for(lambda: any(k.end == "rst" and k.content.startswith(b"hello")
                         for k in attacked.backend.kept), what="RST")


# --- too much ---

@TLS
def test_who_sends_on_behind_a_reset_is_cut_off(attacked, tls):
    """64 KiB, or a second, of what was under way are read and forgotten."""
    stranger = attacked.open(tls)
    connection = wait_for(lambda: [s for s in attacked.backend.connections if s.fileno() >= 0],
                          what="backend")[-1]
    before = resident_bytes(attacked.proxy)
    reset_backend(attacked, connection)
    sent = 0
    start = time.monotonic()
    with pytest.raises(OSError):
        while sent < 256 * MEGABYTE:
            stranger.sock.sendall(data(b"x" * 16384))
            sent += 16384
    assert sent < 64 * MEGABYTE and time.monotonic() - start < 10 * harness.PATIENCE
    if harness.PATIENCE == 1:
        assert resident_bytes(attacked.proxy) - before < 8 * MEGABYTE


def reset_backend(attacked, connection):
    """Ends it with RST although its thread reads."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)  # wakes the thread, which closes
    wait_for(lambda: connection.fileno() < 0, what="end of the backend")


@TLS
def test_who_says_nothing_behind_a_reset_is_cut_off_after_a_second(attacked, tls):
    stranger = attacked.open(tls)
    connection = [s for s in attacked.backend.connections if s.fileno() >= 0][-1]
    reset_backend(attacked, connection)
    assert read_stream(stranger.sock) == (b"", b"R")
    start = time.monotonic()
    ended(stranger.sock)
    assert time.monotonic() - start < 5 * harness.PATIENCE


@TLS
def test_floods_of_frames_with_one_byte_keep_nobody_waiting(run, tls):
    """All on one worker with a legitimate stream, and to a backend that reads."""
    attacked = Attacked(run, threads=1)
    with unharmed(attacked.chain) as witness:
        strangers = [attacked.open(tls) for _ in range(4)]
        flood = data(b"x") * 20_000
        before = resident_bytes(attacked.proxy)
        end = time.monotonic() + 3
        for stranger in strangers:
            stranger.sock.setblocking(False)
        sent = 0
        while time.monotonic() < end:
            for stranger in strangers:
                try:
                    sent += stranger.sock.send(flood[sent % 5:])
                except (BlockingIOError, OSError):
                    continue
                try:
                    stranger.sock.recv(65536)
                except OSError:
                    continue
        witness.wait_served()
        assert sent > 100_000
        if harness.PATIENCE == 1:
            assert resident_bytes(attacked.proxy) - before < 16 * MEGABYTE
        for stranger in strangers:
            reset(stranger.sock)
