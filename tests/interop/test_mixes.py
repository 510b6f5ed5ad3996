"""The same promises in all eight mixes of our programs and 0.0.1 peers."""
import itertools
import os
import socket
import threading
import time

import pytest

import harness
from harness import connect, free_port, read_exactly, read_to_end, wait_for
from legacy import LegacyIn, LegacyOut, LegacyProxy
from peers import exchange

# Seconds, short: both must fit a test. Whatever stands still for less than the timeout is not dead.
HEARTBEAT, HEARTBEAT_TIMEOUT = 0.2, 2.0
# Within the 255 bytes of a topic, the text that grows most in JSON.
LONGEST_TOPIC = '"\\' * 127 + "t"


class Mix:
    """in, proxy and out of the given kinds around one backend; .port is where clients connect."""

    def __init__(self, run, kinds, backend, topic="default", proxy_port=0, heartbeat_timeout=20.0):
        self.run, self.topic, self.heartbeat_timeout = run, topic, heartbeat_timeout
        self.in_kind, self.proxy_kind, self.out_kind = kinds
        self.start_proxy(proxy_port)
        self.start_out(backend)
        self.wait_registered()
        self.start_in()
        self.port = self.in_.port(topic=topic)

    def start_proxy(self, port):
        ours = self.proxy_kind == "ours"
        self.proxy = self.run.proxy({"port": port}) if ours else self.run.own(LegacyProxy(port))

    def start_out(self, backend):
        if self.out_kind == "ours":
            self.out = self.run.out(self.proxy, {self.topic: backend},
                                    {"heartbeat_interval": int(1000 * HEARTBEAT),
                                     "heartbeat_timeout": int(1000 * self.heartbeat_timeout)})
        else:
            self.out = self.run.own(LegacyOut(self.proxy.port(), {self.topic: backend},
                                              heartbeat_interval=HEARTBEAT,
                                              heartbeat_timeout=self.heartbeat_timeout))

    def start_in(self):
        self.in_ = (self.run.in_(self.proxy, [self.topic]) if self.in_kind == "ours"
                    else self.run.own(LegacyIn(self.proxy.port(), self.topic)))

    def wait_registered(self, count=1):
        if self.out_kind == "ours":
            self.out.wait_event("registered", count=count)
        else:
            self.out.wait_registered(count)

    def restart_proxy(self):
        port = self.proxy.port()
        (self.proxy.kill if self.proxy_kind == "ours" else self.proxy.close)()
        self.start_proxy(port)

    def registrations(self):
        return (len(self.out.find("registered")) if self.out_kind == "ours"
                else self.out.registrations)

    def faults(self):
        return [fault for peer in (self.in_, self.proxy, self.out)
                for fault in getattr(peer, "faults", [])]


@pytest.fixture(params=itertools.product(("ours", "legacy"), repeat=3),
                ids=lambda kinds: "in-{}_proxy-{}_out-{}".format(*kinds))
def kinds(request):
    return request.param


@pytest.fixture
def start(run, kinds):
    """Starts a Mix; at the end no 0.0.1 peer in it may have met what it can not cope with."""
    mixes = []

    def start_mix(backend, **options):
        mixes.append(Mix(run, kinds, backend, **options))
        return mixes[-1]
    yield start_mix
    assert [mix.faults() for mix in mixes] == [[]] * len(mixes)


def test_a_megabyte_comes_back_as_it_was_sent(run, start):
    mix = start(harness.echo_server(run).port)
    data = os.urandom(1 << 20)
    with connect(mix.port) as client:
        assert exchange(client, data) == data


def test_concurrent_streams_do_not_mix(run, start):
    mix = start(harness.echo_server(run).port)
    results = {}

    def one(number):
        data = os.urandom(200_000 + number)
        with connect(mix.port) as client:
            results[number] = exchange(client, data) == data
    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: True for n in range(12)}


def test_a_refused_backend_ends_the_client(run, start, kinds):
    mix = start(harness.refusing_port(run))
    if kinds[0] == "ours":
        harness.expect_failed_open(mix.port)
        return
    with connect(mix.port) as client:
        assert client.recv(1) == b""


def test_heartbeats_keep_a_quiet_registration(run, start, kinds):
    mix = start(harness.echo_server(run).port, heartbeat_timeout=HEARTBEAT_TIMEOUT)
    quiet_until = time.monotonic() + 1.4 * HEARTBEAT_TIMEOUT
    if kinds[1] == "legacy":
        wait_for(lambda: mix.proxy.pings >= 14, what="14 pings")
    elif kinds[2] == "legacy":
        wait_for(lambda: mix.out.pongs >= 14, what="14 pongs")
    wait_for(lambda: time.monotonic() > quiet_until, what="longer quiet than the timeout")
    assert mix.registrations() == 1
    with connect(mix.port) as client:
        assert exchange(client, b"still here") == b"still here"


def test_out_registers_again_after_a_proxy_restart(run, start):
    mix = start(harness.echo_server(run).port, proxy_port=free_port())
    mix.restart_proxy()
    mix.wait_registered(count=2)
    with connect(mix.port) as client:
        assert exchange(client, b"back again") == b"back again"


def test_the_end_of_the_client_reaches_the_backend(run, start, kinds):
    """Half-close is kept where all three are ours; a 0.0.1 hop ends both directions."""
    ends = []

    def answer_after_the_end(s):
        ends.append(read_to_end(s))
        s.sendall(b"answer")
        s.close()
    mix = start(run.own(harness.Server(answer_after_the_end)).port)
    with connect(mix.port) as client:
        client.sendall(b"request")
        client.shutdown(socket.SHUT_WR)
        if "legacy" not in kinds:
            assert read_to_end(client) == b"answer"
        wait_for(lambda: ends == [b"request"], what="end at the backend")


def test_the_longest_topic_still_fits_one_frame(run, start):
    mix = start(harness.echo_server(run).port, topic=LONGEST_TOPIC)
    with connect(mix.port) as client:
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
