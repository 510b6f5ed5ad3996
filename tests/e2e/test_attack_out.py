"""An out that breaks the rules of connections that carry one stream after another, or is killed
amid them: its stream is reset, its connection is not used again, and no client gets a byte that was
not meant for it.

A running stream of another out gets its echo all the while (attack.unharmed), and afterwards
nothing is left.
"""
import socket
import time

import pytest

import harness
from attack import ended, unharmed
from framed import FREE, RESET, Out, data, expect_broken, fin, frame, read_frame, read_stream
from harness import connect, expect_reset, read_exactly, read_to_end, reset, wait_for
from peers import encode

pytestmark = pytest.mark.plain_only  # the peer is one of ours without encryption

MEGABYTE = 1 << 20


class Attacked:
    """A chain, and beside it a topic whose out the test plays."""

    def __init__(self, run):
        self.run = run
        self.chain = run.chain(harness.echo_server(run).port)
        self.proxy = self.chain.proxy
        self.out = Out(run, self.proxy, "evil")
        self.in_ = run.in_(self.proxy, ["evil"], {"threads": 1})
        self.port = self.in_.port()
        self.parked = []

    def park(self):
        """Only one is parked at a time, so that the next stream goes there."""
        self.parked.append(self.out.park())
        return self.parked[-1]

    def open(self, said=b"hello"):
        """(client, data connection) of a stream in which the client has said this."""
        parked = self.park()
        client = connect(self.port)
        client.sendall(said)
        parked.open()
        assert read_frame(parked.sock) == (b"D", said)
        return client, parked

    def serve_one(self):
        """The next client is served by another connection, on the in connection of before."""
        client, parked = self.open(b"next")
        client.shutdown(socket.SHUT_WR)
        assert read_stream(parked.sock, 4) == (b"", b"F")
        parked.sock.sendall(data(b"fine") + fin(4) + FREE)
        assert read_to_end(client) == b"fine"
        client.close()
        return parked

    def errors(self):
        return self.proxy.status()["framing_errors_total"]

    def leave(self):
        for parked in self.parked:
            parked.sock.close()
        self.out.close()


@pytest.fixture
def attacked(run):
    chain = Attacked(run)
    run.things.remove(chain.in_)  # it ends, with its spare connections, before what is left is seen
    try:
        # The registration and its in are there only during the attack.
        with unharmed(chain.chain):
            yield chain
            chain.leave()
            chain.proxy.wait_event("unregistered", topic="evil")
            assert chain.in_.stop() == 0
    finally:
        chain.in_.end_quickly()


