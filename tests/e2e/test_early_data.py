"""What a client sends before its stream is open: passed on at once, delivered at most once."""
import contextlib
import os
import queue
import select
import socket
import subprocess
import threading

import pytest

from ext_peer import Ask, Control, first_activated
from harness import (PATIENCE, Server, connect, echo_server, expect_echo, expect_reset,
                     read_exactly, read_to_end, refusing_port, reset, wait_for)
from late_server import LateServer
from unseen import unseen

MIB = 1 << 20
# What in and proxy pass on before the stream is open, at most (kEarlyBytes and one more read).
EARLY_MAX = 32_768


class Sender(threading.Thread):
    """Sends all of it, and the end, while the test reads or nobody does."""

    def __init__(self, sock, data, end=False):
        super().__init__(daemon=True)
        self.sock, self.data, self.end, self.error = sock, data, end, None
        self.start()

    def run(self):
        try:
            self.sock.sendall(self.data)
            if self.end:
                self.sock.shutdown(socket.SHUT_WR)
        except OSError as e:
            self.error = e

    def expect_reset(self):
        """The kernel tells an RST once: to the call that comes first."""
        with self.sock:
            try:
                assert self.sock.recv(1) == b""
            except ConnectionResetError:
                return
            self.join(10)
            assert isinstance(self.error, ConnectionResetError), f"{self.error} instead of an RST"


def has_sent(sender):
    """Whether what it sends is in the kernel's hands, as far as that takes it."""
    return not sender.is_alive() or not select.select([], [sender.sock], [], 0)[1]


def wait_opening(out):
    """An open that has come as far as out is under way in all three. Whatever else is to happen
    before its end has little time (LateServer, open_timeout), so the others are not asked."""
    wait_for(lambda: out.status()["opening"] == 1, what="opening stream")


def read_pending(sock, quiet_s=0.3):
    """All that comes, at least something, until nothing has for a while."""
    data = bytearray(sock.recv(65536))
    while select.select([sock], [], [], quiet_s * PATIENCE)[0]:
        if not (part := sock.recv(65536)):
            break
        data += part
    return bytes(data)


def open_with_peer_out(run):
    """in and proxy of ours, and an out that the test plays: (in_, proxy, control, [data, data])"""
    proxy = run.proxy({"pool": {"min": 2, "max": 10}})
    control = Control(run, proxy, "t")
    parked = [control.park(), control.park()]
    return run.in_(proxy, ["t"]), proxy, control, parked


# --- all of it, once, in order ---

@pytest.mark.parametrize("size", [0, 1, 16384, MIB])
def test_all_sent_and_ended_before_the_backend_is_there_comes_back_whole(run, size):
    backend = run.own(LateServer())
    chain = run.chain(backend.port)
    data = os.urandom(size)
    with chain.connect() as client:
        sender = Sender(client, data, end=True)
        wait_opening(chain.out)
        backend.open()
        assert read_to_end(client) == data
        sender.join(10)
    chain.wait_idle()
    for program in chain.all():
        line = program.wait_event("stream")
        assert (line["bytes_up"], line["bytes_down"], line["reason"]) == (size, size, "done")


def test_bytes_that_trickle_in_while_the_stream_opens_keep_their_order(run):
    backend = run.own(LateServer())
    chain = run.chain(backend.port)
    with chain.connect() as client:
        for number in range(5):
            client.sendall(b"%d" % number)
            chain.in_.status()  # a turn of the loop, so that each is read by itself
        wait_opening(chain.out)
        backend.open()
        client.sendall(b"5")
        assert read_exactly(client, 6) == b"012345"
        expect_echo(client)


def test_clients_that_send_at_once_do_not_mix(run):
    chain = run.chain(echo_server(run).port)
    clients = [(chain.connect(), os.urandom(50_000)) for _ in range(40)]
    senders = [Sender(client, data, end=True) for client, data in clients]
    for client, data in clients:
        assert read_to_end(client) == data
        client.close()
    for sender in senders:
        sender.join(10)
    chain.wait_idle()


def test_a_backend_that_speaks_first_reaches_a_silent_client(run):
    def greet(s):
        s.sendall(b"220 hello")
        s.sendall(read_to_end(s)[::-1])
        s.close()
    chain = run.chain(run.own(Server(greet)).port)
    with chain.connect() as client:
        assert read_exactly(client, 9) == b"220 hello"
        client.sendall(b"later")
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"retal"


