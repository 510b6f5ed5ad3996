"""Over WebSocket, with something in between that speaks only HTTP and knows no half-close: every end
is as exact as without, and what a stranger says there is answered as RFC 6455 has it."""
import json
import os
import socket
import ssl
import threading

import pytest

import harness
import secure
import websocket
from harness import (connect, echo_server, expect_echo, expect_failed_open, expect_reset,
                     read_exactly, read_to_end, reset)
from reloads import reload
from test_reuse import Held
from websocket import BINARY, PING, PONG, Front, Peer

pytestmark = pytest.mark.plain_only  # the modes are chosen here

MEGABYTE = 1 << 20


@pytest.fixture(params=["plain", "tls", "e2e"])
def mode(request, monkeypatch):
    """Each protection inside of the WebSocket."""
    monkeypatch.setattr(secure, "TLS", request.param == "tls")
    monkeypatch.setattr(secure, "E2E", request.param == "e2e")
    return request.param


class Fronted(Held):
    """A chain whose in and out reach the proxy over one front each."""

    def __init__(self, run, proxy=None, **options):
        self.run = run
        self.fronts = {}
        original = run.proxy

        def proxy_behind_fronts(config=None, **more):
            program = original(config, **more)
            self.fronts = {name: run.own(Front(program.port())) for name in ("in", "out")}
            return program
        run.proxy = proxy_behind_fronts
        protect = secure.protect_client

        def over_fronts(program, config):
            for network in config["networks"]:
                del network["server_host"], network["server_port"]
                network["servers"] = [f"ws://127.0.0.1:{self.fronts[program].port}/inout"]
            return protect(program, config)
        secure.protect_client = over_fronts
        try:
            super().__init__(run, **({"proxy": proxy} if proxy else {}), **options)
        finally:
            secure.protect_client = protect
            run.proxy = original


def test_each_direction_ends_by_itself_behind_what_knows_no_half_close(run, mode):
    held = Fronted(run)
    client, backend = held.pair()
    client.sendall(b"all")
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(backend) == b"all"
    backend.sendall(b"later")
    assert read_exactly(client, 5) == b"later"
    backend.close()
    assert read_to_end(client) == b""
    client, backend = held.pair()
    backend.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    client.sendall(b"still")
    client.close()
    assert read_to_end(backend) == b"still"
    held.chain.wait_idle()
    assert [e["code"] for e in held.chain.in_.find("stream")] == ["done", "done"]
    # The second stream took the connections of the first.
    assert held.chain.in_.find("stream")[1]["use"] == 2


def test_a_reset_comes_through_what_makes_clean_ends_of_it(run, mode):
    held = Fronted(run)
    client, backend = held.pair()
    reset(client)
    expect_reset(backend)
    client, backend = held.pair()
    reset(backend)
    expect_reset(client)
    held.chain.wait_idle()


def test_a_front_that_goes_resets_the_streams_and_no_more(run, mode):
    held = Fronted(run)
    client, backend = held.pair()
    held.fronts["in"].cut()
    expect_reset(client)
    expect_reset(backend)
    client, backend = held.pair()
    held.fronts["out"].cut()
    expect_reset(client)
    expect_reset(backend)
    held.chain.out.wait_event("registered", count=2)
    held.pair()


def test_an_out_that_is_killed_resets_its_streams(run):
    held = Fronted(run)
    client, backend = held.pair()
    held.chain.out.kill()
    expect_reset(client)
    held.chain.proxy.wait_idle()


def test_much_comes_through_both_ways_at_once(run, mode):
    held = Fronted(run)
    up, down = os.urandom(5 * MEGABYTE), os.urandom(7 * MEGABYTE)
    pairs = [held.pair() for _ in range(4)]

    def send(s, data):
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    threads = [threading.Thread(target=send, args=args, daemon=True)
               for client, backend in pairs for args in ((client, up), (backend, down))]
    got = {}
    threads += [threading.Thread(target=lambda s=s: got.update({s: read_to_end(s)}), daemon=True)
                for pair in pairs for s in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * harness.PATIENCE)
    for client, backend in pairs:
        assert got[backend] == up and got[client] == down
    held.chain.wait_idle()


def test_ends_are_exact_where_connections_are_not_kept(run):
    held = Fronted(run, proxy={"limits": {"warm": 0}})
    client, backend = held.pair()
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(backend) == b""
    backend.sendall(b"later")
    backend.close()
    assert read_to_end(client) == b"later"
    client, backend = held.pair()
    reset(client)
    expect_reset(backend)


