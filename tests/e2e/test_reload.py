"""SIGHUP and changed files: in takes a new configuration into use, and what is the same runs on.

The proxy's and out's reloads are in test_reload_keys.py and test_reload_out.py.
"""
import json
import os
import signal

import pytest

import harness
from harness import (connect, expect_echo, expect_failed_open, expect_refused, expect_reset,
                     free_port, read_exactly, refusing_port, wait_for)
from reloads import (Bulk, Clients, Topics, changed, is_served_by, network_of, of_topic, reload,
                     stream_of, who_serves, with_networks)

pytestmark = pytest.mark.plain_only


@pytest.fixture
def topics(run):
    return Topics(run)


# --- networks come, go and change ---

def test_a_network_that_is_added_is_served_and_the_others_keep_their_place(run, topics):
    in_ = run.in_(topics.proxy, ["a"])
    port = in_.port(topic="a")
    with stream_of(port, b"a"):
        line = reload(in_, with_networks(in_, "a", of_topic(in_, "b"), of_topic(in_, "c")))
        assert (line["cause"], line["changed"]) == ("signal", "networks")
        assert who_serves(in_.port(topic="b")) == b"b" and who_serves(in_.port(topic="c")) == b"c"
        assert who_serves(port) == b"a"
    assert len(in_.find("listening")) == 3 and not in_.find("listens no more")


def test_a_network_that_is_removed_takes_no_clients_and_its_streams_live_on(run, topics):
    in_ = run.in_(topics.proxy, ["a", "b"])
    ports = {topic: in_.port(topic=topic) for topic in "ab"}
    bulk = Bulk(run, ports["b"], b"b")
    bulk.moves()
    reload(in_, with_networks(in_, "a"))
    assert in_.wait_event("listens no more")["topic"] == "b"
    expect_refused(ports["b"])
    bulk.moves()
    assert who_serves(ports["a"]) == b"a"
    reload(in_, with_networks(in_, of_topic(in_, "c")))
    bulk.moves()
    bulk.end()
    in_.wait_idle()
    assert not in_.find("open_failed")
    assert in_.find("stream", topic="b")[-1]["reason"] == "done"


def test_clients_of_a_changed_network_get_the_new_topic_and_old_streams_go_on(run, topics):
    port = free_port()
    in_ = run.in_(topics.proxy, ["a"])
    in_.port()
    reload(in_, with_networks(in_, of_topic(in_, "a", port=port)))
    with stream_of(port, b"a"):
        reload(in_, with_networks(in_, of_topic(in_, "b", port=port)))
        with stream_of(port, b"b"):
            reload(in_, with_networks(in_, of_topic(in_, "c", port=port)))
            assert who_serves(port) == b"c"
    assert len(in_.find("listening", address=f"127.0.0.1:{port}")) == 1


def test_two_networks_may_change_their_places_and_their_order(run, topics):
    first, second = free_port(), free_port()
    in_ = run.in_(topics.proxy, ["a"])
    in_.port()
    reload(in_, with_networks(in_, of_topic(in_, "a", port=first), of_topic(in_, "b", port=second)))
    with stream_of(first, b"a"), stream_of(second, b"b"):
        reload(in_, with_networks(in_, of_topic(in_, "a", port=second),
                                  of_topic(in_, "b", port=first)))
        assert (who_serves(first), who_serves(second)) == (b"b", b"a")
        reload(in_, with_networks(in_, "b", "a"))
        assert (who_serves(first), who_serves(second)) == (b"b", b"a")


def test_a_network_that_moves_to_another_proxy_does_so_for_its_next_clients(run, topics):
    other = Topics(run)
    port = free_port()
    in_ = run.in_(topics.proxy, ["a"])
    in_.port()
    reload(in_, with_networks(in_, of_topic(in_, "a", port=port)))
    with stream_of(port, b"a"):
        reload(in_, with_networks(in_, of_topic(in_, "a", port=port,
                                                server_port=other.proxy.port())))
        with stream_of(port, b"a"):
            assert topics.proxy.status()["streams"] == other.proxy.status()["streams"] == 1
    wait_for(lambda: topics.proxy.status()["warm"] == 0, what="end of spares of the old proxy")
    assert who_serves(port) == b"a"
    assert topics.proxy.status()["streams_total"] == 1


