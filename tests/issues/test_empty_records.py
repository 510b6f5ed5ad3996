"""Records without content cost their sender nothing, and whoever reads them keys and answers.

Whoever sends too many of them in a row is ended; a stream beside that goes on all the while
(attack.unharmed), whoever it is: a stranger at the proxy, or a proxy that in and out dial.
"""
import contextlib
import select
import subprocess

import pytest

import secure
from attack import unharmed
from harness import BIN, PATIENCE, connect, echo_server

pytestmark = pytest.mark.plain_only  # TLS is configured here

REASON = "too many TLS records without content"
UPDATES = 100  # for each connection; three times what is taken


class HostileProxy:
    """Shakes hands with whoever comes, floods it, and counts whom that has ended."""

    def __init__(self, run):
        ca = secure.certificates()
        self.process = subprocess.Popen(
            [BIN / "key_updates", "listen", str(UPDATES), ca / "localhost.crt",
             ca / "localhost.key"], stdout=subprocess.PIPE, bufsize=0)
        run.own(self)
        self.port = int(self.process.stdout.readline())

    def wait_ended(self, count):
        for _ in range(count):
            assert select.select([self.process.stdout], [], [], 20 * PATIENCE)[0], "no end"
            assert self.process.stdout.readline() == b"ended\n"

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def flood(proxy, connections):
    """How many of the connections were ended."""
    done = subprocess.run([BIN / "key_updates", "connect", str(proxy.port()), str(connections),
                           str(UPDATES)], capture_output=True, text=True, timeout=60 * PATIENCE,
                          check=True)
    return int(done.stdout)


def tls_chain(run):
    tls = {"tls": secure.client_tls()}
    # No deadline ends them: a slow machine makes its updates slowly.
    proxy = {"tls": secure.proxy_tls(), "handshake_timeout": 120_000}
    return run.chain(echo_server(run).port, proxy=proxy, out=tls, in_=tls)


def test_three_hundred_strangers_that_update_keys_without_end_are_ended_and_no_stream_waits(run):
    chain = tls_chain(run)
    with unharmed(chain):
        assert flood(chain.proxy, 300) == 300
    chain.proxy.wait_event("first message refused", reason=REASON)


def test_a_proxy_that_updates_keys_without_end_is_left_by_out(run):
    chain = tls_chain(run)
    hostile = HostileProxy(run)
    out = run.program("out", {"tls": secure.client_tls(), "retry_interval": 200, "networks": [
        {"server_host": "127.0.0.1", "server_port": port, "topic": "beside",
         "backend_host": "127.0.0.1", "backend_port": echo_server(run).port}
        for port in (chain.proxy.port(), hostile.port)]})
    in_ = run.in_(chain.proxy, ["beside"], {"tls": secure.client_tls()})
    out.wait_event("registered")
    chain.out, chain.in_, chain.port = out, in_, in_.port()
    with unharmed(chain):
        hostile.wait_ended(5)
    assert REASON in str(out.wait_event("not registered"))


def test_a_proxy_that_updates_keys_without_end_is_left_by_in(run):
    chain = tls_chain(run)
    hostile = HostileProxy(run)
    in_ = run.program("in", {"tls": secure.client_tls(), "networks": [
        {"server_host": "127.0.0.1", "server_port": port, "topic": topic,
         "bind": "127.0.0.1", "port": 0}
        for port, topic in ((chain.proxy.port(), "default"), (hostile.port, "hostile"))]})
    chain.in_, chain.port = in_, in_.port(topic="default")
    with unharmed(chain):
        for _ in range(5):
            with contextlib.suppress(ConnectionResetError):  # it is over before we see it begin
                run.own(connect(in_.port(topic="hostile")))
        hostile.wait_ended(5)
    assert REASON in str(in_.wait_event("open_failed"))