def test_tls_of_the_front_is_not_ours_and_its_name_is_looked_at(run):
    """wss: the front ends the outer TLS; a certificate of another CA is refused with its words."""
    proxy = run.proxy({"tls": secure.proxy_tls()})
    ca = secure.certificates()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca / "localhost.crt", ca / "localhost.key")
    context.set_alpn_protocols(["h2", "http/1.1"])
    spoken = []

    class SecureFront(Front):
        def _carry(self, client):
            with context.wrap_socket(client, server_side=True) as s:
                spoken.append(s.selected_alpn_protocol())
                super()._carry(s)
    front = run.own(SecureFront(proxy.port()))
    url = f"wss://localhost:{front.port}/inout"
    server = echo_server(run)

    def network(**more):
        return {"servers": [url], "topic": "t", "tls": secure.client_tls(),
                "websocket": {"ca": str(ca / "ca.crt")}, **more}
    out = run.program("out", {"networks": [network(backend_host="127.0.0.1",
                                                   backend_port=server.port)]})
    assert out.wait_event("registered")["server"] == url
    in_ = run.program("in", {"networks": [network(port=0)]})
    with connect(in_.port()) as s:
        expect_echo(s)
    assert set(spoken) == {"http/1.1"}
    other = str(secure.certificates("other-ca") / "ca.crt")
    stranger = run.program("in", {"networks": [network(port=0, websocket={"ca": other})]})
    expect_failed_open(stranger.port())
    why = stranger.wait_event("open_failed")
    assert why["server"] == url and "TLS of the web server" in why["detail"]
    assert "certificate" in why["detail"]


@pytest.mark.parametrize("mode, answer", [("required", "demands TLS"), ("optional", "")])
def test_a_front_may_reach_the_proxy_over_its_own_tls(run, mode, answer):
    """Which is not that of the peer: where TLS is demanded, it is demanded inside."""
    proxy = run.proxy({"tls": secure.proxy_tls(mode=mode)})
    context = ssl.create_default_context(cafile=str(secure.certificates() / "ca.crt"))
    with context.wrap_socket(connect(proxy.port()), server_hostname="localhost") as s:
        s.sendall(websocket.request())
        assert websocket.read_head(s)[0] == 101
        peer = Peer.__new__(Peer)
        peer.s = s
        body = json.dumps({"Type": "OutRequest", "Payload": {
            "magic": "0" * 32, "version": "0.0.1", "type": "t"}}).encode()
        peer.send(BINARY, len(body).to_bytes(8, "little") + body)
        message = json.loads(peer.receive()[1][8:])["Payload"]["message"]
        assert answer in message and bool(answer) == bool(message)
        if not answer:
            assert proxy.wait_event("registered")["tls"] == "no"


def test_a_reload_takes_another_way_to_the_same_proxy(run):
    chain = run.chain(echo_server(run).port)
    old = chain.connect()
    expect_echo(old)
    front = run.own(Front(chain.proxy.port()))
    url = f"ws://127.0.0.1:{front.port}/inout"
    for program in (chain.in_, chain.out):
        config = json.loads(json.dumps(program.config))
        for network in config["networks"]:
            del network["server_host"], network["server_port"]
            network["servers"] = [url]
        reload(program, config)
    chain.out.wait_event("registered", server=url)
    with connect(chain.in_.port(server=url)) as s:
        expect_echo(s)
    assert chain.in_.wait_event("stream")["server"] == url
    assert len(front.lines) >= 3
    expect_echo(old)
    chain.proxy.configure({**chain.proxy.config, "websocket": "/elsewhere"})
    reload(chain.proxy, chain.proxy.config)
    assert ask(chain.proxy.port())[0] == 404


def test_doctor_shows_the_step_through_the_front(run):
    proxy = run.proxy()
    front = run.own(Front(proxy.port()))
    doctor = ["--doctor", "--json", "--topic", "t"]
    in_ = run.program("in", args=["--server", f"ws://127.0.0.1:{front.port}", *doctor], level=None)
    in_.expected_end = True
    in_.process.wait(20 * harness.PATIENCE)
    in_.reader.join(5)
    text = json.dumps(in_.events) + "".join(in_.other_output)
    assert "websocket" in text and "is opened in" in text


