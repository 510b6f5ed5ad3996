"""More than there is room for: descriptors, strangers, topics, waiting clients, idle streams."""
import collections
import time

import pytest

import harness
import secure
from ext_peer import Ask, Control
from harness import (TWO_THREADS, connect, echo_server, expect_echo, expect_failed_open, wait_for)
from test_names import SOCKS5_OK, socks5

# The programs keep 32 descriptors back; 64 leave room for a few streams of each.
FEW = ["prlimit", "--nofile=64:64"]
CLIENTS = 60
# What is told again and again is told once in this time.
ERRORS_APART_S = 5


def is_served(stream):
    """False: it was reset, or still waits when its time is over."""
    try:
        expect_echo(stream, b"?")
        return True
    except OSError:
        return False


def serves(port):
    """Whether a new client is served."""
    try:
        with connect(port, timeout=5) as client:
            return is_served(client)
    except OSError:
        return False


def crowd_of(run, port, size, timeout):
    """Clients at once; the RST for one too many may come before its connect(2) has returned."""
    clients = []
    for _ in range(size):
        try:
            clients.append(run.own(connect(port, timeout)))
        except ConnectionResetError:
            continue
    return clients


# --- file descriptors ---

@pytest.mark.parametrize("name", ["in", "proxy", "out"])
def test_descriptors_that_run_out_harm_no_running_stream_and_are_found_again(run, name):
    few = {"prefix": FEW}
    proxy = run.proxy({"pool": {"min": 1, "max": 4}}, **(few if name == "proxy" else {}))
    out = run.out(proxy, {"t": echo_server(run).port}, **(few if name == "out" else {}))
    out.wait_event("registered")
    in_ = run.in_(proxy, ["t"], {"open_timeout": 3000}, **(few if name == "in" else {}))
    program = {"in": in_, "proxy": proxy, "out": out}[name]

    running = connect(in_.port())
    expect_echo(running)
    start = time.monotonic()
    crowd = crowd_of(run, in_.port(), CLIENTS, timeout=4)
    served = [is_served(client) for client in crowd].count(True)
    assert 0 < served < CLIENTS
    expect_echo(running)
    errors = collections.Counter(e["event"] for e in program.events if e["level"] == "error")
    if name == "proxy":
        assert errors
    elif name == "in":
        assert "file descriptors" in program.wait_event("client refused")["reason"]
        errors.update(e["event"] for e in program.find("client refused"))
    else:
        # Whoever gets no data connection at all hears it from the proxy.
        program.wait_event("open_failed", code="limit")
    assert max(errors.values(), default=0) <= 1 + (time.monotonic() - start) // ERRORS_APART_S

    for client in crowd:
        client.close()
    expect_echo(running)
    wait_for(lambda: serves(in_.port()), what="service after the crowd has left")
    expect_echo(running)
    running.close()
    assert [p.wait_idle()["streams"] for p in (in_, proxy, out)] == [0, 0, 0]


def test_a_crowd_that_does_not_say_what_it_wants_keeps_nobody_out(run):
    topics = harness.Chain()
    proxy = run.proxy()
    run.out(proxy, {"t": echo_server(run).port}).wait_event("registered")
    to_proxy = {"server_host": "127.0.0.1", "server_port": proxy.port(), "port": 0}
    config = {"networks": [{**to_proxy, "names": {"suffix": ".inout"}}, {**to_proxy, "topic": "t"}],
              "first_look": "off", **TWO_THREADS}
    in_ = run.program("in", secure.protect_client("in", config),
                      prefix=["prlimit", "--nofile=192:192"])  # 64 of them for last words
    topics.port = in_.port(topic="*.inout")
    crowd = [*crowd_of(run, topics.port, CLIENTS, timeout=4)]
    for client in crowd:
        try:
            client.sendall(b"CONNECT t.inout:80 HTTP/1.1\r\n")  # and nothing more
        except OSError:
            continue  # it has made room already
    wait_for(lambda: in_.find("client refused"), what="too many of them")
    client, reply = socks5(topics, "t.inout")  # says it as soon as it is there
    with client:
        assert reply == SOCKS5_OK
        expect_echo(client)
        # At the listener beside it, too.
        wait_for(lambda: serves(in_.port(topic="t")), what="a place at another listener")
        expect_echo(client)
    assert {e["reason"] for e in in_.find("client refused")} == {"made room for a newer one"}