def test_a_stream_that_is_being_opened_opens_although_its_network_has_gone(run, topics):
    in_ = run.in_(topics.proxy, ["a", "b"])
    port = in_.port(topic="a")
    topics.proxy.signal(signal.SIGSTOP)
    client = run.own(connect(port))
    wait_for(lambda: in_.status()["opening"] == 1, what="opening stream")
    reload(in_, with_networks(in_, "b"))
    expect_refused(port)
    topics.proxy.signal(signal.SIGCONT)
    assert read_exactly(client, 1) == b"a"
    expect_echo(client)


def test_what_is_the_same_keeps_its_spare_connection(run, topics):
    in_ = run.in_(topics.proxy, ["a"], {"threads": 1})
    port = in_.port()
    for use in 1, 2, 3:
        assert who_serves(port) == b"a"
        assert in_.wait_event("stream", count=use)["use"] == use
        wait_for(lambda: in_.status()["warm"] == 1, what="spare connection")
        reload(in_, with_networks(in_, "a", of_topic(in_, "b", port=0))
               if use == 1 else changed(in_, idle_timeout=600_000 + use))
    assert topics.proxy.status()["warm"] == 1


def test_no_client_of_an_untouched_network_notices_twenty_reloads(run, topics):
    in_ = run.in_(topics.proxy, ["a"])
    port = in_.port(topic="a")
    bulk = Bulk(run, port, b"a")
    with Clients(port, b"a") as clients:
        for i in range(20):
            others = [[], [of_topic(in_, "b")], [of_topic(in_, "b"), of_topic(in_, "c")]][i % 3]
            reload(in_, {**with_networks(in_, "a", *others), "connect_timeout": 5_000 + i % 2,
                         "limits": {"streams_per_client": 1_000 + i}})
            clients.more(3)
        bulk.moves()
    bulk.end()
    assert len(in_.find("listening", topic="a")) == 1
    status = in_.wait_idle()
    assert (status["reloads_total"], status["reloads_failed_total"]) == (20, 0)
    assert not in_.find("open_failed") and not in_.find("client refused")


# --- what is wrong changes nothing ---

def bad_json(run, in_, free, missing):
    return json.dumps(in_.config)[:-1], "expected"


def bad_value(run, in_, free, missing):
    return with_networks(in_, "a", of_topic(in_, "b", port=65_536)), "networks[1].port"


def missing_file(run, in_, free, missing):
    config = with_networks(in_, "a", of_topic(in_, "b", port=free))
    return {**config, "auth": {"id": "x", "secret_file": missing}}, missing


def taken_port(run, in_, free, missing):
    return with_networks(in_, of_topic(in_, "c", port=free),
                         of_topic(in_, "b", port=refusing_port(run))), "in use"


@pytest.mark.parametrize("spoil", [bad_json, bad_value, missing_file, taken_port])
def test_a_configuration_that_can_not_be_used_changes_nothing_and_says_why(run, topics, tmp_path,
                                                                          spoil):
    in_ = run.in_(topics.proxy, ["a"])
    port, free = in_.port(topic="a"), free_port()
    assert in_.status()["last_reload"] == "none"
    good = in_.config
    with stream_of(port, b"a"):
        config, why = spoil(run, in_, free, str(tmp_path / "missing"))
        line = reload(in_, config, fails=True)
        assert (line["level"], line["cause"]) == ("error", "signal")
        assert why in line["reason"]
        assert who_serves(port) == b"a"
        expect_refused(free)
        status = in_.status()
        assert status["last_reload"] == "failed: " + line["reason"]
        assert (status["reloads_total"], status["reloads_failed_total"]) == (0, 1)
        reload(in_, {**good, "idle_timeout": 600_000})
        assert in_.status()["last_reload"] == "done"
    assert len(in_.find("listening")) == 1 and not in_.find("listens no more")


def test_a_file_that_is_gone_is_a_problem_and_no_empty_configuration(run, topics):
    in_ = run.in_(topics.proxy, ["a"])
    port, file = in_.port(), in_.config_file.name
    os.rename(file, file + ".away")
    try:
        assert file in reload(in_, fails=True)["reason"]
        assert who_serves(port) == b"a"
    finally:
        os.rename(file + ".away", file)
    reload(in_)


