"""The failure table: what the user gets when something breaks, row by row.

Rows of their own files: a network that vanishes (test_wan), SIGTERM (test_drain), descriptors that
run out (test_limits), a takeover in all its turns (test_displace), parked connections found dead
(test_pool), broken first messages (test_hostile), bad configuration (test_cli).
"""
import hashlib
import os
import socket
import subprocess
import threading
import time

import pytest

from harness import (PATIENCE, Server, connect, echo_server, expect_echo, expect_failed_open,
                     expect_reset, free_port, read_exactly, refusing_port, wait_for)
from late_server import silent_port
from wan import require, require_name_files

# Long enough for three zero-window probes, whose gaps double up to more than the peer_timeout used
# with it, so that a sweep which takes a paused reader for a dead one is found out.
PAUSE_S = 25
PAUSED_PEER_TIMEOUT_MS = 3000
# in warns of a proxy that it can not reach once in this time.
WARNINGS_APART_S = 5


def pair_of_streams(chain):
    streams = [chain.connect(), chain.connect()]
    for stream in streams:
        expect_echo(stream, b"running")
    return streams


# --- proxy unreachable from in ---

@pytest.mark.parametrize("place, reason", [(refusing_port, "refused"), (silent_port, "time")])
def test_proxy_unreachable_from_in_is_an_rst_each_and_one_warning(run, place, reason):
    port = place(run)
    in_ = run.in_(port, ["t"], {"connect_timeout": 500})
    start = time.monotonic()
    for _ in range(5):
        expect_failed_open(in_.port(), timeout=5)
    in_.wait_event("open_failed", count=5, topic="t")
    warnings = in_.find("proxy unreachable", level="warning")
    assert 1 <= len(warnings) <= 1 + (time.monotonic() - start) // WARNINGS_APART_S
    assert f"127.0.0.1:{port}" in warnings[0]["server"] and reason in warnings[0]["reason"]


# --- topic not registered ---

def test_topic_not_registered_is_an_rst_and_no_topic_at_in_and_proxy(run):
    proxy = run.proxy()
    in_ = run.in_(proxy, ["nobody's"])
    expect_failed_open(in_.port())
    lines = [p.wait_event("open_failed", code="no_topic", topic="nobody's") for p in (in_, proxy)]
    assert lines[0]["id"] == lines[1]["id"]


# --- backend refuses, is unreachable, or its name is unknown ---

@pytest.mark.parametrize("code, host, place", [
    ("backend_refused", "127.0.0.1", refusing_port),
    ("backend_timeout", "127.0.0.1", silent_port),
    ("backend_unresolved", "something.invalid", refusing_port)])
def test_backend_failure_is_an_rst_and_told_with_host_and_port_at_all_three(run, code, host, place):
    proxy, port = run.proxy(), place(run)
    # RES_OPTIONS (resolv.conf(5)): a machine whose name server is silent fails within open_timeout
    out = run.program("out", {"open_timeout": 500 if place is silent_port else 4000, "networks": [
        {"server_host": "127.0.0.1", "server_port": proxy.port(), "topic": "t",
         "backend_host": host, "backend_port": port}]}, env={"RES_OPTIONS": "timeout:1 attempts:1"})
    out.wait_event("registered")
    in_ = run.in_(proxy, ["t"])
    expect_failed_open(in_.port())
    lines = [p.wait_event("open_failed", topic="t", code=code) for p in (in_, proxy, out)]
    assert len({line["id"] for line in lines}) == 1
    for line in lines:
        assert f"{host}:{port}" in line["detail"]


# --- out dies ---

def test_out_killed_resets_its_streams_and_the_topic_is_gone(run):
    chain = run.chain(echo_server(run).port, proxy={"open_timeout": 1000})
    streams = pair_of_streams(chain)
    chain.out.kill()
    for stream in streams:
        expect_reset(stream)
    chain.proxy.wait_event("unregistered", topic="default")
    chain.proxy.wait_event("stream", count=2, reason="reset by out")
    expect_failed_open(chain.port)
    chain.in_.wait_event("open_failed", code="no_topic")


def test_out_killed_hands_the_topic_to_the_next_in_line(run):
    first, second = (run.own(Server(lambda s, name=name: s.sendall(name)))
                     for name in (b"first", b"second"))
    chain = run.chain(first.port)
    holder = run.out(chain.proxy, {"default": second.port})
    chain.out.wait_event("displaced")
    with chain.connect() as stream:
        assert read_exactly(stream, 6) == b"second"
        holder.kill()
        expect_reset(stream)
    chain.proxy.wait_event("promoted", topic="default")
    with chain.connect() as stream:
        assert read_exactly(stream, 5) == b"first"


# --- proxy dies ---

def test_proxy_killed_and_restarted_is_found_again_by_out(run):
    port = free_port()
    proxy = run.proxy({"port": port})
    out = run.out(proxy, {"t": echo_server(run).port}, {"retry_interval": 200})
    out.wait_event("registered")
    in_ = run.in_(proxy, ["t"])
    stream = connect(in_.port())
    expect_echo(stream)

    proxy.kill()
    expect_reset(stream)
    out.wait_event("disconnected", topic="t")
    expect_failed_open(in_.port())
    in_.wait_event("open_failed", code="proxy_unreachable")
    out.wait_event("not registered", topic="t")
    in_.wait_idle()
    out.wait_idle()

    run.proxy({"port": port})
    out.wait_event("registered", count=2)
    with connect(in_.port()) as stream:
        expect_echo(stream)


