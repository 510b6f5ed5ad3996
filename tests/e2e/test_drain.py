"""SIGTERM with streams running: they get drain_timeout, new ones are refused, then the end."""
import contextlib
import signal
import socket
import ssl

import pytest

from attack import ended
from ext_peer import Control, new_id
from harness import (PATIENCE, Server, connect, echo, echo_server, expect_echo,
                     expect_failed_open, expect_reset, read_exactly, wait_for)
from peers import VERSION, encode, read_frame
from secure import certificates, client_tls, proxy_tls

PROGRAMS = ["in_", "proxy", "out"]
NEVER_MS = 600_000


def chain_with_stream(run, drain_timeout=NEVER_MS):
    """New streams wait a second for an out that has ended."""
    config = {"drain_timeout": drain_timeout}
    chain = run.chain(echo_server(run).port, proxy={**config, "open_timeout": 1000}, out=config,
                      in_=config)
    stream = chain.connect()
    expect_echo(stream)
    return chain, stream


def drain(program):
    """SIGTERM, as an expected end; returns when the program has taken it."""
    program.expected_end = True
    program.signal(signal.SIGTERM)
    program.wait_event("draining")


def wait_end(program):
    assert program.process.wait(10 * PATIENCE) == 0
    program.reader.join(5)
    return program.find("stopped")[0]


def expect_refusal(chain):
    """Refused by in, when that is the program which drains; otherwise a failed open."""
    with contextlib.suppress(ConnectionRefusedError):
        expect_failed_open(chain.port)


