"""in --stdio: stdin and stdout are the client of one stream."""
import fcntl
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

import secure
from harness import (BIN, PATIENCE, Server, echo, echo_server, read_to_end, refusing_port, reset,
                     wait_for)

MIB = 1 << 20
NOT_OPENED, CUT_OFF = 3, 4


class Stdio:
    """A running `in --stdio`; its standard streams are pipes unless something else is given."""

    def __init__(self, proxy, topic="default", args=(), config=None, **streams):
        network = {"server_host": "127.0.0.1", "server_port": proxy, "port": 0, "topic": topic}
        self.file = tempfile.NamedTemporaryFile("w", suffix=".json")
        self.file.write(json.dumps(
            secure.protect_client("in", {"networks": [network], **(config or {})})))
        self.file.flush()
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **streams}
        self.process = subprocess.Popen(
            [str(BIN / "in"), "--stdio", "--config", self.file.name, *args],
            stderr=subprocess.PIPE, **streams)

    def end(self, given=None):
        """(status, stdout, the lines of stderr)"""
        out, err = self.process.communicate(given, timeout=30 * PATIENCE)
        return self.process.returncode, out, err.decode().splitlines()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                try:
                    stream.close()
                except OSError:
                    pass  # bytes that nobody wants


def site(run, handler):
    """proxy and out of one topic, whose backend does this with each connection."""
    proxy = run.proxy()
    out = run.out(proxy, {"default": run.own(Server(handler)).port})
    out.wait_event("registered")
    return proxy, out


def stdio(run, proxy, *args, **options):
    port = proxy if isinstance(proxy, int) else proxy.port()
    return run.own(Stdio(port, *args, **options))


def upper_after_the_end(s):
    s.sendall(read_to_end(s).upper())
    s.close()


def test_the_end_of_stdin_is_a_half_close_and_the_answer_follows_it(run):
    proxy, out = site(run, upper_after_the_end)
    assert stdio(run, proxy).end(b"through") == (0, b"THROUGH", [])
    for program in (proxy, out):
        line = program.wait_event("stream")
        assert (line["code"], line["bytes_up"], line["bytes_down"]) == ("done", 7, 7)


def test_the_end_of_the_service_is_the_end_of_stdout_and_stdin_goes_on(run):
    got = []

    def speak_then_listen(s):
        s.sendall(b"banner")
        s.shutdown(socket.SHUT_WR)
        got.append(read_to_end(s))
        s.close()
    proxy, _ = site(run, speak_then_listen)
    one = stdio(run, proxy)
    assert one.process.stdout.read() == b"banner"
    one.process.stdin.write(b"after the end")
    assert one.end()[0] == 0
    wait_for(lambda: got == [b"after the end"], what="what came after the end")


def test_one_socket_for_both_ends_as_one(run):
    proxy, _ = site(run, upper_after_the_end)
    ours, theirs = socket.socketpair()
    with ours:
        one = stdio(run, proxy, stdin=theirs, stdout=theirs)
        theirs.close()
        ours.sendall(b"both ways")
        ours.shutdown(socket.SHUT_WR)
        assert read_to_end(ours) == b"BOTH WAYS"
        assert one.end()[0] == 0


@pytest.mark.parametrize("kind", ["file", "/dev/null"])
def test_stdin_from_what_no_event_loop_takes(run, tmp_path, kind):
    proxy, _ = site(run, upper_after_the_end)
    (tmp_path / "given").write_bytes(b"" if kind == "/dev/null" else b"from a file")
    with open(tmp_path / "given" if kind == "file" else kind, "rb") as given, \
            open(tmp_path / "got", "wb") as got:
        assert stdio(run, proxy, stdin=given, stdout=got).end()[0] == 0
    assert (tmp_path / "got").read_bytes() == (tmp_path / "given").read_bytes().upper()


def test_large_files_both_ways_at_once_arrive_as_they_are(run, tmp_path):
    there = os.urandom(1000) * 64_000
    back = os.urandom(1000) * 48_000
    got = []

    def both_ways(s):
        sender = threading.Thread(target=s.sendall, args=(back,))
        sender.start()
        digest = hashlib.sha256()
        while part := s.recv(65536):
            digest.update(part)
        got.append(digest.hexdigest())
        sender.join()
        s.close()
    proxy, _ = site(run, both_ways)
    (tmp_path / "there").write_bytes(there)
    with open(tmp_path / "there", "rb") as given:
        status, out, lines = stdio(run, proxy, stdin=given).end()
    assert (status, lines) == (0, [])
    assert out == back
    assert got == [hashlib.sha256(there).hexdigest()]


def test_a_stdout_that_nobody_reads_stops_the_stream_and_costs_no_memory(run):
    sent = []

    def pour(s):
        piece = b"x" * MIB
        for _ in range(256):
            s.sendall(piece)
            sent.append(len(piece))
        s.close()
    proxy, _ = site(run, pour)
    one = stdio(run, proxy)
    status = pathlib.Path(f"/proc/{one.process.pid}/status")

    def resident():
        return int(status.read_text().split("VmRSS:")[1].split()[0]) // 1024
    wait_for(lambda: sent, what="the first bytes")
    at_first, before = resident(), []

    def is_at_rest():
        """The same for half a second."""
        before.append(len(sent))
        return len(before) > 50 and before[-1] > 0 and before[-1] == before[-50]
    wait_for(is_at_rest, 30, "a stop of the backend")
    assert len(sent) < 200
    assert resident() < at_first + 32
    one.process.stdin.close()
    one.process.stdin = None
    status, out, _ = one.end()
    assert (status, len(out)) == (0, 256 * MIB)


