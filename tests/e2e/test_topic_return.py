"""A topic that was here a moment ago: who opens a stream waits for its return, not for ever."""
import signal
import socket
import threading
import time

import pytest

from ext_peer import Ask, Control
from harness import (PATIENCE, connect, echo_server, expect_echo, expect_failed_open, expect_reset,
                     read_to_end, reset, wait_for)

LONG_MS = int(20_000 * PATIENCE)


def lose_topic(run, proxy, topic="t"):
    """It was here a moment ago."""
    before = len(proxy.find("unregistered", topic=topic))
    reset(Control(run, proxy, topic).sock)
    proxy.wait_event("unregistered", topic=topic, count=before + 1)


def wait_opening(program, count):
    wait_for(lambda: program.status()["opening"] == count, what=f"{count} streams being opened")


class Clients:
    """One new client after another, each of which wants its bytes back."""

    def __init__(self, chain):
        self.chain, self.over, self.served, self.failed = chain, threading.Event(), 0, []
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        while not self.over.is_set():
            try:
                with self.chain.connect() as client:
                    expect_echo(client)
                self.served += 1
            except (OSError, AssertionError) as e:
                self.failed.append(repr(e))

    def wait_served(self, more):
        goal = self.served + more
        wait_for(lambda: self.served >= goal or self.failed, what="streams")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(20 * PATIENCE)


def test_an_out_that_is_restarted_costs_no_client_its_stream(run):
    backend = echo_server(run).port
    chain = run.chain(backend, proxy={"open_timeout": LONG_MS}, in_={"open_timeout": 2 * LONG_MS})
    out = chain.out
    with Clients(chain) as first, Clients(chain) as second:
        for _ in range(3):
            first.wait_served(10)
            assert out.stop() == 0
            wait_for(lambda: chain.proxy.status()["opening"] == 2 or first.failed or second.failed,
                     what="two streams that wait")
            out = run.out(chain.proxy, {"default": backend})
            second.wait_served(10)
    assert not first.failed and not second.failed
    for program in (chain.in_, chain.proxy):
        assert not program.find("open_failed")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_client_is_reset_when_its_topic_does_not_return_in_time_and_not_before(run, ending):
    chain = run.chain(echo_server(run).port, proxy={"open_timeout": 1000})
    chain.out.expected_end = True
    chain.out.signal(ending)
    chain.proxy.wait_event("unregistered", topic="default")
    start = time.monotonic()
    expect_failed_open(chain.port)
    assert 0.9 <= time.monotonic() - start < 1 + 5 * PATIENCE
    line = chain.proxy.wait_event("open_failed", code="no_topic")
    assert line["detail"].startswith("no out serves topic default; it was here ")
    assert chain.in_.wait_event("open_failed")["code"] == "no_topic"
    chain.in_.wait_idle()


def test_a_topic_that_never_was_here_is_refused_at_once(run):
    proxy = run.proxy({"open_timeout": 600_000})
    lose_topic(run, proxy)
    assert Ask(run, proxy, "other").response()["ext"]["code"] == "no_topic"


def test_a_crowd_waits_for_the_return_up_to_the_limit_and_all_of_it_is_served(run):
    crowd = 100
    proxy = run.proxy({"open_timeout": 600_000, "limits": {"waiting": crowd}})
    lose_topic(run, proxy)
    in_ = run.in_(proxy, ["t"], {"open_timeout": 600_000})
    clients = [run.own(connect(in_.port())) for _ in range(crowd)]
    wait_opening(proxy, crowd)
    for _ in range(20):
        expect_failed_open(in_.port())
    in_.wait_event("open_failed", code="limit")
    assert not in_.find("open_failed", code="no_topic")
    reset(clients.pop())  # who leaves makes room for another one
    wait_opening(proxy, crowd - 1)
    clients.append(run.own(connect(in_.port())))
    wait_opening(proxy, crowd)
    run.out(proxy, {"t": echo_server(run).port})
    for client in clients:
        expect_echo(client)


def test_first_bytes_and_an_end_that_came_during_the_wait_reach_the_backend(run):
    proxy = run.proxy({"open_timeout": 600_000})
    lose_topic(run, proxy)
    in_ = run.in_(proxy, ["t"], {"open_timeout": 600_000})
    with connect(in_.port()) as client:
        client.sendall(b"early")
        client.shutdown(socket.SHUT_WR)
        wait_opening(proxy, 1)
        run.out(proxy, {"t": echo_server(run).port})
        assert read_to_end(client) == b"early"


def test_a_proxy_that_ends_lets_nobody_wait(run):
    proxy = run.proxy({"open_timeout": 600_000})
    lose_topic(run, proxy)
    in_ = run.in_(proxy, ["t"], {"open_timeout": 600_000})
    client = connect(in_.port())
    wait_opening(proxy, 1)
    proxy.expected_end = True
    proxy.signal(signal.SIGTERM)
    expect_reset(client)
    assert in_.wait_event("open_failed")["code"] == "draining"
    assert proxy.process.wait(10 * PATIENCE) == 0
