"""The log never blocks, never hides, and can not be bought by the gigabyte."""
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

import harness
from harness import (connect, echo_server, expect_echo, expect_failed_open, free_port, refusing_port,
                     wait_for)

PROGRAMS = ["proxy", "out", "in"]


class Mute(harness.Program):
    """A program whose log nobody reads until listen() is called."""

    def __init__(self, *args, **options):
        self.reading = threading.Event()
        super().__init__(*args, **options)

    def _read(self):
        self.reading.wait()
        super()._read()

    def listen(self):
        self.reading.set()

    def end_quickly(self):
        self.listen()
        super().end_quickly()


class Line:
    """The three programs, started by hand; `special` (a program's name) by `make`."""

    def __init__(self, run, special, make):
        backend = echo_server(run).port
        self.proxy_port, self.port = free_port(), free_port()
        server = {"server_host": "127.0.0.1", "server_port": self.proxy_port}
        configs = {
            "proxy": {"port": self.proxy_port},
            "out": {"networks": [{**server, "backend_host": "127.0.0.1", "backend_port": backend,
                                  "topic": "t"}], "retry_interval": 200},
            "in": {"networks": [{**server, "port": self.port, "topic": "t"}]},
        }
        self.programs = {name: run.own((make if name == special else harness.Program)(name, config))
                         for name, config in configs.items()}
        wait_for(self.works, what="first stream")

    def works(self):
        try:
            with connect(self.port) as client:
                expect_echo(client)
            return True
        except (OSError, EOFError):
            return False


def open_streams(port, count):
    for _ in range(count):
        with connect(port) as client:
            expect_echo(client, b"1")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_log_that_nobody_reads_stops_no_stream_and_no_end(run, name):
    """Its pipe takes 64 kB, some 200 streams."""
    line = Line(run, name, Mute)
    open_streams(line.port, 1_000)
    mute = line.programs[name]
    assert mute.events == []
    mute.expected_end = True
    mute.signal(signal.SIGTERM)
    assert mute.process.wait(10 * harness.PATIENCE) == 0


def test_lines_that_were_lost_are_told_to_the_reader_who_comes_back(run):
    proxy = run.own(Mute("proxy", {"port": free_port()}))

    def asleep():
        """Its answer to the last signal is made: it waits for the next."""
        with open(f"/proc/{proxy.pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "S"
    # Each signal is a line of 400 bytes; pipe, queue and what is being written take 1.2 MB.
    for _ in range(4_000):
        while not asleep():
            time.sleep(0.0003)
        proxy.signal(signal.SIGUSR1)
    proxy.listen()
    wait_for(lambda: proxy.find("status"), what="lines")

    def told():
        return [line for line in proxy.events if line.get("event") == "status"
                and isinstance(line["lines_lost"], int) and line["lines_lost"] > 0]

    def asked():
        proxy.signal(signal.SIGUSR1)
        return told()
    wait_for(asked, what="status with lost lines")
    assert proxy.stop() == 0
    assert not proxy.other_output
    assert proxy.find("stopped")[0]["lines_lost"] >= 100


class Into(harness.Program):
    """A program whose stderr is this descriptor, and that is not listened to."""

    def __init__(self, name, config, stderr):
        command = [str(harness.BIN / name), "--config", "/dev/stdin", "--log-format", "json"]
        self.name, self.events, self.other_output, self.expected_end = name, [], [], True
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stderr)
        self.process.stdin.write(json.dumps(config).encode())
        self.process.stdin.close()
        self.reader = threading.Thread(target=lambda: None)
        self.reader.start()


def unread_end(run):
    read_end, write_end = os.pipe()
    os.close(read_end)
    return write_end


def non_blocking_end(run):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    run.own(os.fdopen(read_end, "rb"))
    return write_end


@pytest.mark.parametrize("make_stderr", [unread_end, non_blocking_end,
                                         lambda run: os.open("/dev/full", os.O_WRONLY)],
                         ids=["reader gone", "non-blocking", "disk full"])
def test_a_log_that_can_not_be_written_costs_nothing_else(run, make_stderr):
    stderr = make_stderr(run)
    line = Line(run, "proxy", lambda name, config: Into(name, config, stderr))
    os.close(stderr)
    open_streams(line.port, 300)
    proxy = line.programs["proxy"]
    proxy.signal(signal.SIGTERM)
    assert proxy.process.wait(10 * harness.PATIENCE) == 0


