"""Behind web servers, as docs/recipes.md prints them: nginx `http {}` and HAProxy end the outer TLS,
and streams go through with exact ends, keys and certificates; curl is told what the port is."""
import socket
import ssl
import subprocess

import pytest

import secure
from harness import (ROOT, Server, connect, echo_server, expect_echo, expect_reset, free_port,
                     read_exactly, read_to_end, reset)
from service import MIB, Service, need

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves


def printed(begins):
    """The indented block of the recipe that begins with this line."""
    text = (ROOT / "docs/recipes.md").read_text().split("## Behind a web server")[1]
    lines = text[text.index(f"    {begins}\n"):].split("\n")
    block = []
    for line in lines:
        if line and not line.startswith("    "):
            break
        block.append(line)
    return "\n".join(block)


def put(text, *pairs):
    for old, new in pairs:
        assert text.count(old) == 1, f"'{old}' is expected once in:\n{text}"
        text = text.replace(old, new)
    return text


def nginx(run, directory, proxy):
    port, ca = free_port(), secure.certificates()
    block = put(printed("server {"), ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
                ("relay.example.com;", "localhost;"), ("127.0.0.1:40001", f"127.0.0.1:{proxy}"),
                ("relay.example.com.crt", f"{ca}/localhost.crt"),
                ("relay.example.com.key", f"{ca}/localhost.key"))
    config = directory / "nginx.conf"
    config.write_text(f"""daemon off; worker_processes 1; pid {directory}/nginx.pid;
        events {{ worker_connections 512; }}
        http {{ access_log off; client_body_temp_path {directory}/body;
                proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
                uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
                {block} }}""")
    run.own(Service([need("nginx", "nginx"), "-c", config, "-e", "stderr", "-p", directory], port,
                    directory))
    return port


def haproxy(run, directory, proxy):
    port, ca = free_port(), secure.certificates()
    pem = directory / "relay.pem"
    pem.write_text((ca / "localhost.crt").read_text() + (ca / "localhost.key").read_text())
    block = put(printed("defaults"), ("bind :443", f"bind 127.0.0.1:{port}"),
                ("127.0.0.1:40001", f"127.0.0.1:{proxy}"), ("relay.example.com.pem", str(pem)))
    config = directory / "haproxy.cfg"
    config.write_text(block)
    run.own(Service([need("haproxy", "haproxy"), "-f", config, "-db"], port, directory))
    return port


FRONTS = {"nginx": nginx, "haproxy": haproxy}


@pytest.fixture(params=FRONTS)
def front(request):
    return FRONTS[request.param]


def network(front_port, program, **more):
    """Of in or out, with our TLS and certificates inside of the front's."""
    return {"servers": [f"wss://localhost:{front_port}/inout"], "topic": "t",
            "websocket": {"ca": str(secure.certificates() / "ca.crt")},
            "tls": secure.client_tls(program), **more}


def chain(run, directory, front, backend, topics=("t",)):
    """(proxy, in), connected by certificates that only the proxy looks at."""
    rules = [{"name": "in", "in": list(topics)}, {"name": "out", "out": list(topics)}]
    proxy = run.proxy({"tls": secure.proxy_tls(client_ca=str(secure.certificates() / "ca.crt")),
                       "auth": {"certs": rules}})
    port = front(run, directory, proxy.port())
    out = run.program("out", {"networks": [network(port, "out", backend_host="127.0.0.1",
                                                   backend_port=backend.port)]})
    assert out.wait_event("registered")["identity"] == "certificate out"
    in_ = run.program("in", {"networks": [network(port, "in", port=0)]})
    return proxy, in_


def test_ends_and_certificates_come_through(run, tmp_path, front):
    resets = []

    def backend(s):
        question = s.recv(65536)
        if question == b"reset":
            reset(s)
        elif question == b"wait":
            try:
                s.recv(1)
            except ConnectionResetError:
                resets.append(True)
        else:
            s.sendall(question + read_to_end(s) + b"answer" * MIB)
            s.close()
    proxy, in_ = chain(run, tmp_path, front, run.own(Server(backend)))
    for _ in range(3):
        with connect(in_.port()) as s:  # a half-close, and much behind it
            s.sendall(b"question" * MIB)
            s.shutdown(socket.SHUT_WR)
            assert read_to_end(s) == b"question" * MIB + b"answer" * MIB
    s = connect(in_.port())
    s.sendall(b"reset")
    expect_reset(s)
    s = connect(in_.port())
    s.sendall(b"wait")
    proxy.wait_event("stream", count=4)
    reset(s)
    proxy.wait_event("stream", count=5)
    assert resets == [True]
    assert [e["code"] for e in proxy.find("stream")] == ["done"] * 3 + ["reset"] * 2
    assert {e["topic"] for e in proxy.find("stream")} == {"t"}


def test_a_front_that_is_killed_resets_what_it_carried(run, tmp_path, front):
    proxy, in_ = chain(run, tmp_path, front, echo_server(run))
    s = connect(in_.port())
    expect_echo(s)
    service = next(thing for thing in run.things if isinstance(thing, Service))
    service.close()
    expect_reset(s)
    proxy.wait_idle()


def test_many_streams_at_once_are_their_own(run, tmp_path, front):
    proxy, in_ = chain(run, tmp_path, front, echo_server(run))
    clients = [connect(in_.port()) for _ in range(30)]
    for n, client in enumerate(clients):
        client.sendall(b"%04d" % n * 10_000)
    for n, client in enumerate(clients):
        assert read_exactly(client, 40_000) == b"%04d" % n * 10_000
        client.close()
    proxy.wait_event("stream", count=len(clients))


def curl(*words):
    done = subprocess.run([need("curl", "curl"), "-sS", "-m", "10", "-o", "/dev/null", "-w",
                           "%{http_code}", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_is_told_what_the_port_is(run, tmp_path):
    proxy = run.proxy({"trusted": []})
    url = f"http://127.0.0.1:{proxy.port()}"
    upgrade = ["-H", "Upgrade: websocket", "-H", "Connection: Upgrade",
               "-H", "Sec-WebSocket-Version: 13",
               "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    for _ in range(20):
        assert curl(url) == "426"
    assert curl(url + "/inout", *upgrade, "-H", "Origin: https://example.com") == "403"
    assert curl(url + "/other", *upgrade) == "404"
    assert proxy.status()["monitors_total"] == 20
    port = nginx(run, tmp_path, proxy.port())
    ca = str(secure.certificates() / "ca.crt")
    assert curl("--cacert", ca, f"https://localhost:{port}/inout") == "426"
    assert not proxy.find("refused")


def test_a_front_of_tls_alone_is_no_way_around_ours(run, tmp_path):
    """The proxy demands TLS: that of the front is not it."""
    proxy = run.proxy({"tls": secure.proxy_tls()})
    port = nginx(run, tmp_path, proxy.port())
    plain = network(port, "out", backend_host="127.0.0.1", backend_port=1)
    del plain["tls"]
    out = run.program("out", {"networks": [plain]})
    assert "demands TLS" in out.wait_event("not registered")["reason"]
    context = ssl.create_default_context(cafile=str(secure.certificates() / "ca.crt"))
    with context.wrap_socket(connect(port), server_hostname="localhost") as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"Server: nginx" in s.recv(65536)
