"""What the programs say to each other, byte for byte: the conversations in golden/.

Every connection between in, out and proxy goes through a tunnel that keeps what it carries. Frames
are compared as they were on the wire, their headers too; only what no two runs have in common is
masked: ids, secrets and addresses, each of its exact form. A text that has to be changed is a
change of the protocol (docs/protocol.md), and programs that are out there will see it.
"""
import pathlib
import re

import pytest

from harness import (connect, echo_server, expect_echo, expect_failed_open, read_exactly,
                     refusing_port, wait_for)
from legacy import LegacyIn, LegacyOut, LegacyProxy
from tunnel import Tunnel
from unseen import unseen

pytestmark = pytest.mark.plain_only
FROZEN = pathlib.Path(__file__).parent / "golden"
HEADER = 8
MASKS = [
    (r'"magic":"[0-9a-f]{32}"', '"magic":"MAGIC"'),
    (r'"instance":"[0-9a-f]{32}"', '"instance":"INSTANCE"'),
    (r'"ticket":"[0-9a-f]{32}"', '"ticket":"TICKET"'),
    (r'"proxy":"[0-9a-f]{16}"', '"proxy":"PROXY"'),
    (r'"id":"[0-9a-f]{16}"', '"id":"ID"'),
    (r'"nonce":"[0-9a-f]{32}"', '"nonce":"NONCE"'),
    (r"127\.0\.0\.1:\d{4,5}\b", "ADDRESS"),
]
# They may come at any time, in any number.
PING, PONG = '{"Type":"Ping","Payload":{}}', '{"Type":"Pong","Payload":{}}'


def messages(said):
    """The masked bodies of the frames that one side said first, and its raw bytes behind them."""
    found, data = [], bytes(said)
    while data:
        size = int.from_bytes(data[:HEADER], "little", signed=True)
        body = data[HEADER:HEADER + size]
        if not (len(body) == size and body[:1] == b"{"):
            return found + [f"raw {data!r}"]
        text = body.decode()
        for pattern, name in MASKS:
            text = re.sub(pattern, name, text)
        found.append(text)
        data = data[HEADER + size:]
    return found


def conversation(line):
    return "".join(f"{way} {text}\n" for way, said in (("->", line.up), ("<-", line.down))
                   for text in messages(said) if text not in (PING, PONG))


class Lines:
    """A proxy between two tunnels: one for out, one for in."""

    def __init__(self, run, proxy):
        self.proxy = proxy
        self.to_out, self.to_in = (run.own(Tunnel(proxy.port())) for _ in range(2))

    def text(self):
        """Everything that was said. Connections come in no certain order, and spare ones of in in
        no certain number: machines that are busy seem to be far away."""
        parts = []
        for name, tunnel in (("out", self.to_out), ("in", self.to_in)):
            said = sorted(filter(None, map(conversation, list(tunnel.lines))))
            spares = {text for text in said if "InWarmRequest" in text}
            whole = {text for text in spares  # the last one may have been cut off
                     if not any(other != text and other.startswith(text) for other in spares)}
            parts += [f"{name} -> proxy, proxy -> {name}\n",
                      *[text for text in said if text not in spares], *sorted(whole)]
        return "\n".join(parts)

    def wait_heartbeat(self):
        def heard():
            first = self.to_out.lines[0]
            return PING in messages(first.up) and PONG in messages(first.down)
        wait_for(heard, what="Ping and Pong")

    def expect(self, name):
        wanted = (FROZEN / name).read_text()
        try:
            wait_for(lambda: self.text() == wanted)
        except TimeoutError:
            assert self.text() == wanted


def echo_early(in_):
    """Its five bytes are there when the client is, and so go with the request."""
    with unseen(in_) as port:
        client = connect(port)
        client.sendall(b"early")
    with client:
        assert read_exactly(client, 5) == b"early"


def test_our_programs(run):
    """Registration, parks, a look of in, a stream with early data, a refusal, a drain."""
    proxy = run.proxy()
    lines = Lines(run, proxy)
    run.out(lines.to_out.port, {"t": echo_server(run).port}, {"heartbeat_interval": 1000})
    wait_for(lambda: proxy.status()["parked"] == 2, what="full pool")
    in_ = run.in_(lines.to_in.port, ["t"], {"first_look": "on"})
    in_.wait_event("proxy reached")
    echo_early(in_)
    # The one that the stream had comes back, and another was asked for meanwhile.
    wait_for(lambda: proxy.status()["parked"] == 3, what="full pool")
    other = run.in_(lines.to_in.port, ["nobody"])
    expect_failed_open(other.port())
    lines.wait_heartbeat()
    for program in (in_, other, proxy):
        program.stop()
    lines.expect("our_programs.txt")


def test_an_out_is_displaced_and_promoted(run):
    """Without parked connections, whose ends and the holder's come in no certain order."""
    lines = Lines(run, run.proxy({"pool": {"min": 0}}))
    first = run.out(lines.to_out.port, {"t": 1})
    first.wait_event("registered")
    second = run.out(lines.to_out.port, {"t": 1})
    first.wait_event("displaced")
    second.stop()
    first.wait_event("promoted")
    lines.expect("displaced_and_promoted.txt")


def test_a_backend_that_refuses(run):
    """And a proxy that keeps no spare connections."""
    lines = Lines(run, run.proxy({"limits": {"warm": 0}}))
    run.out(lines.to_out.port, {"t": refusing_port(run)})
    wait_for(lambda: lines.proxy.status()["parked"] == 2, what="full pool")
    expect_failed_open(run.in_(lines.to_in.port, ["t"]).port())
    lines.expect("refusing_backend.txt")


def test_0_0_1_peers_of_our_proxy(run):
    lines = Lines(run, run.proxy())
    out = run.own(LegacyOut(lines.to_out.port, {"t": echo_server(run).port},
                            heartbeat_interval=0.3))
    wait_for(lambda: lines.proxy.status()["parked"] == 2, what="full pool")
    with connect(run.own(LegacyIn(lines.to_in.port, "t")).port()) as client:
        expect_echo(client, b"early")
    with connect(run.own(LegacyIn(lines.to_in.port, "nobody")).port()) as client:
        assert client.recv(1) == b""
    lines.wait_heartbeat()
    lines.expect("0.0.1_out_and_in.txt")
    assert not out.faults


def test_our_peers_of_a_0_0_1_proxy(run):
    lines = Lines(run, run.own(LegacyProxy()))
    run.out(lines.to_out.port, {"t": echo_server(run).port}, {"heartbeat_interval": 1000})
    wait_for(lambda: lines.proxy.parks == 1, what="parked connection")
    echo_early(run.in_(lines.to_in.port, ["t"]))
    expect_failed_open(run.in_(lines.to_in.port, ["nobody"]).port())
    lines.wait_heartbeat()
    lines.expect("0.0.1_proxy.txt")
    assert not lines.proxy.faults