def test_more_networks_than_there_are_descriptors_are_none(run, topics):
    in_ = run.in_(topics.proxy, ["a"], {"threads": 1}, prefix=["prlimit", "--nofile=64:64"])
    port = in_.port()
    few, many = in_.config, with_networks(in_, "a", *[of_topic(in_, "b")] * 80)
    with stream_of(port, b"a"):
        descriptors = in_.descriptors()
        for _ in range(3):
            assert "many open files" in reload(in_, many, fails=True)["reason"]
            assert who_serves(port) == b"a"
        # Spare connections may come and go.
        wait_for(lambda: in_.descriptors() <= descriptors + 2, what="end of the new listeners")
        reload(in_, few)
    assert len(in_.find("listening")) == 1


def test_all_that_is_wrong_is_told_but_not_without_end(run, topics):
    in_ = run.in_(topics.proxy, ["a"])
    in_.port()
    reload(in_, with_networks(in_, *[of_topic(in_, "a", port=-1) for _ in range(50)]), fails=True)
    in_.wait_event("not reloaded", more_problems=30)
    assert in_.status()["reloads_failed_total"] == 1


def test_what_needs_a_restart_is_named_and_the_rest_is_in_use(run, topics):
    in_ = run.in_(topics.proxy, ["a"])
    in_.port()
    reload(in_, {**with_networks(in_, "a", of_topic(in_, "b")), "threads": 1,
                 "stream_buffer": 100_000})
    line = in_.wait_event("needs a restart")
    assert (line["level"], line["keys"]) == ("warning", "stream_buffer, threads")
    assert who_serves(in_.port(topic="b")) == b"b"
    reload(in_)
    assert len(in_.find("needs a restart")) == 1, "it is the same as what was read last"


# --- what takes effect at once ---

def test_the_log_level_of_the_file_counts_from_now_on(run, topics):
    port = free_port()
    network = {"server_host": "127.0.0.1", "server_port": topics.proxy.port(), "bind": "127.0.0.1",
               "port": port, "topic": "a"}
    # One thread: who is served behind a reload is served after it.
    in_ = run.in_(topics.proxy, [], {"networks": [network], "log": {"level": "warning"},
                                     "threads": 1}, level=None)
    wait_for(lambda: is_served_by(port, b"a"), what="start")
    # What proxy and out have ended is over for in, too, before it can read its file.
    topics.out.wait_idle()
    topics.proxy.wait_idle()
    reload(in_, changed(in_, log={"level": "info"}))
    assert who_serves(port) == b"a"
    in_.wait_event("stream")
    in_.configure({**with_networks(in_, "a", of_topic(in_, "b", port=free_port())),
                   "log": {"level": "warning"}})
    in_.signal(signal.SIGHUP)
    wait_for(lambda: is_served_by(in_.config["networks"][1]["port"], b"b"), what="reload")
    assert who_serves(port) == b"a"
    topics.out.wait_idle()
    topics.proxy.wait_idle()
    reload(in_, changed(in_, log={"level": "info"}))
    assert len(in_.find("stream")) == 1


def test_a_level_that_was_given_by_a_flag_stays(run, topics):
    in_ = run.in_(topics.proxy, ["a"], {"log": {"level": "info"}}, level="info")
    port = in_.port()
    reload(in_, changed(in_, log={"level": "error"}))
    assert who_serves(port) == b"a"
    in_.wait_event("stream")


def test_a_limit_per_client_counts_for_those_who_come_next(run, topics):
    in_ = run.in_(topics.proxy, ["a"])
    port = in_.port()
    limit = {"limits": {"streams_per_client": 3}}
    reload(in_, {**in_.config, **limit})
    with stream_of(port, b"a"), stream_of(port, b"a"):
        reload(in_, changed(in_, limits={"streams_per_client": 2}))
        expect_failed_open(port)
        assert "streams_per_client" in in_.wait_event("client refused")["reason"]
        reload(in_, changed(in_, limits=None))
        with stream_of(port, b"a"):
            reload(in_, changed(in_, limits={"streams_per_client": 3}))
            assert who_serves(port) == b"a"


def test_who_may_connect_is_asked_of_those_who_come_next(run, topics):
    in_ = run.in_(topics.proxy, ["a", "b"])
    ports = {topic: in_.port(topic=topic) for topic in "ab"}
    with stream_of(ports["a"], b"a"):
        reload(in_, changed(in_, deny=["127.0.0.0/8"]))
        for port in ports.values():
            expect_failed_open(port)
        assert in_.wait_event("client refused")["reason"] == "allow and deny"
        reload(in_, with_networks(in_, {**network_of(in_, "a"), "deny": []}, "b"))
        assert who_serves(ports["a"]) == b"a"
        expect_failed_open(ports["b"])
        reload(in_, changed(in_, deny=None, allow=["10.0.0.0/8"]))
        expect_failed_open(ports["b"])
        reload(in_, changed(in_, allow=["10.0.0.0/8", "127.0.0.1/32"]))
        assert who_serves(ports["b"]) == b"b"


