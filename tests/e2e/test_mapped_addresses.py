"""IPv4 clients of a listener for both families come as IPv6 (::ffff:a.b.c.d): they are shown, told
and judged by their IPv4 address, so that no rule is passed by the other form."""
import socket

import pytest

import harness
import websocket
from attack import KEY, key_entry, secret_file
from harness import Server, connect, echo_server, expect_echo, read_exactly, wait_for

pytestmark = pytest.mark.plain_only  # keys are configured here

CLIENT, NEIGHBOUR, DENIED = "127.0.0.1", "127.0.0.2", "127.0.0.3"


def at(port, source):
    return socket.create_connection(("127.0.0.1", port), 20 * harness.PATIENCE, (source, 0))


def is_served(port, source):
    try:
        with at(port, source) as s:
            expect_echo(s)
            return True
    except (ConnectionResetError, BrokenPipeError):
        return False


@pytest.mark.parametrize("bind", ["*", "::"])
def test_clients_of_in(run, bind):
    chain = run.chain(echo_server(run).port, in_={"deny": [DENIED], "limits": {"streams_per_client": 1}})
    network = {**chain.in_.config["networks"][0], "bind": bind}
    in_ = run.program("in", {**chain.in_.config, "networks": [network]})
    port = in_.port()
    with at(port, CLIENT) as first:
        expect_echo(first)
        assert [is_served(port, source) for source in (CLIENT, NEIGHBOUR, DENIED)] == [False, True, False]
        name = "{}:{}".format(*first.getsockname())
    assert in_.wait_event("stream", client=name)
    assert chain.out.wait_event("stream", client=name)  # as the other side is told
    lines = [in_.wait_event("client refused", count=n) for n in (1, 2)]
    refused = {line["client"].split(":")[0]: line["reason"] for line in lines}
    assert refused == {CLIENT: "limits.streams_per_client", DENIED: "allow and deny"}


@pytest.mark.parametrize("ranges, served", [
    ({"allow": ["::/0"]}, False),  # all of IPv6, and nothing of IPv4
    ({"allow": ["::ffff:127.0.0.1"]}, True), ({"deny": ["::ffff:127.0.0.0/104"]}, False)], ids=str)
def test_ranges_in_the_other_form(run, ranges, served):
    chain = run.chain(echo_server(run).port)
    network = {**chain.in_.config["networks"][0], "bind": "*", **ranges}
    in_ = run.program("in", {**chain.in_.config, "networks": [network]})
    assert is_served(in_.port(), CLIENT) == served


def test_a_backend_is_told_the_ipv4_address(run):
    heads = []

    def serve(s):
        head = b""
        while not head.endswith(b"\r\n"):
            head += read_exactly(s, 1)
        heads.append(head.decode().split())
        harness.echo(s)
    proxy = run.proxy({"auth": {"keys": [key_entry(**{"in": ["#"], "out": ["#"], "client": True})]}})
    own = {"auth": {"id": KEY, "secret_file": secret_file()}}
    port = run.own(Server(serve)).port
    run.out(proxy, {}, {**own, "networks": [{
        "server_host": "127.0.0.1", "server_port": proxy.port(), "backend_host": "127.0.0.1",
        "backend_port": port, "proxy_protocol": "v1"}]}).wait_event("registered")
    in_ = run.in_(proxy, ["default"], own)
    in_ = run.program("in", {**in_.config, "networks": [{**in_.config["networks"][0], "bind": "*"}]})
    with at(in_.port(), NEIGHBOUR) as s:
        expect_echo(s)
        name = [*s.getsockname()]
    assert heads == [["PROXY", "TCP4", name[0], "127.0.0.1", str(name[1]), str(port)]]


def test_who_speaks_for_a_client_in_the_other_form_opens_no_other_door(run):
    """In a header of the PROXY protocol, and in X-Forwarded-For."""
    chain = run.chain(echo_server(run).port)
    network = {**chain.in_.config["networks"][0], "proxy_protocol": True, "deny": ["192.0.2.9"]}
    in_ = run.program("in", {**chain.in_.config, "networks": [network],
                             "limits": {"streams_per_client": 1}})
    port = in_.port()

    def come(family, source, to):
        s = connect(port)
        s.sendall(f"PROXY {family} {source} {to} 4711 1\r\n".encode())
        return s

    def is_refused(s):
        with s:
            try:
                expect_echo(s)
            except ConnectionResetError:
                return True
    with come("TCP4", "192.0.2.7", "192.0.2.1") as first:
        expect_echo(first)
        for source in ("192.0.2.7", "192.0.2.9"):
            assert is_refused(come("TCP6", f"::ffff:{source}", "::ffff:192.0.2.1"))
    reasons = [in_.wait_event("client refused", count=n)["reason"] for n in (1, 2)]
    assert reasons == ["limits.streams_per_client", "allow and deny"]
    wait_for(lambda: in_.status()["streams"] == 0, what="end of the first one")
    with come("TCP6", "::ffff:192.0.2.7", "::ffff:192.0.2.1") as s:
        expect_echo(s)
    assert in_.wait_event("stream", count=2)["client"] == "192.0.2.7:4711"

    proxy = run.proxy({"limits": {"per_source": 1}})
    first = websocket.Peer(proxy.port(), X_Forwarded_For="192.0.2.1")
    second = websocket.Peer(proxy.port(), X_Forwarded_For="::ffff:192.0.2.1")  # makes that one go
    with pytest.raises((EOFError, ConnectionResetError)):
        first.receive()
    for s in (first, second):
        s.close()
