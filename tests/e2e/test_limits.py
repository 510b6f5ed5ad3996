"""More than there is room for: descriptors, strangers, topics, waiting clients, idle streams."""
import pytest

from ext_peer import Ask, Control
from harness import PATIENCE, connect, echo_server, expect_echo, wait_for

# The programs keep 32 descriptors back; 64 leave room for a few streams of each.
FEW = ["prlimit", "--nofile=64:64"]
CLIENTS = 60


def answer(stream):
    """What became of a client: True served, False reset, None still waiting."""
    try:
        expect_echo(stream, b"?")
        return True
    except TimeoutError:
        return None
    except OSError:
        return False


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
    crowd = [connect(in_.port(), timeout=4) for _ in range(CLIENTS)]
    results = [answer(client) for client in crowd]
    assert True in results and (False in results or None in results)
    assert program.descriptors() <= 64
    expect_echo(running)
    errors = [e for e in program.events if e["level"] == "error"]
    assert len(errors) <= 1 + 4 * CLIENTS // 5  # rate-limited: one per 5 s at most
    assert errors, program.tail()

    for client in crowd:
        client.close()
    in_.wait_event("stream", count=results.count(True))
    expect_echo(running)
    with connect(in_.port()) as late:
        wait_for(lambda: answer(late), what="service after the crowd has left")
    running.close()
    assert proxy.wait_idle() and out.wait_idle() and in_.wait_idle()


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

def closed(s, within=10):
    """True when the other side has ended the connection."""
    s.settimeout(within * PATIENCE)
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def test_strangers_fill_their_own_places_only(run):
    """Silent connections up to limits.handshakes leave running streams alone; one more is closed
    at once, and when they go, or their time is over, there is room again."""
    chain = run.chain(echo_server(run).port, proxy={"limits": {"handshakes": 20},
                                                    "handshake_timeout": 3000})
    stream = chain.connect()
    expect_echo(stream)
    strangers = [run.own(connect(chain.proxy.port())) for _ in range(20)]
    wait_for(lambda: chain.proxy.status()["sockets"] >= 20 + 2, what="20 strangers")
    surplus = run.own(connect(chain.proxy.port()))
    assert closed(surplus, within=1)
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
    asks = [Ask(run, proxy, "t"), Ask(run, proxy, "t")]
    wait_for(lambda: proxy.status()["opening"] == 2, what="two waiting clients")
    assert Ask(run, proxy, "t").response()["ext"]["code"] == "limit"
    data = control.park()
    data.activated()
    data.respond()
    assert sum(ask.readable(5 * PATIENCE) for ask in asks[:1]) == 1
    assert asks[0].response()["message"] == ""


def test_connections_beyond_the_limit_wait_or_are_closed_and_the_others_go_on(run):
    chain = run.chain(echo_server(run).port, proxy={"limits": {"connections": 16},
                                                    "pool": {"min": 1, "max": 2}})
    stream = chain.connect()
    expect_echo(stream)
    crowd = [connect(chain.port, timeout=1) for _ in range(30)]
    results = [answer(client) for client in crowd]
    assert results.count(True) < 16 // 2
    assert chain.proxy.status()["sockets"] <= 16
    expect_echo(stream)
    for client in crowd:
        client.close()
    with chain.connect() as late:
        wait_for(lambda: answer(late), what="service after the crowd has left")
