"""Nobody is judged by an address that others share: a site whose neighbours fail is served, and who
only looks whether the proxy is there pays nothing. And the other way round: what attacks costs its
source.

The site and its neighbours come from STRANGER's address, where nobody is trusted.
"""
import socket
import ssl
import threading
import time

import pytest

import websocket
from attack import (KEY, OTHER, STRANGER, Crowd, ask, client_context, code_of, dial, ended,
                    holder, key_entry, protected, proven, request, secret_file)
from harness import (PATIENCE, Server, echo_server, expect_echo, expect_failed_open, reset,
                     wait_for)

pytestmark = pytest.mark.plain_only  # keys are configured here


class Site:
    """A proxy that trusts nobody, and a registered out beside a listener of in, all of which reach
    it through a relay of bytes that comes from STRANGER's address."""

    def __init__(self, run, tls=False, **proxy):
        self.run = run
        config = protected() if tls else {"auth": {"keys": [key_entry()]}}
        self.proxy = run.proxy({"trusted": [], **config, **proxy})
        self.door = run.own(Server(self._carry))
        self.own = holder(tls)
        self.out = run.out(self.door.port, {"t": echo_server(run).port}, self.own)
        self.out.wait_event("registered")
        self.in_ = run.in_(self.door.port, ["t"], self.own)
        self.port = self.in_.port()

    def _carry(self, s):
        up = socket.create_connection(("127.0.0.1", self.proxy.port()), 20 * PATIENCE,
                                      (STRANGER, 0))
        up.settimeout(None)
        back = threading.Thread(target=self._copy, args=(up, s), daemon=True)
        back.start()
        self._copy(s, up)
        back.join()
        up.close()
        s.close()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            reset_quietly(sink)

    def serve(self, streams):
        """Opens as many streams one after the other; how many were served."""
        served = 0
        for _ in range(streams):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 20 * PATIENCE) as client:
                    expect_echo(client)
                    served += 1
            except (OSError, EOFError):
                pass
        return served


def reset_quietly(s):
    try:
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Neighbour:
    """Does the same thing again and again from STRANGER's address."""

    def __init__(self, run, act, per_second):
        self.over = threading.Event()
        self.count, self.answer = 0, ("", "")
        self.act, self.pause = act, 1 / per_second
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        run.own(self)

    def _run(self):
        while not self.over.wait(self.pause):
            try:
                self.answer = self.act() or self.answer
            except (OSError, EOFError, AssertionError):
                pass
            self.count += 1

    def close(self):
        self.over.set()
        self.thread.join(30 * PATIENCE)


def http(proxy, source=STRANGER):
    with dial(proxy, source) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n")
        ended(s)


def guess(proxy, source=STRANGER):
    """(code, message) of what a wrong secret is answered."""
    with dial(proxy, source) as s:
        answer = ask(s, "InRequest", proven("InRequest", request("InRequest"), secret="no" * 10))
        return code_of(answer), answer["message"]


def punish(proxy):
    """Until STRANGER's address has a penalty of some seconds."""
    def told():
        try:
            code, message = guess(proxy)
        except (OSError, EOFError):
            return False
        return code == "penalised" and "retry in 1 s" not in message
    wait_for(told, what="a penalty")


# --- neighbours ---

@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_http_requests_from_a_sites_address_do_not_lock_the_site_out(run, tls):
    """5 a second: before, 1 of 48 streams was served."""
    site = Site(run, tls)
    for _ in range(20):  # more than are free
        http(site.proxy)
    neighbour = Neighbour(run, lambda: http(site.proxy), 5)
    assert site.serve(48) == 48
    neighbour.close()
    assert neighbour.count > 0 and not site.out.find("disconnected")


