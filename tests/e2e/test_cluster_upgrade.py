"""SIGUSR2 of a proxy of a cluster: neither the others nor anybody's clients notice."""
import os
import signal

import pytest

from cluster_site import Member, Nats, needs_nats
from harness import connect, echo_server, expect_echo, wait_for
from test_cluster_tickets import CARRIER, OWNER, Passed
from test_upgrade import Line, Load

pytestmark = [pytest.mark.plain_only, needs_nats()]
UPGRADES = 3
LONG_STREAMS = 10
NEW_STREAMS_PER_SECOND = 100
# Longer than the old process goes on with those who had reached it.
SERVED_BETWEEN = 80


def serves_on(load, before):
    wait_for(lambda: load.failures or load.served > before + SERVED_BETWEEN, 30, "clients that are served")


@pytest.mark.parametrize("where", ["the clients are", "the topic is"])
def test_streams_over_a_hop_go_on_and_new_ones_find_their_way(run, where):
    nats = Nats(run)
    a, b = Member(run, nats), Member(run, nats)
    out = b.out(echo_server(run).port)
    [port], in_ = a.in_()
    line = run.own(Line((a if where == "the clients are" else b).proxy))
    streams = [connect(port) for _ in range(LONG_STREAMS)]
    for stream in streams:
        expect_echo(stream)
    load = run.own(Load(port, NEW_STREAMS_PER_SECOND))
    for _ in range(UPGRADES):
        served = load.served
        line.upgrade()
        for stream in streams:
            expect_echo(stream)
        serves_on(load, served)
    load.close()
    assert load.failures == [] and in_.find("open_failed") == []
    assert out.find("another proxy answered") == out.find("disconnected") == []
    # Of those between none is left that answers for the proxy.
    for pid in line.pids[1:-1]:
        line.wait_end(pid)
    for stream in streams:
        expect_echo(stream)
        stream.close()
    line.wait_end(line.pids[0])
    # One that has never heard of any of this.
    [port], _ = Member(run, nats).in_()
    with connect(port) as client:
        expect_echo(client)
    assert len({e["proxy"] for e in line.program.find("listening")}) == 1


def test_streams_that_a_proxy_carries_to_another_one_outlive_its_upgrade(run, tmp_path):
    passed = Passed(run, tmp_path, drain_timeout=300)
    in_ = passed.in_(OWNER)
    line = run.own(Line(passed.proxies[CARRIER]))
    with passed.site.stream(in_) as stream:
        line.upgrade()
        expect_echo(stream)
        for _ in range(5):
            assert passed.site.wait_served(in_) == b"1"
        expect_echo(stream)
    # It carries others now, on the data connection that has served that stream.
    os.kill(line.pids[0], signal.SIGTERM)
    line.wait_end(line.pids[0])
    assert passed.site.wait_served(in_) == b"1"
    passed.site.check()