def log_through_pipe(run, journal):
    """The lines of a proxy that warns and ends, its stderr named as the journal's, or not."""
    read_end, write_end = os.pipe()
    stat = os.fstat(write_end)
    name = f"{stat.st_dev}:{stat.st_ino}" if journal else f"{stat.st_dev}:{stat.st_ino + 1}"
    process = subprocess.Popen([harness.BIN / "proxy", "--bind", "0.0.0.0:0"], stderr=write_end,
                               env={**os.environ, "JOURNAL_STREAM": name})
    os.close(write_end)
    with os.fdopen(read_end) as lines:
        first = []
        while not any("listening" in line for line in first):
            first.append(lines.readline())
        process.terminate()
        rest = lines.read().splitlines()
    assert process.wait(10 * harness.PATIENCE) == 0
    return [line.rstrip("\n") for line in first] + rest


def test_the_journal_is_told_each_lines_priority(run):
    lines = log_through_pipe(run, journal=True)
    levels = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>"}
    seen = set()
    for line in lines:
        priority, level = re.match(r"(<\d>)\S+ (\w+)", line).groups()
        assert priority == levels[level], line
        seen.add(level)
    assert seen >= {"info", "warning"}
    assert not any(line.startswith("<") for line in log_through_pipe(run, journal=False))


def test_what_a_person_must_act_on_is_seen_at_the_level_warning(run):
    """A backend that is down, and a topic that nobody serves."""
    proxy = run.proxy(level="warning")
    out = run.out(proxy_port(proxy), {"down": refusing_port(run)}, level="warning")
    in_ = run.in_(proxy_port(proxy), ["down", "nobody's"])
    for topic in "down", "nobody's":
        expect_eventually_failed_open(in_.port(topic=topic), in_, topic)
    assert proxy.wait_event("open_failed", topic="nobody's")["level"] == "warning"
    for program in proxy, out:
        assert program.wait_event("open_failed", topic="down")["level"] == "warning"


def proxy_port(proxy):
    """Of a proxy that does not say it: at the level warning there is no `listening`."""
    def listening():
        inodes = {os.readlink(f"/proc/{proxy.pid}/fd/{fd}")
                  for fd in os.listdir(f"/proc/{proxy.pid}/fd")}
        with open(f"/proc/{proxy.pid}/net/tcp") as table:
            for row in table.readlines()[1:]:
                fields = row.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    return int(fields[1].rsplit(":", 1)[1], 16)
        return None
    return wait_for(listening, what="listener")


def expect_eventually_failed_open(port, in_, topic):
    """Until the topic's state is known the reason may be another one."""
    def failed():
        expect_failed_open(port)
        code = "backend_refused" if topic == "down" else "no_topic"
        return in_.find("open_failed", topic=topic, code=code)
    wait_for(failed, what=f"right reason for {topic}")


def test_a_storm_of_failures_is_counted_and_hides_no_other_topic(run):
    proxy = run.proxy()
    out = run.out(proxy, {"storm": refusing_port(run), "calm": refusing_port(run)})
    for topic in "storm", "calm":
        out.wait_event("registered", topic=topic)
    in_ = run.in_(proxy, ["storm", "calm"])
    count = 300
    started = time.monotonic()
    for _ in range(count):
        expect_failed_open(in_.port(topic="storm"))
    expect_failed_open(in_.port(topic="calm"))
    for program in in_, proxy, out:
        assert program.wait_event("open_failed", topic="calm")["code"] == "backend_refused"

        def told():
            lines = program.find("open_failed", topic="storm", code="backend_refused")
            held = sum(line.get("held_back", 0) for line in lines)
            held += sum(line["held_back"] for line in program.find("held back", lines="open_failed")
                        if "storm" in line["about"])
            return len(lines) + held == count and lines
        lines = wait_for(told, what=f"all {count} failures told by {program.name}")
        # 30 at once, then one a second.
        assert len(lines) <= 31 + (time.monotonic() - started)
        assert program.status()["lines_held"] >= count - len(lines) - 1


def test_a_stranger_with_many_topics_buys_no_more_lines_than_with_one(run):
    """The names of topics that nobody serves are the asker's to choose."""
    from ext_peer import Ask
    proxy = run.proxy()
    for number in range(200):
        ask = Ask(run, proxy, f"none.{number}")
        assert ask.ended_or_refused()
        ask.sock.close()
    proxy.wait_event("open_failed", count=30)
    assert len(proxy.find("open_failed")) < 60