def test_garbage_of_a_neighbour_does_not_delay_a_sites_handshakes(run):
    """They take turns with failed handshakes only. Before, whatever failed took them: 3 of 10 streams
    of a site over TLS were served."""
    site = Site(run, tls=True)
    Crowd(run, site.proxy.port(), 10, b"POST / HTTP/1.1\r\n\r\n")
    wait_for(lambda: site.proxy.status()["refused_total"] > 200, what="garbage")
    start = time.monotonic()
    assert site.serve(10) == 10
    assert time.monotonic() - start < 5 * PATIENCE
    before = site.proxy.status()["refused_total"]
    wait_for(lambda: site.proxy.status()["refused_total"] > before, what="more of it")


def test_a_wrong_secret_of_a_neighbour_does_not_keep_a_good_in_out(run):
    """Where nobody was ever identified: the good one is let in by its proof alone, while the
    penalty holds."""
    proxy = run.proxy({"trusted": [], "auth": {"keys": [key_entry()]}})
    neighbour = Neighbour(run, lambda: guess(proxy), 10)
    for _ in range(5):
        wait_for(lambda: neighbour.answer[0] == "penalised", what="penalty")
        assert code_of(open_none(proxy)) == "no_topic"
        neighbour.answer = ("", "")
    neighbour.close()


def open_none(proxy, source=STRANGER):
    """What a right request for a topic that nobody serves is answered."""
    with dial(proxy, source) as s:
        return ask(s, "InRequest", proven("InRequest", request("InRequest")))


def test_a_site_is_known_for_as_long_as_its_stream_runs(run):
    """A stranger's flood from its address: no first message of the site is refused, though the
    flood is."""
    site = Site(run)
    with socket.create_connection(("127.0.0.1", site.port), 20 * PATIENCE) as client:
        expect_echo(client)
        for _ in range(100):
            http(site.proxy)
        expect_echo(client)
        assert site.serve(5) == 5
    assert not site.proxy.find("refused")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_secret_put_right_works_at_once_and_until_then_the_log_says_why_not(run, tls):
    """The wrong one for long enough to be penalised for seconds; then a new out with the right
    one."""
    config = protected() if tls else {"auth": {"keys": [key_entry()]}}
    proxy = run.proxy({"trusted": ["127.0.0.9"], **config})
    wrong = {**holder(tls), "auth": {"id": KEY, "secret_file": secret_file("not the right one")},
             "retry_interval": 100}
    out = run.out(proxy, {f"t{i}": 1 for i in range(5)}, wrong)
    # Of five at once the proxy's log shows the first.
    denied = proxy.wait_event("denied")
    said = out.wait_event("not registered", topic=denied["topic"])["reason"]
    assert f"wrong secret or unknown key (reference {denied['reference']})" in said
    with_penalty = wait_for(lambda: [e for e in out.find("not registered")
                                     if "penalised, retry in" in e["reason"]] or
                            guess_tells(proxy), 20, "word of the penalty")
    assert with_penalty
    assert out.stop() == 0
    start = time.monotonic()
    right = run.out(proxy, {"t0": 1}, {**holder(tls), "retry_interval": 100})
    right.wait_event("registered")
    assert time.monotonic() - start < 3 * PATIENCE


def guess_tells(proxy):
    """out repeats its warning every 30 s only: whether the proxy says so now."""
    try:
        return guess(proxy, "127.0.0.1")[0] == "penalised"
    except (OSError, EOFError):
        return False


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_in_says_that_its_address_is_penalised(run, tls):
    """In the clear the proxy says so in its answer; over TLS too, until handshakes cost too much:
    then by an alert."""
    proxy = run.proxy({"trusted": [], **(protected() if tls else {"auth": {"keys": [key_entry()]}})})
    in_ = run.in_(proxy, ["t"], {**holder(tls), "auth": {
        "id": KEY, "secret_file": secret_file("not the right one")}})

    def told():
        expect_failed_open(in_.port())
        return [e["code"] for e in in_.find("open_failed") if "penalised" in e["detail"]]
    codes = wait_for(lambda: {"penalised", *["proxy_unreachable"] * tls} <= set(told()),
                     20, "word of the penalty")
    assert codes