# --- what a stranger may say ---


def ask(port, *args, **options):
    with connect(port) as s:
        s.sendall(websocket.request(*args, **options))
        return websocket.read_head(s)


def test_requests_that_are_no_websocket_are_answered_and_are_no_offence(run):
    proxy = run.proxy({"trusted": []})
    for _ in range(50):
        status, fields = ask(proxy.port(), "/", Upgrade=None, Connection=None)
        assert status == 426 and fields["upgrade"] == "websocket"
    assert ask(proxy.port(), Origin="https://example.com")[0] == 403
    assert ask(proxy.port(), "/other")[0] == 404
    assert ask(proxy.port(), Host=None)[0] == 400
    assert ask(proxy.port(), Sec_WebSocket_Version="8")[0] == 426
    assert ask(proxy.port(), more=["X: " + "y" * 8_192])[0] == 431
    assert not proxy.find("refused")
    assert proxy.status()["monitors_total"] == 50
    assert "Origin" in str(proxy.find("first message refused"))
    # The same source is served.
    peer = Peer(proxy.port(), Sec_WebSocket_Protocol="inout")
    assert peer.fields["sec-websocket-protocol"] == "inout"
    peer.close()


def test_frames_against_the_rules_are_an_offence_and_a_quiet_end_is_none(run):
    proxy = run.proxy({"trusted": []})
    for _ in range(20):
        Peer(proxy.port()).close()
    harness.wait_for(lambda: proxy.status()["monitors_total"] == 20)
    for _ in range(5):
        peer = Peer(proxy.port())
        try:
            peer.s.sendall(websocket.frame(PING) * 20_000)
            read_to_end(peer.s)
        except (BrokenPipeError, ConnectionResetError):
            pass
        peer.s.close()
    harness.wait_for(lambda: proxy.status()["refused_total"] == 5)
    assert "rules of WebSocket" in proxy.find("first message refused")[0]["reason"]
    assert proxy.status()["monitors_total"] == 20


def test_off_means_that_http_is_no_first_message(run):
    proxy = run.proxy({"websocket": "off"})
    with connect(proxy.port()) as s:
        s.sendall(websocket.request())
        with pytest.raises((EOFError, ConnectionResetError)):
            websocket.read_head(s)
    assert ask(run.proxy({"websocket": "/a/b"}).port(), "/a/b")[0] == 101


def test_a_trusted_front_speaks_for_its_clients(run):
    proxy = run.proxy({"limits": {"per_source": 1}})
    first = Peer(proxy.port(), X_Forwarded_For="192.0.2.7, 192.0.2.1")
    second = Peer(proxy.port(), X_Forwarded_For="192.0.2.2")
    third = Peer(proxy.port(), X_Forwarded_For="192.0.2.1")  # makes the first one go
    with pytest.raises((EOFError, ConnectionResetError)):
        first.receive()
    assert proxy.wait_event("first message refused")["peer"] == "192.0.2.1:0"
    for peer in (second, third):
        peer.send(PING, b"here")
        assert peer.receive() == (PONG, b"here")
        peer.close()
    lone = run.proxy({"trusted": []})
    Peer(lone.port(), X_Forwarded_For="192.0.2.1").s.close()
    assert not lone.find("first message refused", peer="192.0.2.1:0")


def test_what_a_front_says_of_its_client_is_not_told_to_a_backend(run):
    """Who is trusted may be no web server, and pass on what a stranger has written."""
    lines = []
    told = run.own(harness.Server(lambda s: lines.append(s.recv(200))))
    proxy = run.proxy()
    run.program("out", {"networks": [{
        "server_host": "127.0.0.1", "server_port": proxy.port(), "topic": "t", "proxy_protocol": "v1",
        "backend_host": "127.0.0.1", "backend_port": told.port}]}).wait_event("registered")
    peer = Peer(proxy.port(), X_Forwarded_For="192.0.2.7")
    body = json.dumps({"Type": "InRequest", "Payload": {
        "magic": "0" * 32, "version": "0.0.1", "type": "t"}}).encode()
    peer.send(BINARY, len(body).to_bytes(8, "little") + body)
    opcode, answer = peer.receive()
    assert opcode == BINARY and json.loads(answer[8:])["Payload"]["message"] == ""
    line = harness.wait_for(lambda: lines)[0]
    assert line.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 %d " % peer.s.getsockname()[1])
    peer.close()
