"""The log tells each stream's story: one line per program, the same id, exact bytes."""
import json
import os
import re
import socket
import subprocess
import threading

import pytest

import harness
from ext_peer import Ask, Control
from harness import (connect, echo_server, expect_failed_open, read_exactly, read_to_end,
                     refusing_port, reset, wait_for)
from legacy import LegacyIn, LegacyOut
from peers import exchange


def stream_lines(chain, count=1):
    """The `stream` line number count of in, proxy and out."""
    return [program.wait_event("stream", count=count) for program in chain.all()]


def assert_one_story(lines, **fields):
    assert len({line["id"] for line in lines}) == 1, lines
    assert re.fullmatch("[0-9a-f]{16}", lines[0]["id"])
    for line in lines:
        assert {key: line[key] for key in fields} == fields, line
        assert 0 <= line["open_ms"] <= line["duration_ms"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:?\d\d)", line["time"])


def test_a_stream_is_one_line_in_each_program_with_the_same_id(run):
    def serve(s):
        s.sendall(os.urandom(len(read_to_end(s)) * 3))
        s.close()
    chain = run.chain(run.own(harness.Server(serve)).port, topic="a topic")
    with connect(chain.port) as client:
        address = "{}:{}".format(*client.getsockname())
        client.sendall(os.urandom(100_000))
        client.shutdown(socket.SHUT_WR)
        assert len(read_to_end(client)) == 300_000
    assert_one_story(stream_lines(chain), topic="a topic", client=address, bytes_up=100_000,
                     bytes_down=300_000, reason="done")
    chain.wait_idle()
    assert [len(program.find("stream")) for program in chain.all()] == [1, 1, 1]


def test_concurrent_streams_have_their_own_ids_and_bytes(run):
    chain = run.chain(echo_server(run).port)
    clients = [connect(chain.port) for _ in range(10)]
    for size, client in enumerate(clients, 1):
        assert len(exchange(client, b"x" * size)) == size
    for client in clients:
        client.close()
    for program in chain.all():
        program.wait_event("stream", count=10)
    stories = [{line["id"]: (line["client"], line["bytes_up"], line["bytes_down"])
                for line in program.find("stream")} for program in chain.all()]
    assert stories[0] == stories[1] == stories[2]
    assert sorted(up for _, up, _ in stories[0].values()) == list(range(1, 11))


@pytest.mark.parametrize("who, reasons", [
    ("client", ["reset by client", "reset by in", "reset by proxy"]),
    ("backend", ["reset by proxy", "reset by out", "reset by backend"])])
def test_a_reset_names_the_leg_it_came_from(run, who, reasons):
    received = threading.Event()

    def serve(s):
        read_exactly(s, 5)
        s.sendall(b"1")
        received.wait()
        reset(s) if who == "backend" else s.recv(1)
    chain = run.chain(run.own(harness.Server(serve)).port)
    with connect(chain.port) as client:
        client.sendall(b"12345")
        assert read_exactly(client, 1) == b"1"
        received.set()
        if who == "client":
            reset(client)
        lines = stream_lines(chain)
    assert [line["reason"] for line in lines] == reasons
    assert_one_story(lines, bytes_up=5, bytes_down=1)


def test_a_failed_open_is_told_by_all_three_with_the_same_id_and_the_backends_address(run):
    port = refusing_port(run)
    chain = run.chain(port, topic="down")
    expect_failed_open(chain.port)
    lines = [program.wait_event("open_failed") for program in chain.all()]
    assert len({line["id"] for line in lines}) == 1
    for line in lines:
        assert (line["topic"], line["code"]) == ("down", "backend_refused")
        assert f"127.0.0.1:{port}" in line["detail"]
    assert not any(program.find("stream") for program in chain.all())


def test_streams_of_legacy_peers_are_logged_too(run):
    """The proxy makes the id when a 0.0.1 in sends none."""
    proxy = run.proxy()
    out = run.own(LegacyOut(proxy.port(), {"t": echo_server(run).port}))
    out.wait_registered()
    with connect(run.own(LegacyIn(proxy.port(), "t")).port()) as client:
        assert exchange(client, b"1234") == b"1234"
    line = proxy.wait_event("stream")
    assert re.fullmatch("[0-9a-f]{16}", line["id"])
    assert (line["topic"], line["bytes_up"], line["bytes_down"]) == ("t", 4, 4)


def test_the_state_of_a_registration_is_told_by_both_sides(run):
    proxy = run.proxy()
    first = run.out(proxy, {"t": 1})
    first.wait_event("registered", topic="t", position=0)
    assert re.match(r"127\.0\.0\.1:\d+", proxy.wait_event("registered", topic="t")["out"])
    second = run.out(proxy, {"t": 1})
    first.wait_event("displaced", topic="t")
    proxy.wait_event("displaced", topic="t")
    second.stop()
    proxy.wait_event("unregistered", topic="t")
    proxy.wait_event("promoted", topic="t")
    first.wait_event("promoted", topic="t")
    proxy.kill()
    lost = first.wait_event("disconnected", topic="t")
    assert lost["server"].startswith("127.0.0.1:") and lost["reason"]