@pytest.mark.parametrize("name", PROGRAMS)
def test_running_streams_go_on_new_ones_are_refused_and_the_last_end_is_the_programs(run, name):
    chain, stream = chain_with_stream(run)
    program = getattr(chain, name)
    drain(program)
    expect_refusal(chain)
    expect_echo(stream)
    assert program.process.poll() is None
    stream.close()
    assert wait_end(program)["streams"] == 0
    assert program.find("stream")[-1]["reason"] == "done"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_status_says_that_it_drains_and_what_is_left(run, name):
    chain, stream = chain_with_stream(run)
    program = getattr(chain, name)
    assert (program.status()["draining"], program.status()["drain_left_ms"]) == ("no", 0)
    drain(program)
    first, second = program.status(), program.status()
    assert (first["draining"], first["streams"]) == ("yes", 1)
    assert NEVER_MS >= first["drain_left_ms"] >= second["drain_left_ms"] > 0
    stream.close()
    wait_end(program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_drain_timeout_ends_the_rest_by_rst(run, name):
    chain, stream = chain_with_stream(run, drain_timeout=300)
    program = getattr(chain, name)
    drain(program)
    expect_reset(stream)
    wait_end(program)
    assert program.find("stream")[-1]["reason"] == "drain timeout"


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(run, name, second):
    chain, stream = chain_with_stream(run)
    program = getattr(chain, name)
    drain(program)
    program.signal(second)
    expect_reset(stream)
    program.process.wait(10 * PATIENCE)


@pytest.mark.parametrize("name", ["in", "proxy"])
def test_a_stream_that_is_being_opened_when_the_drain_begins_may_still_open(run, name):
    proxy = run.proxy({"drain_timeout": NEVER_MS, "pool": {"min": 1, "max": 10}})
    control = Control(run, proxy, "t")
    data = control.park()
    in_ = run.in_(proxy, ["t"], {"drain_timeout": NEVER_MS})
    client = connect(in_.port())
    data.activated()
    program = {"in": in_, "proxy": proxy}[name]
    drain(program)
    data.respond()
    data.sock.sendall(b"open")
    assert read_exactly(client, 4) == b"open"
    client.close()
    data.sock.close()
    wait_end(program)


@pytest.mark.parametrize("name", ["in", "proxy"])
def test_a_stream_that_never_opens_does_not_outlive_the_drain_timeout(run, name):
    config = {"drain_timeout": 300}
    proxy = run.proxy({**config, "open_timeout": 60_000})
    control = Control(run, proxy, "t")
    in_ = run.in_(proxy, ["t"], {**config, "open_timeout": 60_000})
    client = connect(in_.port())
    control.wait_asked(1)
    wait_for(lambda: proxy.status()["opening"] == 1, what="opening stream")
    program = {"in": in_, "proxy": proxy}[name]
    drain(program)
    expect_reset(client)
    wait_end(program)


def named_echo_server(run, name):
    def serve(s):
        s.sendall(name)
        echo(s)
    return run.own(Server(serve))


def test_a_draining_out_hands_the_topic_to_the_next_in_line(run):
    config = {"drain_timeout": NEVER_MS}
    chain = run.chain(named_echo_server(run, b"first ").port, out=config)
    holder = run.out(chain.proxy, {"default": named_echo_server(run, b"second").port}, config)
    chain.out.wait_event("displaced")
    running = chain.connect()
    assert read_exactly(running, 6) == b"second"

    drain(holder)
    chain.out.wait_event("promoted")
    # its control connection and the two of the running stream
    wait_for(lambda: holder.status()["sockets"] == 3, what="end of its parked connections")
    with chain.connect() as late:
        assert read_exactly(late, 6) == b"first "
    expect_echo(running)
    running.close()
    wait_end(holder)
    assert not chain.in_.find("open_failed")


@contextlib.contextmanager
def out_with_stream_at_two_proxies(run, tls):
    """(out, its connection to a second proxy, which the test plays)"""
    proxy = run.proxy({"tls": proxy_tls()} if tls else {})
    own = {"tls": client_tls()} if tls else {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20 * PATIENCE)
        out = run.out([proxy, listener.getsockname()[1]], {"t": echo_server(run).port},
                      {"drain_timeout": NEVER_MS, **own})
        out.wait_event("registered")
        with connect(run.in_(proxy, ["t"], own).port()) as stream, listener.accept()[0] as control:
            control.settimeout(20 * PATIENCE)
            expect_echo(stream)
            yield out, control
            expect_echo(stream)


def test_an_out_that_drains_before_its_registration_is_answered_says_so_after_it(run):
    with out_with_stream_at_two_proxies(run, tls=False) as (out, control):
        request = read_frame(control)[1]
        drain(out)
        control.sendall(encode("Response", {
            "magic": request["magic"], "request": "OutRequest", "message": "",
            "ext": {"v": 1, "ticket": new_id(16), "proxy": new_id(), "position": 0}}))
        kind, notice = read_frame(control)
        assert (kind, notice.get("code")) == ("Notice", "draining")


def test_an_out_that_drains_before_its_tls_handshake_is_over_does_not_register(run):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # their way out could meet the end of the connection
    context.load_cert_chain(certificates() / "localhost.crt", certificates() / "localhost.key")
    with out_with_stream_at_two_proxies(run, tls=True) as (out, control):
        drain(out)
        with context.wrap_socket(control, server_side=True) as secured:
            assert ended(secured) == b""


def test_a_draining_out_without_a_successor_refuses_with_an_rst(run):
    chain, stream = chain_with_stream(run)
    drain(chain.out)
    expect_refusal(chain)
    assert chain.in_.wait_event("open_failed")["code"] in ("draining", "no_topic", "no_out")
    expect_echo(stream)


def test_a_draining_proxy_answers_control_connections_and_refuses_with_its_code(run):
    """An original out that hears no Pong would end the streams that the drain is there for."""
    chain, stream = chain_with_stream(run)
    early = run.own(connect(chain.proxy.port()))  # accepted before the next is answered
    control = Control(run, chain.proxy, "other")
    parked = control.park()
    drain(chain.proxy)
    assert parked.ended()
    request = {"magic": new_id(16), "version": VERSION, "type": "default",
               "ext": {"v": 1, "id": new_id(), "client": "192.0.2.1:1234"}}
    early.sendall(encode("InRequest", request))
    assert read_frame(early)[1]["ext"]["code"] == "draining"
    for _ in range(3):
        control.settle()
    assert not chain.out.find("disconnected")
    expect_echo(stream)


def test_a_drain_with_nothing_to_wait_for_is_over_at_once(run):
    config = {"drain_timeout": NEVER_MS}
    chain = run.chain(echo_server(run).port, proxy=config, out=config, in_=config)
    for program in chain.all():
        drain(program)
        wait_end(program)
