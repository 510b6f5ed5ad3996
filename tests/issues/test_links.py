"""What in and out say of their links: who is there, who we are for it, which topics are served."""
import time

import pytest

import harness
import secure
from attack import KEY, holder, protected, secret_file
from ext_peer import Control
from harness import connect, echo_server, expect_echo, free_port, wait_for
from legacy import LegacyProxy

LOOK = {"first_look": "on"}


# --- in looks at its proxies at start ---

def test_in_says_that_its_proxy_is_there_and_who_it_is_there(run):
    proxy = run.proxy(protected(mode="required"))
    in_ = run.in_(proxy, ["a", "b"], {**LOOK, **holder()})
    reached = in_.wait_event("proxy reached")
    assert (reached["level"], reached["tls"], reached["identity"]) == ("info", "yes", f"key {KEY}")
    wait_for(lambda: proxy.status()["warm"] == 0, what="end of the look")
    assert len(in_.find("proxy reached")) == 1, "one line for a proxy, however many topics"
    assert proxy.status()["streams_total"] == 0 and not proxy.find("refused")


def test_in_says_that_its_proxy_is_not_there_and_when_it_is(run):
    port = free_port()
    in_ = run.in_(port, ["t"], LOOK)
    missing = in_.wait_event("proxy unreachable")
    assert missing["level"] == "warning" and "refused" in missing["reason"]
    proxy = run.proxy({"port": port})
    run.out(proxy, {"t": echo_server(run).port}).wait_event("registered")
    with connect(in_.port()) as client:
        expect_echo(client)
    assert in_.wait_event("proxy reached")["reason"] == "again"
    with connect(in_.port()) as client:
        expect_echo(client)
    assert len(in_.find("proxy reached")) == 1


def test_in_says_that_its_proxy_does_not_let_it_in(run):
    proxy = run.proxy(protected())
    config = holder(tls=False)
    config["auth"] = {"id": KEY, "secret_file": secret_file("not the secret, but as long")}
    in_ = run.in_(proxy, ["t"], {**LOOK, **config})
    refused = in_.wait_event("proxy refuses")
    assert refused["level"] == "warning" and "not permitted" in refused["reason"]


def test_in_says_that_it_does_not_trust_its_proxy(run):
    proxy = run.proxy({"tls": secure.proxy_tls()})
    other_ca = str(secure.certificates("other ca") / "ca.crt")
    in_ = run.in_(proxy, ["t"], {**LOOK, "tls": {"ca": other_ca}})
    assert "TLS" in in_.wait_event("proxy unreachable")["reason"]


def test_an_old_proxy_is_not_called_a_failure(run):
    proxy = run.own(LegacyProxy())
    in_ = run.in_(proxy, ["t"], LOOK)
    unknown = in_.wait_event("proxy not known")
    assert unknown["level"] == "info" and "older version" in unknown["reason"]
    assert proxy.faults == []


def test_the_first_look_does_not_keep_a_client_waiting(run):
    """The proxy that is looked at is silent; the other one serves."""
    silent = run.own(harness.Server(lambda s: s.recv(1 << 16) and time.sleep(30)))
    proxy = run.proxy()
    run.out(proxy, {"good": echo_server(run).port}).wait_event("registered")
    networks = [{"server_host": "127.0.0.1", "server_port": port, "bind": "127.0.0.1", "port": 0,
                 "topic": topic} for port, topic in ((silent.port, "t"), (proxy.port(), "good"))]
    in_ = run.program("in", {"networks": networks, **LOOK})
    with connect(in_.port(topic="good")) as client:
        expect_echo(client)
    assert not in_.find("proxy unreachable")


# --- who we are ---

def test_out_says_who_it_is_and_what_it_serves(run):
    proxy = run.proxy(protected(mode="required"))
    out = run.out(proxy, {"t": 1234}, holder())
    registered = out.wait_event("registered")
    assert registered["backend"] == "127.0.0.1:1234"
    assert registered["identity"] == f"key {KEY}"
    assert not out.find("not recognised")


@pytest.mark.plain_only
def test_a_key_that_the_proxy_does_not_look_at_is_said(run):
    """It has no auth: whoever reaches it may do the same."""
    proxy = run.proxy()
    out = run.out(proxy, {"t": 1}, holder(tls=False))
    in_ = run.in_(proxy, ["t"], {**LOOK, **holder(tls=False)})
    for program in (out, in_):
        said = program.wait_event("not recognised")
        assert said["level"] == "warning" and "anonymous" in said["reason"]
    assert out.find("registered")[0]["identity"] == "anonymous"


# --- which topics are served ---

def topics(out):
    status = out.status()
    return tuple(status[f"topics_{state}"] for state in ("held", "waiting", "unregistered"))


def test_the_status_of_out_counts_topics_that_hold_wait_and_fail(run):
    proxy = run.proxy({"limits": {"topics": 3}})
    out = run.out(proxy, {"a": 1, "b": 1, "c": 1, "one too many": 1})
    out.wait_event("not registered")
    wait_for(lambda: topics(out) == (3, 0, 1), what="3 topics that are held")
    other = Control(run, proxy, "a")
    wait_for(lambda: topics(out) == (2, 1, 1), what="a topic that waits")
    other.reset()
    wait_for(lambda: topics(out) == (3, 0, 1), what="a topic that is held again")
    proxy.kill()
    wait_for(lambda: topics(out) == (0, 0, 4), what="topics without a proxy")
