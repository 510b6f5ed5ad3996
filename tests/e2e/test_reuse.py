"""Connections that carry one stream after another: every byte and every end of each of them is its
own, whatever the one before was, and whatever happens between them."""
import hashlib
import os
import queue
import socket
import threading

import pytest

import harness
import secure
from harness import (connect, expect_echo, expect_reset, free_port, read_exactly, read_to_end,
                     reset, wait_for)

pytestmark = pytest.mark.plain_only  # the modes are chosen here

MODES = ["plain", "tls", "e2e", "tls-e2e"]
ONE_WORKER = {"threads": 1}
MEGABYTE = 1 << 20


@pytest.fixture(params=MODES)
def mode(request, monkeypatch):
    """Each protection of the legs, for the chain that the test starts."""
    monkeypatch.setattr(secure, "TLS", "tls" in request.param)
    monkeypatch.setattr(secure, "E2E", "e2e" in request.param)
    return request.param


class Held:
    """A chain, and a backend whose connections the test holds in its hands."""

    def __init__(self, run, receive_buffer=None, **options):
        self.accepted = queue.SimpleQueue()
        self.over = threading.Event()
        self.server = run.own(harness.Server(self._hold))
        if receive_buffer:
            self.server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        one_worker = {name: ONE_WORKER for name in ("proxy", "out", "in_")}
        self.chain = run.chain(self.server.port, **{**one_worker, **options})
        run.own(self)

    def _hold(self, s):
        s.settimeout(20 * harness.PATIENCE)
        self.accepted.put(s)
        self.over.wait()

    def pair(self, client=None):
        """(client, backend) of an open stream that has carried something both ways."""
        client = client or self.chain.connect()
        said, answer = os.urandom(8), os.urandom(8)
        client.sendall(said)
        backend = self.accepted.get(timeout=20 * harness.PATIENCE)
        assert read_exactly(backend, 8) == said
        backend.sendall(answer)
        assert read_exactly(client, 8) == answer
        return client, backend

    def wait_back(self):
        """Until in has the connection of its last stream for the next one."""
        wait_for(lambda: self.chain.in_.status()["warm"] >= 1, what="connection that comes back")
        self.chain.wait_idle()

    def close(self):
        self.over.set()


def uses(program, count):
    """Which use of its connection each of `count` streams was."""
    program.wait_event("stream", count=count)
    return [event["use"] for event in program.find("stream")]


def end_both(client, backend):
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(backend) == b""
    backend.close()
    assert read_to_end(client) == b""
    client.close()


def serve_one(chain, size=100):
    with chain.connect() as client:
        expect_echo(client, os.urandom(size))
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""


# --- bytes ---

def test_of_200_streams_each_has_its_bytes_on_few_connections(run, mode):
    chain = run.chain(harness.echo_server(run).port)
    for number in range(200):
        data = os.urandom(number * number)  # at most 39,601 bytes, which never go raw
        with chain.connect() as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client) == data, number
    for program in chain.all():
        of = uses(program, 200)
        # Each connection's uses are 1, 2, and so on; how many have come so far is of.count().
        assert all(of.count(use) >= of.count(use + 1) for use in range(1, max(of) + 1)), of
        assert of.count(1) <= 50 and max(of) >= 10, of
        assert {event["reason"] for event in program.find("stream")} == {"done"}
    for status in chain.wait_idle():
        assert status["framing_errors_total"] == status["failed_total"] == 0


def test_streams_beside_each_other_do_not_see_each_other(run, mode):
    chain = run.chain(harness.echo_server(run).port)
    failures = []

    def work():
        try:
            for _ in range(20):
                serve_one(chain, 3000)
        except (OSError, EOFError, AssertionError) as e:
            failures.append(repr(e))
    workers = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60 * harness.PATIENCE)
    assert not failures
    for program in chain.all():
        assert uses(program, 160).count(1) <= 80
    chain.wait_idle()