def test_an_out_that_comes_back_ends_its_old_registration_and_the_log_says_so(run):
    proxy = run.proxy()
    first = Control(run, proxy, "t")
    Control(run, proxy, "t", instance=first.instance)
    assert proxy.wait_event("unregistered")["reason"] == "replaced by its out"


def test_the_end_of_a_program_is_told(run):
    chain = run.chain(echo_server(run).port)
    for program in chain.all():
        assert program.stop() == 0
        assert program.find("draining") and program.find("stopped")[-1]["streams"] == 0


class RawProxy:
    """A proxy whose log is kept as the bytes that it writes."""

    def __init__(self, path, log_format):
        self.path = path
        config = path.with_suffix(".json")
        config.write_text(json.dumps({"port": 0, "open_timeout": 2000,
                                      "log": {"format": log_format}}))
        with open(path, "wb") as log:
            self.process = subprocess.Popen([harness.BIN / "proxy", "--config", config],
                                            stderr=log)

    def lines(self):
        """The lines as a terminal would see them: only LF ends one."""
        return self.path.read_bytes().decode().split("\n")

    def port(self):
        def address():
            return re.search(r"(?:address=|\"address\": ?\")127\.0\.0\.1:(\d+)",
                             "\n".join(self.lines()))
        return int(wait_for(address, what="listener's address")[1])

    def close(self):
        self.process.terminate()
        assert self.process.wait(10 * harness.PATIENCE) == 0


@pytest.fixture(params=["json", "text"])
def raw_proxy(run, tmp_path, request):
    return run.own(RawProxy(tmp_path / "log", request.param))


def test_every_line_is_of_the_chosen_format(raw_proxy, request):
    raw_proxy.port()
    raw_proxy.close()
    *lines, last = raw_proxy.lines()
    assert last == ""
    assert {"listening", "stopped"} <= {event_of(line) for line in lines}


def event_of(line):
    """The event's name of a whole line of either format."""
    if line.startswith("{"):
        return json.loads(line)["event"]
    fields = r'(?: \w+=(?:"(?:[^"\\]|\\.)*"|[^" ]\S*|))*'
    return re.fullmatch(rf"\S+ (?:debug|info|warning|error) +proxy (\D+?){fields}", line)[1]


def test_the_level_holds_back_what_is_below(run):
    proxy = run.program("proxy", {"port": 0}, level="error")
    wait_for(lambda: listens(proxy.pid), what="listener")
    assert proxy.stop() == 0
    assert proxy.events == []


def listens(pid):
    """True when the process has a TCP socket in the state LISTEN."""
    sockets = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            sockets.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    with open(f"/proc/{pid}/net/tcp") as table:
        return any(f"socket:[{line.split()[9]}]" in sockets
                   for line in table.readlines()[1:] if line.split()[3] == "0A")


FORGERIES = ['\n{"event":"forged"}', "\n2026-01-01T00:00:00.000Z info proxy forged a=1",
             "\r\x1b[2J\x1b[31m", "\u2028\u202e", "\x9b31m", '","event":"forged', '" forged="1']


@pytest.mark.parametrize("text", FORGERIES, ids=ascii)
def test_a_peers_text_can_not_forge_a_line_or_reach_a_terminal(run, raw_proxy, text):
    """The text comes as topic, client, id, and as the error and code of an out."""
    port = raw_proxy.port()
    control = Control(run, port, "t")
    data = control.park()
    ask = Ask(run, port, "t")
    data.activated()
    data.respond(text, code=text)
    assert ask.response()["message"] != ""
    ask.sock.close()
    for topic, ext in ((f"t{text}", {}), ("t", {"client": text}), ("t", {"id": text})):
        stranger = Ask(run, port, topic, **ext)
        assert stranger.ended_or_refused()
        stranger.sock.close()
    raw_proxy.close()
    *lines, _ = raw_proxy.lines()
    events = [event_of(line) for line in lines]
    assert "open_failed" in events and "forged" not in events
    for line in lines:
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", line), repr(line)
        assert line.startswith("{") or not re.search(r' forged="?1', line.replace('\\"', "'"))


def test_no_secret_is_logged(run):
    proxy = run.proxy()
    control = Control(run, proxy, "t")
    control.park()
    control.sock.close()
    proxy.wait_event("unregistered")
    assert proxy.stop() == 0
    assert control.ticket() not in proxy.tail(10_000)