def test_timeouts_of_running_streams_are_the_new_ones(run, topics):
    in_ = run.in_(topics.proxy, ["a"], {"drain_timeout": 600_000})
    with connect(in_.port()) as idle:
        assert read_exactly(idle, 1) == b"a"
        reload(in_, changed(in_, idle_timeout=1_000))
        expect_reset(idle)
        assert "idle" in in_.wait_event("stream")["reason"]
    reload(in_, changed(in_, idle_timeout=None, drain_timeout=300))
    with connect(in_.port()) as stream:
        assert read_exactly(stream, 1) == b"a"
        assert in_.stop() == 0
        expect_reset(stream)


def test_only_a_new_proxy_is_looked_at(run, topics):
    other = Topics(run)
    in_ = run.in_(topics.proxy, ["a"], {"first_look": "on"})
    in_.wait_event("proxy reached")
    reload(in_, with_networks(in_, "a", of_topic(in_, "b")))
    reload(in_, with_networks(in_, "a", of_topic(in_, "c", server_port=other.proxy.port())))
    reached = in_.wait_event("proxy reached", count=2)
    assert reached["server"].endswith(f":{other.proxy.port()}")
    reload(in_, with_networks(in_, "c", "a"))
    in_.wait_idle()
    assert len(in_.find("proxy reached")) == 2


# --- asking for it ---

def test_without_a_file_there_is_nothing_new_and_a_reload_says_so(run, topics):
    in_ = run.program("in", args=["--server", f"127.0.0.1:{topics.proxy.port()}",
                                  "--bind", "127.0.0.1:0", "--topic", "a"])
    port = in_.port()
    with stream_of(port, b"a"):
        line = reload(in_)
        assert (line["changed"], line["files"]) == ("", "")
        assert who_serves(port) == b"a"


def test_a_program_that_ends_takes_no_new_configuration(run, topics):
    in_ = run.in_(topics.proxy, ["a"], {"drain_timeout": 600_000})
    with stream_of(in_.port(), b"a"):
        in_.expected_end = True
        in_.signal(signal.SIGTERM)
        in_.wait_event("draining")
        assert reload(in_, fails=True)["reason"] == "it is ending"
        assert in_.status()["reloads_failed_total"] == 1
    assert in_.process.wait(10 * harness.PATIENCE) == 0


def test_a_hundred_requests_at_once_harm_nobody(run, topics):
    in_ = run.in_(topics.proxy, ["a"])
    with Clients(in_.port(), b"a") as clients:
        for _ in range(100):
            in_.signal(signal.SIGHUP)
        clients.more(20)
        reload(in_)
    assert not in_.find("not reloaded")


def test_a_fifo_in_place_of_a_secret_is_no_wait(run, topics, tmp_path):
    os.mkfifo(tmp_path / "secret", 0o600)
    in_ = run.in_(topics.proxy, ["a"])
    with Clients(in_.port(), b"a") as clients:
        line = reload(in_, changed(in_, auth={"id": "x", "secret_file": str(tmp_path / "secret")}),
                      fails=True)
        assert "secret_file" in line["reason"] and "regular file" in line["reason"]
        clients.more()


def test_a_configuration_that_never_comes_holds_up_neither_streams_nor_the_end(run, topics):
    in_ = run.in_(topics.proxy, ["a"], {"drain_timeout": 0})
    file = in_.config_file.name
    with Clients(in_.port(), b"a") as clients:
        os.rename(file, file + ".old")
        os.mkfifo(file)
        for _ in range(3):
            in_.signal(signal.SIGHUP)
            clients.more()
        assert in_.status()["reloads_total"] == 0
        os.rename(file, file + ".fifo")
        os.rename(file + ".old", file)
        with open(file + ".fifo", "w") as fifo:
            fifo.write(json.dumps(in_.config))
        in_.wait_event("reloaded")
        os.rename(file + ".fifo", file)
        in_.signal(signal.SIGHUP)
        clients.more()
        clients.stop.set()
    assert in_.stop() == 0
    assert in_.find("stopped")
