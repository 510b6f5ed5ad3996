"""SIGTERM with streams running: they get drain_timeout, new ones are refused, then the end."""
import signal

import pytest

from ext_peer import Control
from harness import (PATIENCE, Server, connect, echo, echo_server, expect_echo, expect_reset,
                     read_exactly, wait_for)

PROGRAMS = ["in_", "proxy", "out"]
NEVER_MS = 600_000


def chain_with_stream(run, drain_timeout=NEVER_MS):
    config = {"drain_timeout": drain_timeout}
    chain = run.chain(echo_server(run).port, proxy=config, out=config, in_=config)
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
    with pytest.raises((ConnectionRefusedError, ConnectionResetError)), chain.connect() as late:
        late.recv(1)


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


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_stream_that_is_being_opened_when_the_drain_begins_gets_an_end(run, name):
    """Opened or refused, but neither forgotten nor in the way of the end."""
    config = {"drain_timeout": 1000}
    proxy = run.proxy({**config, "pool": {"min": 0, "max": 10}, "open_timeout": 500})
    silent = Control(run, proxy, "silent")
    out = run.out(proxy, {"default": echo_server(run).port}, config)
    out.wait_event("registered")
    in_ = run.in_(proxy, ["silent"], config)
    with connect(in_.port()) as client:
        wait_for(lambda: in_.status()["opening"] == 1, what="opening stream")
        program = {"in_": in_, "proxy": proxy, "out": out}[name]
        drain(program)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    wait_end(program)
    silent.sock.close()


def test_a_draining_out_hands_the_topic_to_the_next_in_line(run):
    config = {"drain_timeout": NEVER_MS}

    def named(name):
        def serve(s):
            s.sendall(name)
            echo(s)
        return run.own(Server(serve))

    chain = run.chain(named(b"first ").port, out=config)
    holder = run.out(chain.proxy, {"default": named(b"second").port}, config)
    chain.out.wait_event("displaced")
    running = chain.connect()
    assert read_exactly(running, 6) == b"second"

    drain(holder)
    chain.out.wait_event("promoted")
    wait_for(lambda: holder.status()["parked"] == 0, what="end of its parked connections")
    with chain.connect() as late:
        assert read_exactly(late, 6) == b"first "
    expect_echo(running)
    running.close()
    wait_end(holder)
    assert not chain.in_.find("open_failed")


def test_a_draining_out_without_a_successor_refuses_with_an_rst(run):
    chain, stream = chain_with_stream(run)
    drain(chain.out)
    expect_refusal(chain)
    assert chain.in_.wait_event("open_failed")["code"] in ("draining", "no_topic", "no_out")
    expect_echo(stream)


def test_a_draining_proxy_answers_its_control_connections_and_refuses_with_its_code(run):
    """An original out that hears no Pong would end the streams that the drain is there for."""
    chain, stream = chain_with_stream(run)
    control = Control(run, chain.proxy, "other")
    control.wait_asked(1)
    parked = control.park()
    early = connect(chain.proxy.port())
    drain(chain.proxy)
    assert parked.ended()
    for _ in range(3):
        control.settle()
    assert not chain.out.find("disconnected")
    expect_echo(stream)
    early.close()


def test_a_drain_with_nothing_to_wait_for_is_over_at_once(run):
    chain = run.chain(echo_server(run).port, proxy={"drain_timeout": NEVER_MS})
    for program in chain.all():
        drain(program)
        wait_end(program)