# --- monitors ---

def knock(proxy):
    dial(proxy, STRANGER).close()


def knock_and_reset(proxy):
    reset(dial(proxy, STRANGER))


def shake_hands(proxy):
    s = dial(proxy, STRANGER, client_context("out"))
    s.settimeout(20 * PATIENCE)
    s.unwrap().close()


def shake_hands_and_go(proxy):
    dial(proxy, STRANGER, client_context("out")).close()


@pytest.mark.parametrize("look", [knock, knock_and_reset, shake_hands, shake_hands_and_go])
def test_a_monitor_is_no_attack_and_has_its_own_counter(run, look):
    proxy = run.proxy({"trusted": [], **protected()})
    for _ in range(40):
        look(proxy)
    status = wait_for(lambda: (now := proxy.status())["monitors_total"] == 40 and now,
                      what="40 monitors counted")
    assert status["refused_total"] == 0
    assert not [e for e in proxy.events if e["level"] in ("warning", "error")
                and e["event"] != "open to everybody"]
    assert code_of_right_proof(proxy) is None


@pytest.mark.parametrize("path, status", [("/inout", 101), ("/nowhere", 404)])
def test_handshakes_for_requests_over_http_are_as_many_as_those_of_monitors(run, path, status):
    proxy = run.proxy({"trusted": [], **protected()})

    def serves():
        try:
            with dial(proxy, STRANGER, client_context("out")) as s:
                s.sendall(websocket.request(path))
                assert websocket.read_head(s)[0] == status
        except (OSError, EOFError):
            return False
        return True
    assert not all(serves() for _ in range(700)), "handshakes without an end"
    assert proxy.status()["refused_total"] > 0


def code_of_right_proof(proxy, source=STRANGER):
    with dial(proxy, source) as s:
        return code_of(ask(s, "OutRequest", proven("OutRequest", request("OutRequest"))))


# --- what costs ---

def wrong_ticket(proxy):
    with dial(proxy, STRANGER) as s:
        code = code_of(ask(s, "OutDataRequest", request("OutDataRequest", "t", ticket="0" * 32)))
        assert code == "denied"


def is_penalised(proxy):
    try:
        return guess(proxy)[0] == "penalised"
    except (OSError, EOFError):
        return True


def test_a_wrong_ticket_costs_and_one_of_a_registration_that_just_ended_does_not(run):
    proxy = run.proxy({"trusted": [], "auth": {"keys": [key_entry()]}})
    with dial(proxy, OTHER) as control:
        answer = ask(control, "OutRequest", proven("OutRequest", request("OutRequest", "t")))
        ticket = answer["ext"]["ticket"]
    proxy.wait_event("unregistered")
    for _ in range(30):
        with dial(proxy, STRANGER) as s:
            park = request("OutDataRequest", "t", ticket=ticket)
            assert code_of(ask(s, "OutDataRequest", park)) == "denied"
    assert not is_penalised(proxy)
    for _ in range(11):
        try:
            wrong_ticket(proxy)
        except (OSError, EOFError):
            break
    assert is_penalised(proxy)


def test_hellos_that_are_replayed_and_left_cost_their_source_its_places(run):
    """Each holds its place until a newer one of its own source needs it. Of 18,000 none was ever
    refused; now those beyond the free failures meet the penalty."""
    hello = client_hello()
    proxy = run.proxy({"trusted": [], **protected(), "limits": {"per_source": 20},
                       "handshake_timeout": 60_000, "tls_timeout": 60_000})
    held = []
    for _ in range(300):
        try:
            s = dial(proxy, STRANGER)
            s.sendall(hello)
            held.append(s)
        except OSError:
            continue
    wait_for(lambda: proxy.status()["refused_total"] >= 150, what="refusals")
    for s in held:
        s.close()
    assert code_of_right_proof(proxy, OTHER) is None


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    session = context.wrap_bio(incoming, outgoing, server_hostname="relay")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()