# --- idle streams ---

def test_500_idle_streams_hold_no_pipe(run):
    chain = run.chain(echo_server(run).port)
    streams = [chain.connect() for _ in range(500)]
    for stream in streams:
        expect_echo(stream, bytes(100_000))  # large enough for a splice now and then
    for program in chain.all():
        status = wait_for(lambda: (s := program.status())["pipes"] == 0 and s, what="no pipe")
        assert status["streams"] == 500
        # two sockets a stream, and what the program has without any
        assert program.descriptors() < 2 * 500 + 150
    for stream in streams:
        expect_echo(stream)
        stream.close()
    chain.wait_idle()


# --- limits of the proxy ---

def closed(s):
    """Waits for the other side's end of the connection, of either kind."""
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def test_strangers_fill_their_own_places_only(run):
    """Silent connections up to limits.handshakes leave running streams alone; one more takes the
    place of the oldest, and when their time is over there is none left."""
    chain = run.chain(echo_server(run).port, proxy={"limits": {"handshakes": 20},
                                                    "handshake_timeout": 3000})
    stream = chain.connect()
    expect_echo(stream)
    wait_for(lambda: chain.proxy.status()["parked"] == 2, what="full pool")  # no stranger of out's
    strangers = [run.own(connect(chain.proxy.port())) for _ in range(20)]
    wait_for(lambda: chain.proxy.status()["sockets"] == 20 + 5, what="20 strangers")
    strangers.append(run.own(connect(chain.proxy.port())))
    assert closed(strangers[0])
    assert chain.proxy.status()["evicted_total"] == 1
    expect_echo(stream)
    for stranger in strangers:
        assert closed(stranger)
    with chain.connect() as late:
        expect_echo(late)
    expect_echo(stream)


def test_topics_beyond_the_limit_are_refused_and_the_others_served(run):
    proxy = run.proxy({"limits": {"topics": 1}})
    first = Control(run, proxy, "first")
    assert first.answer["message"] == ""
    second = Control(run, proxy, "second")
    assert second.answer["message"] and second.answer["ext"]["code"] == "limit"
    first.settle()
    first.sock.close()
    proxy.wait_event("unregistered", topic="first")
    assert Control(run, proxy, "second").answer["message"] == ""


def test_clients_that_wait_beyond_the_limit_are_refused_at_once(run):
    proxy = run.proxy({"limits": {"waiting": 2}, "open_timeout": 60_000})
    control = Control(run, proxy, "t")
    asks = [Ask(run, proxy, "t") for _ in range(3)]

    def answered():
        return wait_for(lambda: [ask for ask in asks if ask.readable(0)], what="an answer")
    refused, = answered()
    assert refused.response()["ext"]["code"] == "limit"
    asks.remove(refused)
    data = control.park()
    data.activated()
    data.respond()
    assert [ask.response()["message"] for ask in answered()] == [""]


def test_clients_that_are_gone_wait_no_longer(run):
    proxy = run.proxy({"limits": {"waiting": 3}, "open_timeout": 60_000})
    control = Control(run, proxy, "t")
    gone = [Ask(run, proxy, "t") for _ in range(3)]
    wait_for(lambda: proxy.status()["opening"] == 3, what="a full queue")
    for ask in gone:
        ask.reset()
    wait_for(lambda: proxy.status()["opening"] == 0, what="an empty queue")
    ask = Ask(run, proxy, "t")
    wait_for(lambda: proxy.status()["opening"] == 1, what="a client that waits")
    data = control.park()
    data.activated()
    data.respond()
    assert ask.response()["message"] == ""


def test_connections_beyond_the_limit_wait_or_are_closed_and_the_others_go_on(run):
    chain = run.chain(echo_server(run).port, proxy={"limits": {"connections": 16},
                                                    "pool": {"min": 1, "max": 2}})
    stream = chain.connect()
    expect_echo(stream)
    crowd = crowd_of(run, chain.port, 30, timeout=1)
    served = [is_served(client) for client in crowd].count(True)
    assert 0 < served < 16 // 2
    assert chain.proxy.status()["sockets"] <= 16
    expect_echo(stream)
    for client in crowd:
        client.close()
    wait_for(lambda: serves(chain.port), what="service after the crowd has left")