def exchange_much(client, backend, size=2 * MEGABYTE):
    """That many bytes each way at once, and both ends behind them."""
    received = {}

    def receive(name, s):
        digest = hashlib.sha256()
        while part := s.recv(MEGABYTE):
            digest.update(part)
        received[name] = digest.hexdigest()

    def send(s, data):
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    data = {"client": os.urandom(size), "backend": os.urandom(size + 1)}
    threads = [threading.Thread(target=receive, args=("backend", client), daemon=True),
               threading.Thread(target=receive, args=("client", backend), daemon=True),
               threading.Thread(target=send, args=(client, data["client"]), daemon=True),
               threading.Thread(target=send, args=(backend, data["backend"]), daemon=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * harness.PATIENCE)
    assert received == {who: hashlib.sha256(said).hexdigest() for who, said in data.items()}
    client.close()
    backend.close()


def test_a_stream_of_megabytes_is_exact_and_the_last_of_a_plain_connection(run, mode):
    held = Held(run)
    end_both(*held.pair())
    held.wait_back()
    exchange_much(*held.pair())
    held.chain.wait_idle()
    on_plain_legs = mode in ("plain", "e2e")  # end to end too the proxy need not copy
    if on_plain_legs:
        assert held.chain.in_.status()["warm"] == 0
    else:
        held.wait_back()
    end_both(*held.pair())
    held.wait_back()
    assert uses(held.chain.in_, 3) == ([1, 2, 1] if on_plain_legs else [1, 2, 3])
    for program in held.chain.all():
        assert [event["reason"] for event in program.find("stream")] == ["done"] * 3


# --- ends ---

def client_ends_first(client, backend):
    client.sendall(b"last")
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(backend) == b"last"
    backend.sendall(b"answer")
    backend.close()
    assert read_to_end(client) == b"answer"
    client.close()


def backend_ends_first(client, backend):
    client_ends_first(backend, client)


def both_end_at_once(client, backend):
    for s in (client, backend):
        s.sendall(b"last")
        s.shutdown(socket.SHUT_WR)
    assert read_to_end(backend) == read_to_end(client) == b"last"
    client.close()
    backend.close()


def client_resets(client, backend):
    client.sendall(b"x")
    assert read_exactly(backend, 1) == b"x"
    backend.sendall(b"never read" * 1000)
    reset(client)
    expect_reset(backend)


def backend_resets(client, backend):
    client_resets(backend, client)


def client_ends_and_backend_resets(client, backend):
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(backend) == b""
    reset(backend)
    expect_reset(client)


def backend_ends_and_client_resets(client, backend):
    client_ends_and_backend_resets(backend, client)


@pytest.mark.parametrize("end", [
    client_ends_first, backend_ends_first, both_end_at_once, client_resets, backend_resets,
    client_ends_and_backend_resets, backend_ends_and_client_resets])
def test_every_end_is_exact_and_harms_no_later_stream(run, mode, end):
    """The connections serve the next stream, after a reset too."""
    held = Held(run)
    rounds = 4
    for _ in range(rounds):
        end(*held.pair())
        held.wait_back()
        end_both(*held.pair())
        held.wait_back()
    assert uses(held.chain.in_, 2 * rounds) == list(range(1, 2 * rounds + 1))
    for program in held.chain.all():
        assert max(uses(program, 2 * rounds)) >= rounds
        assert program.status()["framing_errors_total"] == 0


@pytest.mark.parametrize("size", [200_000, 24 * MEGABYTE], ids=["framed", "raw"])
@pytest.mark.parametrize("first", ["backend", "client"])
def test_a_side_that_has_ended_and_does_not_read_gets_all_when_it_does(run, mode, first, size):
    held = Held(run, receive_buffer=16384)
    end_both(*held.pair())
    held.wait_back()
    client = socket.socket()
    client.settimeout(20 * harness.PATIENCE)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    client.connect(("127.0.0.1", held.chain.port))
    pair = held.pair(client)
    ended, sender = pair if first == "client" else pair[::-1]
    ended.sendall(b"the end")
    ended.shutdown(socket.SHUT_WR)
    assert read_to_end(sender) == b"the end"
    data = os.urandom(size)

    def send():
        sender.sendall(data)
        sender.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(1)  # by then all buffers are full, or it has been sent
    assert read_exactly(ended, size) == data
    assert ended.recv(1) == b""
    thread.join(20 * harness.PATIENCE)
    for s in pair:
        s.close()
    held.chain.wait_idle()
    end_both(*held.pair())
    held.wait_back()
    for program in held.chain.all():
        uses(program, 3)
        assert [event["reason"] for event in program.find("stream")] == ["done"] * 3


# --- between streams ---

def lettered(letter):
    """A handler that answers with its letter and whatever came."""
    def answer(s):
        while data := s.recv(65536):
            s.sendall(letter + data)
        s.close()
    return answer


def asks(port, letter, data=b"?"):
    with connect(port) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == letter + data


def test_a_displaced_registration_serves_its_streams_and_no_new_one(run, mode):
    chain = run.chain(run.own(harness.Server(lettered(b"A"))).port)
    for _ in range(6):
        asks(chain.port, b"A")
    with chain.connect() as running:
        running.sendall(b"1")
        assert read_exactly(running, 2) == b"A1"
        newer = run.out(chain.proxy, {"default": run.own(harness.Server(lettered(b"B"))).port})
        newer.wait_event("registered")
        for _ in range(6):
            asks(chain.port, b"B")
        running.sendall(b"2")
        running.shutdown(socket.SHUT_WR)
        assert read_to_end(running) == b"A2"
    for _ in range(6):
        asks(chain.port, b"B")
    chain.wait_idle()
    assert not chain.in_.find("open_failed")


def test_an_out_that_ends_leaves_nothing_behind_for_the_next_in_line(run, mode):
    chain = run.chain(run.own(harness.Server(lettered(b"A"))).port)
    newer = run.out(chain.proxy, {"default": run.own(harness.Server(lettered(b"B"))).port})
    newer.wait_event("registered")
    for _ in range(10):
        asks(chain.port, b"B")
    with chain.connect() as running:
        running.sendall(b"1")
        assert read_exactly(running, 2) == b"B1"
        newer.expected_end = True
        newer.process.terminate()
        newer.wait_event("draining")
        for _ in range(6):
            asks(chain.port, b"A")
        running.shutdown(socket.SHUT_WR)
        assert read_to_end(running) == b""
    assert newer.stop() == 0
    for _ in range(6):
        asks(chain.port, b"A")
    assert max(uses(newer, 11)) > 1
    assert not chain.in_.find("open_failed")


@pytest.mark.parametrize("name", ["proxy", "out"])
def test_a_program_killed_under_load_gives_nobody_the_bytes_of_another(run, mode, name):
    port, backend = free_port(), harness.echo_server(run).port
    chain = run.chain(backend, proxy={"port": port})
    over, foreign, served = threading.Event(), [], []

    def work():
        while not over.is_set():
            data = os.urandom(500)
            got = b""
            try:
                with chain.connect() as client:
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                    while part := client.recv(65536):
                        got += part
            except OSError:
                pass  # while there is none
            else:
                served.append(got == data)
            if not data.startswith(got):
                foreign.append((data, got))
    workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for worker in workers:
        worker.start()
    for count in range(2, 4):
        goal = len(served) + 20
        wait_for(lambda goal=goal: len(served) >= goal, what="streams")
        getattr(chain, name).kill()
        if name == "proxy":
            chain.proxy = run.proxy({"port": port})
            chain.out.wait_event("registered", 20, count=count)
        else:
            chain.out = run.out(chain.proxy, {"default": backend})
            chain.out.wait_event("registered")
    over.set()
    for worker in workers:
        worker.join(20 * harness.PATIENCE)
    assert not foreign
    assert all(served)
    for _ in range(10):
        serve_one(chain)
    chain.wait_idle()


# --- limits.warm: 0 ---

def test_without_spares_only_the_connections_of_out_are_used_again(run, mode):
    chain = run.chain(harness.echo_server(run).port, proxy={"limits": {"warm": 0}})
    for _ in range(30):
        serve_one(chain)
    assert uses(chain.in_, 30) in ([0] * 30, [1] * 30)
    for program in (chain.proxy, chain.out):
        of = uses(program, 30)
        assert of.count(1) <= 15 and max(of) >= 3, of
    for program, status in zip(chain.all(), chain.wait_idle()):
        assert status["warm"] == 0, program.name
    assert not chain.in_.find("open_failed")
