"""Reloads for ever need no more memory than one. Not part of the sanitizers' builds, which keep what
was freed for a while."""
import signal
import time

import pytest

import harness
import secure
from harness import expect_refused, free_port, wait_for
from reloads import (Topics, changed, is_served_by, of_topic, reload, resident_kb, who_serves,
                     with_networks)
from test_memory import Scarcity

pytestmark = pytest.mark.plain_only  # this test chooses the protection itself
KB_A_RELOAD = 8


@pytest.fixture
def topics(run, monkeypatch):
    monkeypatch.setattr(secure, "TLS", True)
    return Topics(run)


def test_fifty_reloads_leave_nothing_behind(run, topics):
    in_ = run.in_(topics.proxy, ["a"], {"threads": 1})
    port = in_.port()
    first = in_.config["networks"][0]
    tls = in_.config["tls"]

    def reload_all(count):
        for i in range(count):
            # New proxy links with TLS of their own, networks and listeners, each time.
            own = [{**tls, "server_name": "localhost"}, tls]
            more = [of_topic(in_, "b", tls=own[i % 2]), of_topic(in_, "c")] if i % 3 else []
            reload(in_, changed(in_, networks=[first, *more], connect_timeout=5_000 + i % 2))
            if i % 5 == 0:
                assert who_serves(port) == b"a"
        in_.wait_idle()
        return resident_kb(in_)
    after_some = reload_all(20)
    after_many = reload_all(50)
    assert after_many - after_some < 50 * KB_A_RELOAD * harness.PATIENCE
    assert in_.status()["reloads_total"] == 70


def test_a_reload_for_which_there_is_no_memory_leaves_no_half_of_it_behind(run, tmp_path):
    topics = Topics(run)
    scarcity = Scarcity(tmp_path / "one_in")
    in_ = run.in_(topics.proxy, ["a"], {"threads": 1}, env=scarcity.environment())
    port, ports = in_.port(), [free_port() for _ in range(10)]
    few = in_.config
    many = with_networks(in_, "a", *[of_topic(in_, "b", port=port) for port in ports])
    for one_in in 2_000, 500, 150:
        scarcity.set(one_in)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for config in many, few:
                in_.configure(config)
                in_.signal(signal.SIGHUP)
                is_served_by(port, b"a")
        scarcity.set(0)
        wait_for(lambda: is_served_by(port, b"a"), what="an end of the shortage")
        reload(in_, few)
        for gone in ports:
            expect_refused(gone)
        reload(in_, many)
        assert all(who_serves(each) == b"b" for each in ports)
        reload(in_, few)
    assert in_.find("not reloaded")
    in_.wait_idle()
