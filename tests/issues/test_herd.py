"""Many who come back at once are served one after another, and nobody works for nothing."""
import os
import subprocess

import pytest

import harness
import secure
import wan
from harness import expect_echo, wait_for

TOPICS = 400
CLIENTS = 250
# So short that as many handshakes at once, each some milliseconds of a processor, can not all end
# in it.
SHORT = {"connect_timeout": int(500 * harness.PATIENCE), "retry_interval": 200, "threads": 2}


class Herd:
    """A network namespace, whose kernel counts the connections that were accepted in it."""

    def __init__(self, run):
        wan.require(os.geteuid() == 0, "network namespaces need root")
        self.run = run
        self.namespace = wan.new_namespace()
        run.own(self)
        self.inside(subprocess.run, ["ip", "link", "set", "lo", "up"], check=True)

    def inside(self, function, *args, **options):
        return wan.inside(self.namespace, function, *args, **options)

    def program(self, name, config):
        return self.run.program(name, config, prefix=wan.prefix(self.namespace), level="info")

    def proxy(self):
        proxy = self.program("proxy", {
            "port": 40001, "pool": {"min": 1, "max": 100}, "tls": secure.proxy_tls(),
            "limits": {"topics": TOPICS}, "threads": 2})
        proxy.port()
        return proxy

    def networks(self, more):
        return [{"server_host": "localhost", "server_port": 40001, "topic": f"t{number}", **more}
                for number in range(TOPICS)]

    def out(self, backend_port):
        return self.program("out", {**SHORT, "tls": secure.client_tls(), "networks": self.networks(
            {"backend_host": "127.0.0.1", "backend_port": backend_port})})

    def accepted(self):
        with_names, values = [line.split() for line in self.inside(
            lambda: open("/proc/thread-self/net/snmp").read()).splitlines()
            if line.startswith("Tcp:")]
        return int(dict(zip(with_names, values))["PassiveOpens"])

    def close(self):
        os.close(self.namespace)


@pytest.fixture
def herd(run):
    return Herd(run)


def test_topics_that_come_back_at_once_register_without_wasted_connections(run, herd):
    proxy = herd.proxy()
    out = herd.out(40003)
    out.wait_event("registered", count=TOPICS, timeout=40)
    proxy.kill()
    out.wait_event("disconnected", count=TOPICS, timeout=20)
    before = herd.accepted()
    proxy = herd.proxy()
    out.wait_event("registered", count=2 * TOPICS, timeout=40)
    wait_for(lambda: proxy.status()["parked"] >= TOPICS, 40, "a parked connection of each topic")
    # One for control and one that is parked.
    assert 2 * TOPICS <= herd.accepted() - before < 3 * TOPICS


def test_clients_that_come_at_once_are_all_served(run, herd):
    herd.proxy()
    backend = run.own(herd.inside(harness.Server, harness.echo))
    herd.out(backend.port).wait_event("registered", topic="t0", timeout=40)
    in_ = herd.program("in", {**{key: SHORT[key] for key in ("connect_timeout", "threads")},
                              "tls": secure.client_tls(),
                              "networks": [{"server_host": "localhost", "server_port": 40001,
                                            "port": 40002, "topic": "t0"}]})
    in_.port()
    clients = herd.inside(lambda: [run.own(harness.connect(40002)) for _ in range(CLIENTS)])
    for client in clients:
        expect_echo(client)
    assert not in_.find("open_failed")
