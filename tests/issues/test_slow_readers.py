"""Who does not read, or says nothing, can be bounded: in memory, in time and in number.

By default nothing is: a quiet stream is not a dead one, and a reader may pause for hours.
"""
import re
import socket
import subprocess
import time

import pytest

import secure
from harness import (Server, connect, echo_server, expect_echo, expect_failed_open, expect_reset,
                     read_exactly, wait_for)

MODES = pytest.mark.parametrize("mode", ["plain", "tls-e2e"])
READERS = 8
# Bytes; the kernel takes up to twice that with its own bookkeeping.
BUFFER = 65_536
TIMEOUT_MS = 1200

pytestmark = pytest.mark.plain_only  # they have the other modes themselves


@pytest.fixture
def protected(monkeypatch):
    def protect(mode):
        monkeypatch.setattr(secure, "TLS", "tls" in mode)
        monkeypatch.setattr(secure, "E2E", "e2e" in mode)
    return protect


def pour(s):
    """Sends for as long as anybody takes it."""
    while True:
        s.sendall(bytes(65536))


def chain_with(run, backend, config, **of_in):
    return run.chain(backend.port, proxy=dict(config), out=dict(config), in_={**config, **of_in})


def silent_client(port):
    """A connection whose reader never reads, with a small buffer of its own."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", port))
    return s


def held(condition):
    """Bytes that the kernel holds for each established connection that `ss` finds, both ways."""
    done = subprocess.run(["ss", "-Htmn", "state", "established", condition],
                          check=True, capture_output=True, text=True)
    return [int(received) + int(sent) for received, sent in
            re.findall(r"skmem:\(r(\d+),.*?,w(\d+),", done.stdout)]


def has_come_to_rest(measure):
    """Waits until the measure stays the same for a while, and returns it."""
    last = []

    def same():
        last.append(measure())
        time.sleep(0.05)
        return len(last) > 10 and len(set(last[-10:])) == 1
    wait_for(same, 20, "rest")
    return last[-1]


@MODES
def test_stream_buffer_bounds_what_the_kernel_holds_for_who_does_not_read(run, protected, mode):
    protected(mode)
    backend = run.own(Server(pour))
    chain = chain_with(run, backend, {"stream_buffer": BUFFER})
    for _ in range(READERS):
        run.own(silent_client(chain.port))
    wait_for(lambda: chain.in_.status()["streams"] == READERS, what="streams")
    # Every leg from the side of our programs; the clients' and the backend's own are theirs.
    legs = [f"sport = :{chain.port}", f"dport = :{chain.proxy.port()}",
            f"sport = :{chain.proxy.port()}", f"dport = :{backend.port}"]
    total = has_come_to_rest(lambda: sum(sum(held(leg)) for leg in legs))
    # Six ends for each stream, each holds what came or what is to go: twice the buffer, and one
    # packet more, of up to 64 KiB on loopback.
    assert total <= READERS * 6 * (2 * BUFFER + 2 * 65536), total
    for leg in legs:
        assert held(leg), leg


@MODES
def test_a_stream_in_which_nothing_moves_ends_after_idle_timeout(run, protected, mode):
    protected(mode)
    chain = run.chain(echo_server(run).port, in_={"idle_timeout": TIMEOUT_MS})
    with chain.connect() as quiet, chain.connect() as busy:
        expect_echo(quiet)
        begin = time.monotonic()
        busy.settimeout(20)
        while not chain.in_.find("stream"):
            expect_echo(busy, b"x")
            time.sleep(0.1)
        assert time.monotonic() - begin >= TIMEOUT_MS / 1000
        expect_reset(quiet)
        expect_echo(busy)
    assert chain.in_.wait_event("stream")["reason"] == "idle timeout"
    assert chain.out.wait_event("stream")["reason"] == "reset by proxy"


def test_a_half_closed_stream_may_be_quiet_in_one_direction(run):
    def count(s):
        """Says something now and then, long after the client has ended."""
        read_exactly(s, 1)
        for _ in range(12):
            time.sleep(TIMEOUT_MS / 1000 / 4)
            s.sendall(b".")
        s.close()
    chain = chain_with(run, run.own(Server(count)), {"idle_timeout": TIMEOUT_MS})
    with chain.connect() as client:
        client.sendall(b"?")
        client.shutdown(socket.SHUT_WR)
        assert read_exactly(client, 12) == b"." * 12
        assert client.recv(1) == b""
    assert chain.in_.wait_event("stream")["reason"] == "done"


@MODES
def test_a_stream_whose_bytes_nobody_takes_ends_after_stall_timeout(run, protected, mode):
    protected(mode)
    chain = run.chain(run.own(Server(pour)).port, in_={"stall_timeout": TIMEOUT_MS})
    slow = run.own(silent_client(chain.port))
    stalled = run.own(silent_client(chain.port))
    slow.settimeout(20)
    slow_port = slow.getsockname()[1]
    while not chain.in_.find("stream"):
        read_exactly(slow, 10_000)  # slow, but it reads
        time.sleep(0.1)
    ends = chain.in_.find("stream")
    assert [e["reason"] for e in ends] == ["stall timeout of client"]
    assert not ends[0]["client"].endswith(f":{slow_port}")
    assert chain.in_.status()["streams"] == 1
    assert chain.out.wait_event("stream")["reason"] == "reset by proxy"
    stalled.close()


def test_without_the_keys_nothing_ends_a_stream(run):
    chain = run.chain(run.own(Server(pour)).port)
    with chain.connect() as quiet:
        wait_for(lambda: chain.in_.status()["streams"] == 1, what="stream")
        time.sleep(TIMEOUT_MS / 1000 + 2)
        for program in chain.all():
            assert program.status()["streams"] == 1
        read_exactly(quiet, 1 << 20)


def test_one_client_address_has_a_bounded_number_of_streams_and_others_have_theirs(run):
    backend = echo_server(run)
    chain = run.chain(backend.port, in_={"limits": {"streams_per_client": 2}})
    first, second = chain.connect(), chain.connect()
    for client in (first, second):
        expect_echo(client)
    for _ in range(3):
        expect_failed_open(chain.port)
    line = chain.in_.wait_event("client refused")
    assert line["reason"] == "limits.streams_per_client"
    assert line["client"].startswith("127.0.0.1:")
    assert chain.in_.status()["refused_total"] == 3
    with socket.create_connection(("127.0.0.1", chain.port), 20, ("127.0.0.2", 0)) as other:
        expect_echo(other)
    first.close()
    wait_for(lambda: chain.in_.status()["streams"] == 1, what="end of the first")
    with connect(chain.port) as third:
        expect_echo(third)
    second.close()
    chain.wait_idle()