def test_the_flags_of_the_streams_stay_as_they_are(run):
    proxy, _ = site(run, echo)
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    os.set_blocking(out_write, False)
    with open(in_write, "wb", buffering=0) as given, open(out_read, "rb") as got:
        one = stdio(run, proxy, stdin=in_read, stdout=out_write)
        given.write(b"x")
        assert got.read(1) == b"x"
        flags = [fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK for fd in (in_read, out_write)]
        assert flags == [0, os.O_NONBLOCK]
        given.close()
        os.close(out_write)
        assert one.end()[0] == 0
        assert os.get_blocking(in_read)
        os.close(in_read)


# --- what can not be opened, and what is cut ---

def expect_words(ended, status, event, code):
    """One line of stderr says why."""
    got, _, lines = ended
    assert got == status, lines
    assert len(lines) == 1, lines
    assert event in lines[0] and f"code={code} " in lines[0], lines


def test_what_can_not_be_opened_is_said_in_one_line(run):
    proxy, _ = site(run, echo)
    expect_words(stdio(run, proxy, "nobody").end(), NOT_OPENED, "not opened", "no_topic")
    expect_words(stdio(run, refusing_port(run)).end(), NOT_OPENED, "not opened",
                 "proxy_unreachable")


def test_a_reset_of_the_backend_is_no_clean_end_and_what_came_before_is_there(run):
    def speak_and_reset(s):
        s.sendall(b"before")
        s.recv(1)
        reset(s)
    proxy, _ = site(run, speak_and_reset)
    one = stdio(run, proxy)
    assert one.process.stdout.read(6) == b"before"
    one.process.stdin.write(b"x")
    one.process.stdin.flush()
    assert one.process.wait(30 * PATIENCE) == CUT_OFF
    assert b"cut off" in one.process.stderr.read()


def test_the_death_of_the_proxy_is_no_clean_end(run):
    proxy, _ = site(run, echo)
    one = stdio(run, proxy)
    one.process.stdin.write(b"x")
    one.process.stdin.flush()
    assert one.process.stdout.read(1) == b"x"
    proxy.kill()
    assert one.process.wait(30 * PATIENCE) == CUT_OFF
    assert b"cut off" in one.process.stderr.read()


def test_a_reader_that_has_left_ends_it_as_a_broken_pipe_does(run):
    go_on = threading.Event()

    def speak_twice(s):
        s.sendall(b"first")
        go_on.wait(30 * PATIENCE)
        s.sendall(b"second")
        read_to_end(s)
    proxy, _ = site(run, speak_twice)
    one = stdio(run, proxy)
    assert one.process.stdout.read(5) == b"first"
    one.process.stdout.close()
    go_on.set()
    assert one.process.wait(30 * PATIENCE) == 128 + signal.SIGPIPE
    assert one.process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP],
                         ids=lambda number: number.name)
def test_a_signal_ends_it_at_once(run, number):
    proxy, out = site(run, echo)
    one = stdio(run, proxy)
    one.process.stdin.write(b"x")
    one.process.stdin.flush()
    assert one.process.stdout.read(1) == b"x"
    one.process.send_signal(number)
    assert one.process.wait(30 * PATIENCE) == 128 + number
    assert out.wait_event("stream")["code"] == "reset"


def test_a_signal_of_who_has_left_lets_the_last_bytes_arrive(run):
    """As ssh does at its end: it closes its streams and sends SIGHUP."""
    got = []

    def listen(s):
        s.sendall(b"x")
        got.append(read_to_end(s))
        s.close()
    proxy, out = site(run, listen)
    one = stdio(run, proxy)
    assert one.process.stdout.read(1) == b"x"
    one.process.stdout.close()
    one.process.stdin.write(b"the last words")
    one.process.stdin.close()
    one.process.send_signal(signal.SIGHUP)
    assert one.process.wait(30 * PATIENCE) == 0
    assert out.wait_event("stream")["code"] == "done"
    assert got == [b"the last words"]


# --- the command line ---

def call(*args):
    done = subprocess.run([str(BIN / "in"), *map(str, args)], input=b"hi", capture_output=True,
                          timeout=20 * PATIENCE)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.plain_only
def test_flags_alone_are_enough_and_the_first_server_that_works_is_taken(run):
    proxy, _ = site(run, upper_after_the_end)
    servers = f"127.0.0.1:{refusing_port(run)},127.0.0.1:{proxy.port()}"
    assert call("--stdio", "--topic", "default", "--server", servers) == (0, b"HI", "")


def test_topic_chooses_the_network_of_a_file(run, tmp_path):
    backend = run.own(Server(upper_after_the_end))
    proxy = run.proxy()
    out = run.out(proxy, {"a": backend.port, "b": echo_server(run).port})
    out.wait_event("registered", count=2)
    file = tmp_path / "in.json"
    networks = [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": port,
                 "topic": topic} for topic, port in (("a", 0), ("b", 0), ("c", 1), ("c", 2))]
    file.write_text(json.dumps(secure.protect_client("in", {"networks": networks})))
    given = ("--stdio", "--config", file)
    assert call(*given, "--topic", "a")[:2] == (0, b"HI")
    assert call(*given, "--topic", "b")[:2] == (0, b"hi")
    for words, problem in [((), "--topic says which"), (("--topic", "d"), "no network with"),
                           (("--topic", "c"), "several networks with"),
                           (("--server", "127.0.0.1:1"), "--server"), (("--bind", "1"), "--bind")]:
        status, out, said = call(*given, *words)
        assert (status, out) == (2, b"") and problem in said, (words, said)


@pytest.mark.parametrize("servers", ["127.0.0.1:1,127.0.0.1:1", "127.0.0.1:1,", ",", "x"])
def test_a_bad_list_of_servers_ends_with_2(servers):
    status, _, said = call("--check", "--server", servers)
    assert status == 2 and "--server" in said