# --- passed on at once, but not without bound ---

def test_early_bytes_come_right_behind_the_activation(run):
    in_, _, _, parked = open_with_peer_out(run)
    with unseen(in_) as port:
        client = connect(port)
        client.sendall(b"early")
    with client:
        data = first_activated(*parked)
        assert read_exactly(data.sock, 5) == b"early"
        data.respond()
        data.sock.sendall(b"answer")
        assert read_exactly(client, 6) == b"answer"


def test_a_bounded_part_is_passed_on_before_the_answer_and_the_rest_behind_it(run):
    in_, _, _, parked = open_with_peer_out(run)
    sent = os.urandom(MIB)
    with unseen(in_) as port:
        client = connect(port)
        sender = Sender(client, sent, end=True)
        wait_for(lambda: has_sent(sender), what="first bytes on their way")
    with client:
        data = first_activated(*parked)
        early = read_pending(data.sock)
        assert 0 < len(early) <= EARLY_MAX
        data.respond()
        assert early + read_to_end(data.sock) == sent
        sender.join(10)


def test_the_proxy_bounds_what_it_passes_on_whatever_an_in_sends(run):
    _, proxy, _, parked = open_with_peer_out(run)
    ask = Ask(run, proxy, "t")
    sent = os.urandom(MIB)
    sender = Sender(ask.sock, sent, end=True)
    data = first_activated(*parked)
    early = read_pending(data.sock)
    assert 0 < len(early) <= EARLY_MAX
    data.respond()
    assert ask.response()["message"] == ""
    assert early + read_to_end(data.sock) == sent
    sender.join(10)


# --- a failed open is told, whatever lies unread behind the request ---

def refusing_topic(run):
    chain = run.chain(refusing_port(run))
    return chain, "backend_refused", chain.all()


def silent_topic(run):
    chain = run.chain(run.own(LateServer()).port, out={"open_timeout": 300})
    return chain, "backend_timeout", chain.all()


def unknown_topic(run):
    chain = run.chain(echo_server(run).port)
    in_ = run.in_(chain.proxy, ["nobody's"])
    chain.port = in_.port()
    return chain, "no_topic", [in_, chain.proxy]


@pytest.mark.parametrize("size", [1, MIB])
@pytest.mark.parametrize("end", [False, True], ids=["open", "half-closed"])
@pytest.mark.parametrize("place", [refusing_topic, silent_topic, unknown_topic])
def test_a_refusal_is_not_lost_behind_early_bytes(run, place, size, end):
    chain, code, programs = place(run)
    count = 3 if place is silent_topic else 10
    for _ in range(count):
        with contextlib.suppress(ConnectionResetError):  # the RST may be faster than connect(2)
            Sender(chain.connect(), bytes(size), end).expect_reset()
    for program in programs:
        program.wait_event("open_failed", count=count)
        assert {line["code"] for line in program.find("open_failed")} == {code}
        program.wait_idle()
        assert not program.find("stream")


# --- a client that gives up ---

@pytest.mark.parametrize("size", [1, 10_000, MIB])
def test_a_client_that_sends_and_resets_leaves_nothing_when_the_open_is_over(run, size):
    """What was taken of it would be delivered before the RST; here the backend never answers."""
    dial_timeout = {"open_timeout": int(2000 * PATIENCE)}
    chain = run.chain(run.own(LateServer()).port, out=dial_timeout)
    with unseen(chain.in_) as port:
        client = connect(port)
        sender = Sender(client, bytes(size))
        wait_for(lambda: has_sent(sender), what="first bytes on their way")
    wait_opening(chain.out)
    reset(client)
    for program in chain.all():
        assert program.wait_event("open_failed")["code"] == "backend_timeout"
    chain.wait_idle()


def test_a_client_that_resets_without_a_byte_ends_its_open_at_once(run):
    chain = run.chain(run.own(LateServer()).port)
    client = chain.connect()
    wait_opening(chain.out)
    reset(client)
    for program, code in ((chain.in_, "client_gone"), (chain.proxy, "in_gone")):
        assert program.wait_event("open_failed", timeout=3)["code"] == code


