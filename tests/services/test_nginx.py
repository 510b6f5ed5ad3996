"""nginx `stream` in front of the proxy, with the block of configs/ and the original's."""
import contextlib
import socket

import pytest

import cluster
from cluster_site import needs_nats
from harness import (ROOT, Server, connect, echo_server, expect_echo, free_port, port_of,
                     read_exactly, read_to_end, wait_for)
from service import MIB, Service, need

PRINTED = "tests/e2e/original/nginx.conf"
RECOMMENDED = "configs/nginx-recommended.conf"


def put(text, old, new):
    assert text.count(old) == 1, f"'{old}' is expected once in:\n{text}"
    return text.replace(old, new)


def nginx(run, directory, block, proxies):
    """Starts nginx with one of the two files, its ports replaced; returns where it listens."""
    binary = need("nginx", "nginx")
    module = need("/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream")
    port = free_port()
    text = put((ROOT / block).read_text(), "listen 1234", f"listen 127.0.0.1:{port}")
    servers = [f"127.0.0.1:{port_of(proxy)}" for proxy in proxies]
    if block == PRINTED:
        [server] = servers
        text = put(text, "127.0.0.1:40001", server)
    else:
        text = put(text, "server 127.0.0.1:40001;",
                   "".join(f"server {server};" for server in servers))
    config = directory / "nginx.conf"
    config.write_text(f"""load_module {module};
        daemon off; worker_processes 1; pid {directory}/nginx.pid;
        events {{ worker_connections 4096; }}
        {text}""")
    run.own(Service([binary, "-c", config, "-e", "stderr", "-p", directory], port, directory))
    return port


def ask(port, data):
    """Sends the data, ends sending, and returns the whole answer."""
    with connect(port) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        return read_to_end(s)


@pytest.mark.parametrize("block", [PRINTED, RECOMMENDED])
def test_in_and_out_reach_the_proxy_through_nginx(run, tmp_path, block):
    proxy = run.proxy()
    entrance = nginx(run, tmp_path, block, [proxy])
    out = run.out(entrance, {"echo": echo_server(run).port})
    out.wait_event("registered", topic="echo")
    in_ = run.in_(entrance, ["echo"])
    block_of_text = bytes(range(256)) * (MIB // 256)
    clients = [connect(in_.port()) for _ in range(20)]
    for n, client in enumerate(clients):
        client.sendall(b"%03d" % n + block_of_text)
    for n, client in enumerate(clients):
        assert read_exactly(client, 3 + MIB) == b"%03d" % n + block_of_text
        client.close()
    for program in (in_, proxy, out):
        program.wait_event("stream", count=len(clients))


def test_the_recommended_block_carries_a_half_close_in_both_directions(run, tmp_path):
    answer = b"answer" * MIB

    def answer_after_the_end(s):
        question = read_to_end(s)
        s.sendall(question + answer)
        s.close()

    proxy = run.proxy()
    entrance = nginx(run, tmp_path, RECOMMENDED, [proxy])
    backend = run.own(Server(answer_after_the_end))
    run.out(entrance, {"late": backend.port}).wait_event("registered")
    in_ = run.in_(entrance, ["late"])
    assert ask(in_.port(), b"question") == b"question" + answer
    assert in_.wait_event("stream")["reason"] == "done"


def test_nginx_balances_in_over_two_proxies_that_one_out_serves(run, tmp_path):
    proxies = [run.proxy(), run.proxy()]
    out = run.out(proxies, {"echo": echo_server(run).port})
    out.wait_event("registered", count=2)
    in_ = run.in_(nginx(run, tmp_path, RECOMMENDED, proxies), ["echo"])
    for n in range(20):
        assert ask(in_.port(), b"%d" % n) == b"%d" % n

    def streams(proxy):
        return len(proxy.find("stream"))

    wait_for(lambda: sum(map(streams, proxies)) == 20, what="20 streams in the proxies' logs")
    # nginx takes turns; the spare connections that in holds at the end may be of one proxy.
    assert all(streams(proxy) >= 5 for proxy in proxies)

    survivor, lost = proxies
    before = streams(survivor)
    lost.kill()
    # What waited there for its next stream has ended too.
    wait_for(lambda: in_.status()["warm"] == survivor.status()["warm"], what="spares of one proxy")
    for n in range(20):
        assert ask(in_.port(), b"%d" % n) == b"%d" % n
    survivor.wait_event("stream", count=before + 20)


@needs_nats()
def test_one_registration_of_a_cluster_is_served_through_nginx_at_whichever_proxy(run, tmp_path):
    site = cluster.Site(run, tmp_path)
    entrance = nginx(run, tmp_path, RECOMMENDED, site.ports)
    out = run.out(entrance, {"t": site.backend(b"1").port})
    out.wait_event("registered")
    [owner] = wait_for(lambda: [proxy for proxy in site.proxies if proxy.find("registered")],
                       what="the registration in a proxy's log")
    others = [proxy for proxy in site.proxies if proxy is not owner]
    in_ = run.in_(entrance, ["t"])
    with contextlib.ExitStack() as streams:
        at_once = [streams.enter_context(site.stream(in_)) for _ in range(12)]
        for stream in at_once:
            expect_echo(stream)
        for proxy in others:
            assert not proxy.find("registered")
            # What came to it of the out's data connections is the owner's.
            proxy.wait_event("passing on")
            assert proxy.status()["streams"] > 0
    owner.wait_event("stream", count=12)
    assert site.ask(in_) == b"1"
    assert not out.find("another proxy answered")
    site.check()
