"""Features of the way between in and out together: compression, encryption, WebSocket, forward
proxies, a hop of a cluster; each carries every byte and every end as if it were alone."""
import socket

import pytest

import secure
from cluster_site import Member, Nats, needs_nats
from forward_proxy import ForwardProxy
from harness import expect_reset, free_port, read_exactly, read_to_end, reset
from mixed import TEXT, Site, both_ways, check, place_of, server_by, socks5_proxy
from reloads import changed, reload
from test_names import socks5

pytestmark = pytest.mark.plain_only  # the modes are chosen here


@pytest.mark.parametrize("words", ["ws zstd", "ws zstd tls", "front zstd e2e", "front zstd tls e2e",
                                   "wss zstd tls"])
def test_compression_over_websocket(run, words):
    site = Site(run, words)
    site.check()
    site.check(count=2)  # on connections that were used before


@pytest.mark.parametrize("kind, words", [("http", "ws"), ("http", "wss zstd"),
                                         ("socks5", "ws zstd e2e"), ("socks5", "wss tls")])
def test_a_forward_proxy_on_the_way_to_a_web_server(run, kind, words):
    proxy = run.proxy({"tls": secure.proxy_tls()} if "tls" in words else None)
    network = server_by(run, proxy, words.split()[0])
    host, port = place_of(network)
    if kind == "http":
        forward = run.own(ForwardProxy(hosts={host: ("127.0.0.1", port)}))
    else:
        forward = socks5_proxy(run, network)
    way = {**network, "via": f"{kind}://127.0.0.1:{forward.port}"}
    site = Site(run, " ".join(words.split()[1:]), proxy=proxy, in_=way, out=way)
    site.check()
    assert len(forward.asked) >= 3 and str(port) in str(forward.asked[0])
    assert len(set(map(str, forward.asked))) == 1


def test_a_forward_proxy_that_dies_before_a_web_server_is_a_reset(run):
    proxy = run.proxy()
    forward = run.own(ForwardProxy())
    way = {**server_by(run, proxy, "ws"), "via": f"http://127.0.0.1:{forward.port}"}
    site = Site(run, "zstd", proxy=proxy, in_=way)
    client, backend = site.pair()
    client.sendall(b"hello")
    assert read_exactly(backend, 5) == b"hello"
    forward.die()
    expect_reset(client)
    expect_reset(backend)


@needs_nats()
@pytest.mark.parametrize("words, way", [("zstd", "ws"), ("zstd e2e", "front")])
def test_a_hop_between_proxies_behind_a_web_server(run, words, way):
    nats = Nats(run)
    a, b = Member(run, nats), Member(run, nats)
    site = Site(run, words, proxy=b.proxy, in_=server_by(run, a.proxy, way),
                out=server_by(run, b.proxy, way))
    site.check()
    line = a.proxy.wait_event("stream")
    assert line["proxy"] == b.address and line["bytes_up"] < len(TEXT) / 3
    a.proxy.wait_idle()


def test_reloads_turn_features_on_and_off_under_running_streams(run):
    """One after the other, so that each meets those before it; off again in another order."""
    site = Site(run, "", in_={"port": free_port()})
    forward = run.own(ForwardProxy())
    plain = {"servers": site.in_network["servers"]}
    steps = [{"compression": "zstd"}, server_by(run, site.proxy, "ws"),
             {"via": f"http://127.0.0.1:{forward.port}"},
             {"names": {"suffix": ".inout"}, "topic": None},
             {"compression": None}, plain, {"via": None}, {"names": None, "topic": "default"}]
    in_, out = site.in_network, site.out_network
    running = [site.pair()]

    def pair():
        if "names" in in_:
            client, reply = socks5(site, "default.inout")
            assert reply[1] == 0
        else:
            client = site.connect()
        return client, site.backend.next()

    def with_keys(network, keys):
        return {key: value for key, value in {**network, **keys}.items() if value is not None}
    for count, step in enumerate(steps, 1):
        in_ = with_keys(in_, step)
        reload(site.in_, changed(site.in_, networks=[in_]))
        if "names" not in step:
            out = with_keys(out, step)
            registered = len(site.out.find("registered"))
            reload(site.out, changed(site.out, networks=[out]))
            if "compression" not in step:
                site.out.wait_event("registered", count=registered + 1)
        check(pair)
        line = site.whole(count)
        assert (line["server"], "wire_up" in line) == (
            in_["servers"][0], "compression" in in_), (step, line)
        running.append(pair())
        for client, backend in running:
            both_ways(client, backend, TEXT[:20_000])
    assert len(site.in_.find("listening")) == 1 and forward.asked
    # Each end is still exact: by turns each direction by itself, and a reset.
    for number, (client, backend) in enumerate(running):
        if number % 2:
            reset(client)
            expect_reset(backend)
            continue
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(backend) == b""
        backend.sendall(TEXT)
        backend.close()
        assert read_to_end(client) == TEXT
    for program in (site.in_, site.proxy, site.out):
        program.wait_idle()
