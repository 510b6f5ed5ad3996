"""What of "cluster" needs a restart: a reload says so, and hops go on as before."""
import pytest

from cluster_site import Member, Nats, needs_nats
from harness import connect, echo_server, expect_echo
from reloads import changed, reload

pytestmark = [pytest.mark.plain_only, needs_nats()]


def test_another_name_or_no_cluster_at_all_changes_nothing_before_a_restart(run):
    nats = Nats(run)
    a, b = Member(run, nats), Member(run, nats)
    b.out(echo_server(run).port)
    [port], _ = a.in_()
    with connect(port) as running:
        expect_echo(running)
        written = changed(b.proxy)["cluster"]
        for count, cluster in enumerate(({**written, "name": "other"}, None, written), 1):
            reload(b.proxy, changed(b.proxy, cluster=cluster))
            b.proxy.wait_event("needs a restart", count=count)
            with connect(port) as client:
                expect_echo(client)
        expect_echo(running)


def test_a_proxy_comes_into_no_cluster_by_a_reload(run):
    nats = Nats(run)
    a = Member(run, nats)
    alone = run.proxy()
    run.out(alone, {"t": echo_server(run).port}).wait_event("registered")
    cluster = {**a.config["cluster"], "address": f"127.0.0.1:{alone.port()}"}
    reload(alone, changed(alone, cluster=cluster))
    alone.wait_event("needs a restart")
    with connect(run.in_(alone, ["t"]).port()) as client:
        expect_echo(client)
    assert not alone.find("cluster connected")