def test_what_a_client_sent_before_it_reset_is_delivered_when_the_backend_is_up(run):
    got = queue.Queue()

    def read_to_reset(sock):
        got.put(read_exactly(sock, 10_000))
        expect_reset(sock)
        got.put("RST")
    late = run.own(LateServer(read_to_reset))
    chain = run.chain(late.port)
    with unseen(chain.in_) as port:
        client = connect(port)
        client.sendall(bytes(10_000))
    wait_opening(chain.out)
    reset(client)
    late.open()
    assert len(got.get(timeout=10 * PATIENCE)) == 10_000
    assert got.get(timeout=10 * PATIENCE) == "RST"


def test_clients_that_send_and_reset_at_once_leave_nothing_behind(run):
    chain = run.chain(echo_server(run).port)
    for size in (0, 1, 100, 20_000) * 10:
        client = chain.connect()
        client.sendall(bytes(size))
        reset(client)
    with chain.connect() as client:
        expect_echo(client)
    chain.wait_idle()
    wait_for(lambda: chain.in_.status()["sockets"] == chain.in_.status()["warm"],
             what="end of all connections")


# --- at most once ---

@pytest.mark.parametrize("death", ["FIN", "RST"])
def test_a_data_connection_that_dies_with_early_bytes_is_not_replaced(run, death):
    in_, proxy, _, parked = open_with_peer_out(run)
    with unseen(in_) as port:
        client = connect(port)
        client.sendall(b"early")
    dying = first_activated(*parked)
    assert read_exactly(dying.sock, 5) == b"early"
    dying.reset() if death == "RST" else dying.sock.close()
    expect_reset(client)
    parked.remove(dying)
    assert not parked[0].readable(0.3)
    assert in_.wait_event("open_failed")["code"] == proxy.wait_event("open_failed")["code"]


@pytest.mark.parametrize("death", ["FIN", "RST"])
def test_a_silent_client_is_served_by_the_next_connection_when_the_first_dies(run, death):
    in_, _, _, parked = open_with_peer_out(run)
    with connect(in_.port()) as client:
        dying = first_activated(*parked)
        dying.reset() if death == "RST" else dying.sock.close()
        parked.remove(dying)
        heir = first_activated(*parked)
        client.sendall(b"now")
        heir.respond()
        assert read_exactly(heir.sock, 3) == b"now"
        heir.sock.sendall(b"answer")
        assert read_exactly(client, 6) == b"answer"
    assert not in_.find("open_failed")


def unread_from(port, size):
    """Whether a connection to this port has so many bytes, or more, that its program has not read.
    """
    table = subprocess.run(["ss", "-Htn", "dport", f"= :{port}"], capture_output=True, text=True,
                           check=True)
    return any(int(line.split()[1]) >= size for line in table.stdout.splitlines())


def two_outs_in_line(run):
    """(chain, its recording backend, the newer out, whose backend can not be reached)"""
    backend = run.own(Server(lambda s: s.sendall(b"second" + s.recv(100))))
    chain = run.chain(backend.port)
    holder = run.out(chain.proxy, {"default": run.own(LateServer()).port})
    chain.out.wait_event("displaced")
    return chain, backend, holder


def test_out_killed_with_early_bytes_is_an_rst_and_the_next_in_line_sees_none_of_them(run):
    chain, backend, holder = two_outs_in_line(run)
    with unseen(chain.in_) as port:
        client = connect(port)
        client.sendall(b"early" * 1000)
    wait_opening(holder)
    # out reads at most 1 KiB before it knows where to
    wait_for(lambda: unread_from(chain.proxy.port(), 3000), what="early bytes at out")
    holder.kill()
    expect_reset(client)
    chain.out.wait_event("promoted")
    chain.in_.wait_idle()
    assert not backend.connections
    with chain.connect() as client:
        client.sendall(b"!")
        assert read_exactly(client, 7) == b"second!"


def test_out_killed_without_early_bytes_is_replaced_by_the_next_in_line(run):
    chain, _, holder = two_outs_in_line(run)
    with chain.connect() as client:
        wait_opening(holder)
        holder.kill()
        client.settimeout(20 * PATIENCE)
        # the next in line has it: a byte sent before could make the loss final
        wait_for(lambda: chain.out.status()["streams_total"] == 1, what="stream at the next out")
        client.sendall(b"!")
        assert read_exactly(client, 7) == b"second!"
    assert not chain.in_.find("open_failed")
