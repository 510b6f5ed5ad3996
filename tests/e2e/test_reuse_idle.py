"""Used connections that somebody on the way forgets between two streams."""
import pytest

from harness import Server, connect, expect_echo, free_port, read_exactly, wait_for
from tunnel import Tunnel
from wan import Wan

pytestmark = pytest.mark.plain_only  # a tunnel carries any bytes

ONE_WORKER = {"threads": 1}


class Forgotten:
    """Ends a line with the next bytes on it."""

    def on_data(self, direction, data):
        raise ConnectionError


class Forgetful(Tunnel):
    def forget(self, first):
        """What is there, from this line on, nobody knows any more when the next bytes come."""
        for line in list(self.lines)[first:]:
            line.tunnel = Forgotten()


def greet(s):
    s.sendall(b"hello")
    while data := s.recv(65536):
        s.sendall(data)
    s.close()


def serve_silent(port):
    with connect(port) as client:
        assert read_exactly(client, 5) == b"hello"
        expect_echo(client)


@pytest.mark.parametrize("leg", ["in", "out"])
def test_a_forgotten_connection_is_replaced_for_a_client_that_has_said_nothing(run, leg):
    backend = run.own(Server(greet))
    proxy = run.proxy(ONE_WORKER)
    tunnel = run.own(Forgetful(proxy.port()))
    to = {"in": proxy, "out": proxy, leg: tunnel.port}
    out = run.out(to["out"], {"default": backend.port}, ONE_WORKER)
    out.wait_event("registered")
    in_ = run.in_(to["in"], ["default"], ONE_WORKER)
    for count in range(1, 4):
        for _ in range(4):
            serve_silent(in_.port())
            wait_for(lambda: in_.status()["warm"] >= 1, what="connection that comes back")
        for program in (in_, proxy, out):
            program.wait_event("stream", count=5 * count - 1)
        assert max(event["use"] for event in proxy.find("stream")) > 1
        tunnel.forget(0 if leg == "in" else 1)  # the first line of out is its control connection
        serve_silent(in_.port())
    assert not in_.find("open_failed")
    for program in (in_, proxy, out):
        assert program.wait_idle()["framing_errors_total"] == 0


def test_used_connections_that_only_in_remembers_do_not_fail_a_silent_client(run):
    """The proxy's host restarted and nobody was told: it answers the first packet with RST."""
    wan = Wan(run)
    port = free_port()
    chain = wan.chain(wan.server(greet), proxy={"port": port}, in_=ONE_WORKER)

    def serve():
        with chain.connect() as client:
            assert read_exactly(client, 5) == b"hello"
            expect_echo(client)
    for _ in range(5):
        serve()
        wait_for(lambda: chain.in_.status()["warm"] >= 1, what="connection that comes back")
    chain.in_.wait_event("stream", count=5)
    assert max(event["use"] for event in chain.in_.find("stream")) > 1
    chain.wait_idle()
    wan.settle()
    wan.ar.cut()
    chain.proxy.kill()
    chain.proxy = wan.program("r", "proxy", {"bind": "0.0.0.0", "port": port})
    chain.out.wait_event("registered", 20, count=2)
    wan.ar.mend()
    for _ in range(3):
        serve()
    assert not chain.in_.find("open_failed")
