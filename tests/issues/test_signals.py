"""Signals do what docs/configuration.md says, and nothing else ends a program."""
import os
import signal
import subprocess

import pytest

import harness
from harness import connect, echo_server, expect_echo, expect_reset, wait_for
from name_server import SILENT, Place

MEANINGLESS = [signal.SIGPIPE, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGPOLL,
               signal.SIGPWR, signal.SIGXFSZ, signal.SIGTTIN, signal.SIGTTOU, signal.SIGRTMIN,
               signal.SIGRTMIN + 5, signal.SIGRTMAX]


def test_meaningless_signals_change_nothing_and_a_reload_of_the_same_neither(run):
    chain = run.chain(echo_server(run).port)
    with connect(chain.port) as client:
        expect_echo(client)
        for program in chain.all():
            for number in [signal.SIGHUP, *MEANINGLESS]:
                program.signal(number)
        for program in chain.all():
            line = program.wait_event("reloaded")
            assert (line["level"], line["cause"], line["changed"]) == ("info", "signal", "")
            assert program.status()["streams"] == 1
        expect_echo(client)
    chain.wait_idle()


def test_many_upgrades_that_can_not_be_are_few_lines(run):
    proxy = run.proxy()
    proxy.port()
    proxy.configure("{")
    for _ in range(50):
        proxy.signal(signal.SIGUSR2)
        proxy.status()
    assert 0 < len(proxy.find("not upgraded")) < 20
    assert proxy.stop() == 0
    assert sum(line.get("held_back", 0) for line in proxy.events) > 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_the_first_signal_drains_and_says_that_a_second_one_ends_at_once(run, number):
    chain = run.chain(echo_server(run).port, in_={"drain_timeout": 600_000})
    with connect(chain.port) as client:
        expect_echo(client)
        chain.in_.expected_end = True
        chain.in_.signal(number)
        assert "second signal" in chain.in_.wait_event("draining")["note"]
        expect_echo(client)
        chain.in_.signal(number)
        expect_reset(client)
    assert chain.in_.process.wait(10 * harness.PATIENCE) == 0


def test_quit_ends_at_once_and_counts_as_an_end_on_request(run):
    chain = run.chain(echo_server(run).port, in_={"drain_timeout": 600_000})
    with connect(chain.port) as client:
        expect_echo(client)
        chain.in_.expected_end = True
        chain.in_.signal(signal.SIGQUIT)
        expect_reset(client)
    assert chain.in_.process.wait(10 * harness.PATIENCE) == 0
    assert chain.in_.wait_event("stream")["reason"] == "quit"


def test_a_name_that_was_looked_up_before_the_start_does_not_make_the_first_signal_the_last(run):
    # Whether the first network's proxy is the second one's listener: the name has to tell.
    port = harness.free_port()
    program = run.program("in", {"first_look": "off", "networks": [
        {"server_host": "localhost", "server_port": port, "bind": "127.0.0.1", "port": 0,
         "topic": "named"},
        {"server_host": "127.0.0.1", "server_port": 1, "bind": "127.0.0.2", "port": port,
         "topic": "listening"}]})
    program.wait_event("listening", topic="listening")
    assert program.stop() == 0
    program.wait_event("draining")


@pytest.mark.parametrize("name", ["in", "out", "proxy"])
def test_a_configuration_that_never_comes_does_not_hold_back_an_end(run, tmp_path, name):
    fifo = tmp_path / "config.json"
    os.mkfifo(fifo)
    process = subprocess.Popen([harness.BIN / name, "--config", fifo], stderr=subprocess.DEVNULL)
    run.own(Ended(process))

    def prepared():
        with open(f"/proc/{process.pid}/status") as status:
            ignored = next(line for line in status if line.startswith("SigIgn:"))
        return int(ignored.split()[1], 16) & 1 << (signal.SIGRTMAX - 1)
    wait_for(prepared, what="a program that has begun")
    for number in [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, *MEANINGLESS]:
        process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.terminate()
    assert process.wait(10 * harness.PATIENCE) == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT],
                         ids=["TERM", "INT", "QUIT"])
@pytest.mark.parametrize("name", ["in", "proxy"])
def test_a_name_that_nobody_answers_for_does_not_hold_back_an_end(run, tmp_path, name, number):
    place = Place(run, tmp_path, {"slow.test": SILENT, "slow2.test": SILENT})
    configs = {"proxy": {"bind": "slow.test", "port": 40001},
               "in": {"networks": [{"server_host": "127.0.0.1", "server_port": 1, "bind": bind,
                                    "port": 8000, "topic": bind}
                                   for bind in ("slow.test", "slow2.test")]}}
    program = place.program(name, configs[name])
    wait_for(lambda: place.server.questions, what="question")
    program.expected_end = True
    program.signal(number)
    assert program.process.wait(10 * harness.PATIENCE) == 0
    assert "before the start was over" in program.wait_event("stopped")["reason"]
    assert not program.find("cannot start"), "the look-up would have ended by itself"
    assert "slow2.test" not in [name for name, _ in place.server.questions]


class Ended:
    """Is ended with the test, whatever happened."""

    def __init__(self, process):
        self.process = process

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
