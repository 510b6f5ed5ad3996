"""Features of where clients come together with those of the way: names of hosts, an exit, ranges of
ports, UNIX sockets, shared patterns, and the client's address for the backend."""
import socket

import pytest

import harness
from forward_proxy import ForwardProxy
from harness import expect_reset, read_exactly, read_to_end, refusing_port, reset
from legacy import LegacyProxy
from mixed import TEXT, Backend, Site, both_ways, end_in_turn
from test_exit import by_address
from test_exit import socks5 as ask_exit
from test_names import HTTP_OK, SOCKS4_OK, SOCKS5_OK, http_connect, socks4a, socks5
from test_share import backend as named_backend
from test_share import served_by

pytestmark = pytest.mark.plain_only  # the modes are chosen here

NAMES = {"names": {"suffix": ".inout"}, "topic": None}
LOOPBACK = ["127.0.0.0/8", "::1"]
EXIT = {"backend": "socks5", "backend_host": None, "backend_port": None,
        "exit": {"open": True, "allow": ["*", "127.0.0.0/8"]}}


@pytest.mark.parametrize("words, ask, success", [("zstd", socks5, SOCKS5_OK),
                                                 ("zstd e2e", http_connect, HTTP_OK),
                                                 ("zstd e2e tls front", socks4a, SOCKS4_OK)])
def test_names_of_hosts(run, words, ask, success):
    site = Site(run, words, in_=NAMES)

    def pair():
        client, reply = ask(site, "default.inout")
        assert reply == success
        return client, site.backend.next()
    site.check(pair)
    client, reply = socks5(site, "none.inout")
    with client:
        assert reply[1] == 4 and read_to_end(client) == b""


@pytest.mark.parametrize("words", ["zstd", "zstd e2e tls"])
@pytest.mark.parametrize("by_name", [False, True])
def test_an_exit(run, words, by_name):
    """Where its answer to a client travels compressed, too; and as the exit of names."""
    names = {"names": {"suffix": ".inout", "exit": "default"}, "topic": None} if by_name else {}
    site = Site(run, words, in_=names, out=EXIT)

    def pair(port=None):
        port = port or site.backend.port
        if by_name:
            client, reply = http_connect(site, "127.0.0.1", port)
            assert reply == HTTP_OK
        else:
            client, code = ask_exit(site.in_.port(), by_address("127.0.0.1", port))
            assert code == 0
        return client, site.backend.next()
    site.check(pair)
    if by_name:
        client, reply = http_connect(site, "127.0.0.1", refusing_port(run))
        assert reply.split()[1] == b"502"
    else:
        client, code = ask_exit(site.in_.port(), by_address("127.0.0.1", refusing_port(run)))
        assert code == 5
    client.close()


def test_a_range_of_ports_at_another_address(run):
    """in listens at the ports that the backends have, and out takes them from the topics."""
    backend = run.own(Backend())
    port = backend.port
    site = Site(run, "zstd e2e front", backend=backend,
                in_={"bind": "127.0.0.2", "port": None, "ports": str(port), "topic": "app.{port}"},
                out={"topic": "app.*", "pattern": True, "backend_port": "{2}",
                     "backend_ports": "1024-65535", "backend_allow": LOOPBACK})

    def pair():
        client = socket.create_connection(("127.0.0.2", port), 20 * harness.PATIENCE)
        return client, site.backend.next()
    site.check(pair)


def test_a_unix_socket_and_the_clients_address(run, tmp_path):
    """It has none: the backend is told where the proxy has seen in."""
    path = str(tmp_path / "s")
    site = Site(run, "zstd ws", in_={"bind_unix": path, "port": None}, out={"proxy_protocol": "v1"})

    def pair():
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20 * harness.PATIENCE)
        client.connect(path)
        backend = site.backend.next()
        header = b""
        while not header.endswith(b"\r\n"):
            header += read_exactly(backend, 1)
        word, family, source, target, port, own = header.decode().split()
        assert (word, family, source, target) == ("PROXY", "TCP4", "127.0.0.1", "127.0.0.1")
        assert int(port) > 0 and int(own) == site.backend.port
        return client, backend
    end_in_turn(*pair())
    assert site.in_.wait_event("stream")["wire_up"] < len(TEXT) / 3
    client, backend = pair()
    reset(backend)
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass
    assert site.in_.wait_event("stream", count=2)["code"] == "reset"
    client, backend = pair()
    backend.sendall(b"unread")
    assert client.recv(1, socket.MSG_PEEK) == b"u"
    client.close()  # with bytes that it has not read: that is no clean end of a UNIX socket
    expect_reset(backend)


def test_shared_patterns_and_names(run):
    site = Site(run, "zstd", in_=NAMES, out={"topic": "db.*", "pattern": True, "share": True})
    other = named_backend(run, b"o")
    second = run.program("out", {"networks": [{**site.out_network, "backend_port": other}]})
    second.wait_event("registered")
    site.backend.handler = lambda s: (s.sendall(b"s"), harness.echo(s))
    served = []
    for topic in "abcdefgh":
        client, reply = socks5(site, f"db.{topic}.inout")
        with client:
            assert reply == SOCKS5_OK
            served.append(read_exactly(client, 1))
            client.sendall(TEXT[:5_000])
            assert read_exactly(client, 5_000) == TEXT[:5_000]
    assert set(served) == {b"o", b"s"}
    topics = {site.in_.wait_event("stream", count=n + 1)["topic"] for n in range(8)}
    assert topics == {f"db.{topic}" for topic in "abcdefgh"}


def test_a_stream_of_a_name_is_warned_of_by_its_own_topic(run):
    """By a forward proxy, through a relay that knows neither frames nor compression."""
    forward = run.own(ForwardProxy())
    proxy = run.own(LegacyProxy())
    run.out(proxy, {"a": harness.echo_server(run).port}).wait_event("registered")
    in_ = run.program("in", {"networks": [{
        "servers": [f"127.0.0.1:{harness.port_of(proxy)}"], "port": 0, "compression": "zstd",
        "via": f"http://127.0.0.1:{forward.port}", "names": {"suffix": ".inout"}}],
        "first_look": "off"})
    site = harness.Chain()
    site.port = in_.port()
    client, reply = socks5(site, "a.inout")
    with client:
        assert reply == SOCKS5_OK
        harness.expect_echo(client)
    assert in_.wait_event("not framed")["topic"] == "a"
    assert in_.wait_event("not compressed")["topic"] == "a"


def test_who_is_told_why_it_gets_no_stream_has_no_place_any_more(run):
    """However many of them stay; none of the answers is lost."""
    site = Site(run, "", in_=NAMES)
    site.in_ = run.program("in", {**site.in_.config, "limits": {"streams_per_client": 1}})
    told = []
    for ask, good in ((socks5, lambda reply: reply[1] == 4), (socks4a, lambda reply: reply[1] == 91),
                      (http_connect, lambda reply: reply.split()[1] == b"502")):
        for _ in range(50):
            client, reply = ask(site, "none.inout")
            assert good(reply)
            told.append(client)
    sockets = site.in_.status()["sockets"]
    assert sockets <= 64 + 1 + 4, sockets  # those who linger, the last one, and spare connections
    client, reply = socks5(site, "default.inout")
    with client, site.backend.next() as backend:
        assert reply == SOCKS5_OK
        both_ways(client, backend, TEXT)
        for each in told:
            assert read_to_end(each) == b""
            each.close()
    assert not site.in_.find("client refused")
    site.in_.wait_idle()