# --- a name that stops resolving ---

# For so long a program may use an answer without asking again.
FRESH_S = 3
# Runs a program with its own /etc/hosts ($0), the only place where names are looked up.
OWN_NAMES = """mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/nsswitch.conf && shift &&
exec "$@" """


def own_names(tmp_path):
    """(prefix for a program, file in the form of hosts(5) that it resolves with)"""
    require_name_files()
    hosts, switch = tmp_path / "hosts", tmp_path / "nsswitch.conf"
    hosts.write_text("127.0.0.1 relay.test\n")
    switch.write_text("hosts: files\n")
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    prefix = ["unshare", *user, "--mount", "sh", "-c", OWN_NAMES, str(hosts), str(switch)]
    works = subprocess.run([*prefix, "getent", "hosts", "relay.test"], capture_output=True)
    require(works.returncode == 0, "mount namespaces need root or unprivileged user namespaces")
    return prefix, hosts


def test_a_name_that_stops_resolving_keeps_its_last_good_address(run, tmp_path):
    prefix, hosts = own_names(tmp_path)
    port = free_port()
    proxy = run.proxy({"port": port})
    network = {"server_host": "relay.test", "server_port": port, "topic": "t"}
    out = run.program("out", prefix=prefix, config={"retry_interval": 200, "networks": [
        {**network, "backend_host": "127.0.0.1", "backend_port": echo_server(run).port}]})
    out.wait_event("registered")
    in_ = run.program("in", prefix=prefix, config={"networks": [{**network, "port": 0}]})
    with connect(in_.port()) as stream:
        expect_echo(stream)

    hosts.write_text("")
    vanished = time.monotonic()
    while time.monotonic() < vanished + FRESH_S + 1:
        with connect(in_.port()) as stream:
            expect_echo(stream)
    proxy.kill()
    run.proxy({"port": port})
    out.wait_event("registered", count=2)


def test_a_name_that_never_resolved_is_told_and_found_once_it_does(run, tmp_path):
    prefix, hosts = own_names(tmp_path)
    hosts.write_text("")
    in_ = run.program("in", prefix=prefix, config={"networks": [
        {"server_host": "relay.test", "server_port": run.proxy().port(), "port": 0}]})
    for attempt in (1, 2):
        expect_failed_open(in_.port())
        line = in_.wait_event("open_failed", count=attempt)
        # Whether it is not known or no name server was there to ask depends on the machine.
        assert line["code"] == "proxy_unreachable" and "relay.test" in line["detail"]
    assert "relay.test" in in_.wait_event("proxy unreachable")["reason"]
    hosts.write_text("127.0.0.1 relay.test\n")

    def is_found():  # at once, or after the pause that a silent name server makes
        expect_failed_open(in_.port())
        return in_.find("open_failed", code="no_topic")
    wait_for(is_found, what="a proxy whose name is known now")


# --- another out takes the topic ---

def test_another_out_takes_the_topic_and_running_streams_live_on(run):
    chain = run.chain(echo_server(run).port)
    with chain.connect() as stream:
        expect_echo(stream)
        other = run.out(chain.proxy, {"default": echo_server(run).port})
        other.wait_event("registered")
        warning = chain.out.wait_event("displaced", topic="default")
        assert warning["level"] == "warning" and "displaced by" in warning["reason"]
        expect_echo(stream)
        assert other.stop() == 0
        chain.out.wait_event("promoted", topic="default")
        expect_echo(stream)
    assert not chain.out.find("disconnected")


# --- a side pauses reading ---

class Paused:
    """Sends into a stream whose other side does not read, until the whole path is full."""

    def __init__(self, sender, reader):
        self.sender, self.reader = sender, reader
        self.sent = hashlib.sha256()
        self.size = 0
        self.last_growth = time.monotonic()
        self.may_end = threading.Event()
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _send(self):
        self.sender.settimeout(None)
        while not self.may_end.is_set():
            block = os.urandom(65536)
            self.sender.sendall(block)
            self.sent.update(block)
            self.size += len(block)
            self.last_growth = time.monotonic()
        self.sender.shutdown(socket.SHUT_WR)

    def is_stopped(self):
        return self.size and time.monotonic() - self.last_growth > 1

    def read_all(self):
        self.may_end.set()
        received = hashlib.sha256()
        while part := self.reader.recv(1 << 20):
            received.update(part)
        self.thread.join(20 * PATIENCE)
        return received.hexdigest() == self.sent.hexdigest()


def stream_to(backend, chain):
    """(client, its connection at the backend)"""
    before = len(backend.connections)
    client = chain.connect()
    wait_for(lambda: len(backend.connections) > before, what="backend connection")
    return client, backend.connections[-1]


def test_a_client_or_a_backend_that_pauses_reading_loses_nothing(run):
    backend = run.own(Server(lambda s: None))
    short = {"peer_timeout": PAUSED_PEER_TIMEOUT_MS}
    chain = run.chain(backend.port, proxy=short, out=short, in_=short)
    client, pausing_backend = stream_to(backend, chain)
    pausing_client, sender = stream_to(backend, chain)
    paused = [Paused(client, pausing_backend), Paused(sender, pausing_client)]
    wait_for(lambda: all(p.is_stopped() for p in paused), 30, "back-pressure at both senders")
    time.sleep(PAUSE_S)  # the pause is what is tested: no condition ends it
    for program in chain.all():
        assert program.status()["streams"] == 2
    for p in paused:
        assert p.read_all()