BROKEN = {
    "an unknown kind": frame(b"X", b"12345678"),
    "no data": frame(b"D"),
    "one byte too much": frame(b"D", b"x" * 16385),
    "16 MiB - 1": frame(b"D", b"x" * 1000, 2 ** 24 - 1),
    "a fin that counts too little": fin(4),
    "a fin that counts too much": fin(6),
    "a free before its end": FREE,
    "a free before the client's end": fin(5) + FREE,
    "data behind fin": fin(5) + data(b"planted"),
    "fin twice": fin(5) + fin(5),
    "data behind reset": RESET + data(b"planted"),
    "an answer behind fin": fin(5) + encode("Response", {
        "magic": "0" * 32, "request": "DataActiveRequest", "message": "", "ext": {"v": 1}}),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_frame_resets_the_client(attacked, how):
    client, parked = attacked.open()
    parked.sock.sendall(data(b"hello"))
    assert read_exactly(client, 5) == b"hello"
    before = attacked.errors()
    parked.sock.sendall(BROKEN[how])
    expect_broken(parked.sock)
    expect_reset(client)
    wait_for(lambda: attacked.errors() == before + 1, what="count")
    attacked.serve_one()


def planted_answer():
    return encode("Response", {"magic": "0" * 32, "request": "DataActiveRequest", "message": "",
                               "ext": {"v": 1}}) + data(b"planted")


BEHIND_FREE = {"a byte": b"x", "data": data(b"planted"), "another free": FREE, "fin": fin(0),
               "an answer": b""}


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("what", BEHIND_FREE)
def test_who_talks_behind_free_is_not_used_again(attacked, what, later):
    client, parked = attacked.open()
    client.shutdown(socket.SHUT_WR)
    assert read_stream(parked.sock, 5) == (b"", b"F")
    planted = BEHIND_FREE[what] or planted_answer()
    last = data(b"answer") + fin(6) + FREE
    if later:
        parked.sock.sendall(last)
        assert read_to_end(client) == b"answer"
        parked.sock.sendall(planted)
    else:
        parked.sock.sendall(last + planted)
        # Its own stream was over; whether the client sees that is the proxy's to say.
        assert b"answer".startswith(ended(client))
    client.close()
    ended(parked.sock)
    attacked.serve_one()


WRONG_ANSWERS = {
    "another request": {"request": "InRequest"},
    "another message": {},
}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("how", WRONG_ANSWERS)
def test_an_answer_to_something_else_opens_nothing(attacked, how, number):
    parked = attacked.park() if number == 1 else attacked.serve_one()
    client = connect(attacked.port)
    active = parked.parked.activated()
    assert active["ext"]["reuse"] == number
    wrong = WRONG_ANSWERS[how]
    parked.sock.sendall(encode("Response" if wrong else "Pong", {
        "magic": active["magic"], **wrong, "message": "", "ext": {"v": 1}}) + data(b"planted"))
    ended(parked.sock)
    other = attacked.park().open()  # the client, who has said nothing, gets another one
    client.sendall(b"hello")
    assert read_frame(other.sock) == (b"D", b"hello")
    other.sock.sendall(data(b"fine"))
    assert read_exactly(client, 4) == b"fine"
    reset(client)
    read_stream(other.sock, 5)


def test_an_answer_inside_data_is_content(attacked):
    client, parked = attacked.open()
    parked.sock.sendall(data(planted_answer()) + fin(len(planted_answer())))
    assert read_to_end(client) == planted_answer()
    client.close()
    assert read_stream(parked.sock, 5) == (b"", b"F")
    parked.sock.sendall(FREE)


# --- killed between fin and free ---

@pytest.mark.parametrize("how", ["RST", "FIN", "silence, then RST", "half a free, then RST"])
def test_without_a_free_the_stream_is_whole_and_the_connection_is_not_used_again(attacked, how):
    client, parked = attacked.open()
    client.shutdown(socket.SHUT_WR)
    assert read_stream(parked.sock, 5) == (b"", b"F")
    parked.sock.sendall(data(b"pong") + fin(4))
    assert read_to_end(client) == b"pong"
    client.close()
    if how == "FIN":
        parked.sock.shutdown(socket.SHUT_WR)
        assert ended(parked.sock) == b""  # nothing was asked for there
    else:
        if how.startswith("half"):
            parked.sock.sendall(FREE[:2])
        if how != "RST":
            attacked.serve_one().sock.close()
        reset(parked.sock)
    attacked.serve_one()
    wait_for(lambda: len(attacked.in_.find("stream")) >= 2, what="end of the stream")
    assert not attacked.in_.find("open_failed")


def test_an_out_killed_before_its_fin_is_a_reset(attacked):
    client, parked = attacked.open()
    client.shutdown(socket.SHUT_WR)
    assert read_stream(parked.sock, 5) == (b"", b"F")
    parked.sock.sendall(data(b"pong"))
    assert read_exactly(client, 4) == b"pong"
    reset(parked.sock)
    expect_reset(client)
    attacked.serve_one()


# --- behind a reset ---

def test_who_sends_on_behind_a_clients_reset_is_cut_off(attacked):
    client, parked = attacked.open()
    reset(client)
    assert read_stream(parked.sock, 5) == (b"", b"R")
    sent, start = 0, time.monotonic()
    with pytest.raises(OSError):
        while sent < 256 * MEGABYTE:
            parked.sock.sendall(data(b"x" * 16384))
            sent += 16384
    assert sent < 64 * MEGABYTE and time.monotonic() - start < 10 * harness.PATIENCE
    attacked.serve_one()


@pytest.mark.parametrize("end", [RESET, fin(5)], ids=["reset", "fin"])
def test_a_reset_that_is_answered_leaves_the_connection_for_the_next(attacked, end):
    """What was under way is forgotten, and the next client gets nothing of it."""
    client, parked = attacked.open()
    parked.sock.sendall(data(b"hello"))
    assert read_exactly(client, 5) == b"hello"
    reset(client)
    assert read_stream(parked.sock, 5) == (b"", b"R")
    late = b"of the stream before"
    if end != RESET:
        end = fin(5 + len(late))
    parked.sock.sendall(data(late) + end + FREE)
    client = connect(attacked.port)
    client.sendall(b"again")
    parked.open()
    assert parked.use == 2
    assert read_frame(parked.sock) == (b"D", b"again")
    parked.sock.sendall(data(b"fine") + fin(4))
    assert read_to_end(client) == b"fine"
    client.close()
    read_stream(parked.sock, 5)
    parked.sock.sendall(FREE)
