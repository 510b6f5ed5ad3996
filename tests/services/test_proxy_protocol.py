"""The client's address at the backend, and from who stands in front (the PROXY protocol): nginx and
HAProxy as backends that tell it back, and in front of the proxy and of in.

Who is who goes by addresses of loopback: CLIENT's connections come from one of its own, and those
of the balancers in front from another one, which alone is trusted.
"""
import socket

import pytest

from attack import KEY, key_entry, secret_file
from cluster_site import Member, Nats, needs_nats
from harness import Server, free_port, port_of, read_exactly, read_to_end, wait_for
from reloads import changed, of_topic, reload, with_networks
from service import Service, need

CLIENT, BALANCER, STRANGER = "127.0.0.5", "127.0.0.9", "127.0.0.8"
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
UNKNOWN = b"PROXY UNKNOWN\r\n"
pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves

HAPROXY = """
defaults
    mode {mode}
    timeout connect 10s
    timeout client 60s
    timeout server 60s
"""
NGINX = """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 1; pid {directory}/nginx-{port}.pid;
events {{ worker_connections 512; }}
"""


def start_nginx(run, directory, text, port):
    need("/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream")
    config = directory / f"nginx-{port}.conf"
    config.write_text(NGINX.format(directory=directory, port=port) + text)
    run.own(Service([need("nginx", "nginx"), "-c", config, "-e", "stderr", "-p", directory], port,
                    directory))
    return port


def start_haproxy(run, directory, text, port, mode="tcp"):
    config = directory / f"haproxy-{port}.cfg"
    config.write_text(HAPROXY.format(mode=mode) + text)
    run.own(Service([need("haproxy", "haproxy"), "-db", "-f", config], port, directory))
    return port


def nginx_backend(run, directory):
    port = free_port()
    return start_nginx(run, directory, f"""http {{
        access_log {directory}/access.log;
        server {{
            listen 127.0.0.1:{port} proxy_protocol;
            location / {{
                return 200 "$proxy_protocol_addr $proxy_protocol_server_addr:$proxy_protocol_server_port";
            }}
        }}
    }}""", port)


def haproxy_backend(run, directory):
    port = free_port()
    return start_haproxy(run, directory, f"""
frontend backend
    bind 127.0.0.1:{port} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[dst]:%[dst_port]"
""", port, "http")


def nginx_in_front(run, directory, target):
    port = free_port()
    return start_nginx(run, directory, f"""stream {{
        server {{
            listen 127.0.0.1:{port};
            proxy_pass 127.0.0.1:{target};
            proxy_bind {BALANCER};
            proxy_protocol on;
        }}
    }}""", port)


def haproxy_in_front(run, directory, target):
    port = free_port()
    return start_haproxy(run, directory, f"""
listen front
    bind 127.0.0.1:{port}
    source {BALANCER}
    server target 127.0.0.1:{target} send-proxy-v2
""", port)


BACKENDS = {"nginx": nginx_backend, "haproxy": haproxy_backend}
FRONTS = {"nginx": nginx_in_front, "haproxy": haproxy_in_front}
VERSION = {"nginx": "v1", "haproxy": "v2"}


def told(port, source=CLIENT):
    """What the backend says: the client's address, and the destination."""
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as s:
        s.sendall(b"GET / HTTP/1.0\r\nHost: backend\r\n\r\n")
        return read_to_end(s).decode().rpartition("\r\n\r\n")[2].strip()


def start(run, port, version="v1", believed=True, proxy=None, entrance=None, out=None, in_=None):
    """proxy, out, whose backend is at this port or path, and in; in reaches the proxy over
    entrance(its port) if there is one."""
    entry = key_entry(**{"in": ["#"], "out": ["#"]}, client=believed)
    of_peer = {"auth": {"id": KEY, "secret_file": secret_file()}}
    relay = run.proxy({"auth": {"keys": [entry]}, **(proxy or {})})
    at = {"backend_host": "127.0.0.1", "backend_port": port} if isinstance(port, int) else {
        "backend_unix": port}
    network = {"server_host": "127.0.0.1", "server_port": port_of(relay), "topic": "t", **at,
               "proxy_protocol": version, **(out or {})}
    service = run.out([], {}, {"networks": [network], **of_peer})
    service.wait_event("registered")
    client = run.in_(entrance(port_of(relay)) if entrance else relay, ["t"],
                     {**of_peer, **(in_ or {})})
    return relay, service, client


def in_network(relay, **more):
    return {"networks": [{"server_host": "127.0.0.1", "server_port": port_of(relay), "port": 0,
                          "topic": "t", **more}]}


class Recorder(Server):
    """A backend that keeps what comes, and answers "ok" to each whole line of a client."""

    def __init__(self):
        self.heard = []
        super().__init__(self._answer)

    def _answer(self, s):
        data = b""
        with s:
            while part := s.recv(4096):
                data += part
                if data.endswith(b"hello\n"):
                    s.sendall(b"ok")
            self.heard.append(data)

    def begins(self, *beginnings):
        return any(heard.startswith(beginnings) for heard in self.heard)


def say_hello(port, source=CLIENT, first=b""):
    with socket.create_connection(("127.0.0.1", port), 20, (source, 0)) as s:
        s.sendall(first + b"hello\n")
        assert read_exactly(s, 2) == b"ok"


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_is_told_the_client_of_who_is_believed_and_else_what_the_proxy_saw(
        run, tmp_path, name):
    port = BACKENDS[name](run, tmp_path)
    for believed, address in ((True, CLIENT), (False, "127.0.0.1")):
        *_, in_ = start(run, port, VERSION[name], believed)
        assert told(in_.port()) == f"{address} 127.0.0.1:{port}"


@pytest.mark.parametrize("name", FRONTS)
def test_the_proxy_takes_the_address_from_who_stands_in_front_and_is_trusted(run, tmp_path, name):
    port = BACKENDS[name](run, tmp_path)
    # The balancer itself is not allowed: whom it speaks for is judged.
    relay, _, in_ = start(
        run, port, believed=False, version=VERSION[name],
        proxy={"trusted": [BALANCER], "proxy_protocol": True, "allow": ["127.0.0.1"]},
        entrance=lambda relay: FRONTS[name](run, tmp_path, relay))
    assert told(in_.port()) == f"127.0.0.1 127.0.0.1:{port}"
    assert relay.wait_event("stream")["client"].startswith(f"{CLIENT}:")
    with socket.create_connection(("127.0.0.1", port_of(relay)), 20, (BALANCER, 0)) as s:
        s.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")
        assert not read_to_end_or_reset(s)
    refused = relay.wait_event("refused")
    assert (refused["peer"], refused["reason"]) == ("192.0.2.7:1", "allow and deny")


def read_to_end_or_reset(s):
    try:
        return read_to_end(s)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", b"PROXY TCP5 1\r\n", b"\r\n\r\n\r\n",
                                   b"PROXY UNKNOWN " + b"x" * 200])
def test_a_trusted_source_without_a_header_is_refused(run, first):
    relay = run.proxy({"trusted": [BALANCER], "proxy_protocol": True})
    with socket.create_connection(("127.0.0.1", port_of(relay)), 20, (BALANCER, 0)) as s:
        s.sendall(first)
        assert not read_to_end_or_reset(s)
    line = relay.wait_event("first message refused")
    assert line["reason"].startswith("no PROXY protocol header: ")
    assert line["peer"].startswith(f"{BALANCER}:")


def test_a_trusted_source_has_handshake_timeout_for_its_header(run):
    relay = run.proxy({"trusted": [BALANCER], "proxy_protocol": True, "handshake_timeout": 300})
    with socket.create_connection(("127.0.0.1", port_of(relay)), 20, (BALANCER, 0)) as s:
        s.sendall(b"PROXY ")
        assert not read_to_end_or_reset(s)
    assert "in time" in relay.wait_event("first message refused")["reason"]


def test_a_header_of_a_stranger_is_no_first_message(run):
    relay = run.proxy({"trusted": [BALANCER], "proxy_protocol": True})
    with socket.create_connection(("127.0.0.1", port_of(relay)), 20, (STRANGER, 0)) as s:
        s.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")
        assert not read_to_end_or_reset(s)
    assert relay.wait_event("first message refused")["peer"].startswith(f"{STRANGER}:")


@pytest.mark.parametrize("name", FRONTS)
def test_in_takes_the_address_from_who_stands_in_front_and_is_trusted(run, tmp_path, name):
    port = BACKENDS[name](run, tmp_path)
    relay, *_ = start(run, port, VERSION[name])
    in_ = run.in_(relay, [], {"auth": {"id": KEY, "secret_file": secret_file()},
                              "trusted": [BALANCER], "deny": [BALANCER],
                              **in_network(relay, proxy_protocol=True)})
    front = FRONTS[name](run, tmp_path, in_.port())
    # nginx and HAProxy see CLIENT, and in sees them.
    assert told(front) == f"{CLIENT} 127.0.0.1:{port}"
    wait_for(lambda: any(line["client"].startswith(f"{CLIENT}:") for line in in_.find("stream")),
             what="the client's stream in the log")


def test_at_in_a_header_of_a_stranger_is_the_clients_data_and_a_trusted_one_needs_one(run):
    backend = run.own(Recorder())
    relay, *_ = start(run, backend.port)
    in_ = run.in_(relay, [], {"auth": {"id": KEY, "secret_file": secret_file()},
                              "trusted": [BALANCER], **in_network(relay, proxy_protocol=True)})
    header = b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n"
    say_hello(in_.port(), STRANGER, header)
    line = b"PROXY TCP4 %s 127.0.0.1 " % STRANGER.encode()
    wait_for(lambda: backend.begins(line), what="the stranger's stream at the backend")
    assert backend.heard[0].split(b"\r\n", 1)[1] == header + b"hello\n"
    say_hello(in_.port(), BALANCER, header)
    wait_for(lambda: backend.begins(b"PROXY TCP4 192.0.2.7 127.0.0.1 1 "),
             what="the told client's stream at the backend")
    with socket.create_connection(("127.0.0.1", in_.port()), 20, (BALANCER, 0)) as s:
        s.sendall(b"hello\n")
        assert not read_to_end_or_reset(s)
    assert "no PROXY protocol header" in in_.wait_event("client refused")["reason"]


@pytest.mark.parametrize("version, nobody", [("v1", UNKNOWN), ("v2", LOCAL)])
def test_a_health_check_speaks_for_nobody(run, version, nobody):
    backend = run.own(Recorder())
    start(run, backend.port, version, out={"health": {"interval": 100}})
    wait_for(lambda: nobody in backend.heard, what="a health check")


def test_end_to_end_the_header_comes_before_the_decrypted_bytes(run):
    backend = run.own(Recorder())
    e2e = {"key_file": secret_file("fedcba9876543210" * 4)}
    relay, *_ = start(run, backend.port, out={"e2e": e2e})
    in_ = run.in_(relay, [], {"auth": {"id": KEY, "secret_file": secret_file()},
                              **in_network(relay, e2e=e2e)})
    say_hello(in_.port())
    wait_for(lambda: backend.heard, what="the stream at the backend")
    header, data = backend.heard[0].split(b"\r\n", 1)
    assert header.startswith(b"PROXY TCP4 %s 127.0.0.1 " % CLIENT.encode()) and data == b"hello\n"


def test_a_backend_at_a_unix_socket_gets_a_destination_of_zeros(run, tmp_path):
    backend = Recorder.__new__(Recorder)
    backend.heard, path = [], str(tmp_path / "backend.sock")
    backend.listener = socket.socket(socket.AF_UNIX)
    backend.listener.bind(path)
    backend._accept_with(backend._answer)
    run.own(backend)
    *_, in_ = start(run, path)
    say_hello(in_.port())
    wait_for(lambda: backend.heard, what="the stream at the backend")
    assert backend.heard[0].startswith(b"PROXY TCP4 %s 0.0.0.0 " % CLIENT.encode())
    assert backend.heard[0].endswith(b" 0\r\nhello\n")


@needs_nats()
@pytest.mark.parametrize("believed, address", [(True, CLIENT), (False, "127.0.0.1")])
def test_over_another_proxy_of_the_cluster_the_client_goes_along(run, believed, address):
    backend, nats = run.own(Recorder()), Nats(run)
    entry = key_entry(**{"in": ["#"], "out": ["#"]}, client=believed)
    a, b = (Member(run, nats, {"auth": {"keys": [entry]}}) for _ in "ab")
    own = {"auth": {"id": KEY, "secret_file": secret_file()}}
    network = {"server_host": "127.0.0.1", "server_port": b.port, "topic": "t",
               "backend_host": "127.0.0.1", "backend_port": backend.port, "proxy_protocol": "v1"}
    run.out([], {}, {"networks": [network], **own}).wait_event("registered")
    [port], _ = a.in_(["t"], own)
    say_hello(port)
    wait_for(lambda: backend.heard, what="the stream at the backend")
    assert backend.heard[0].startswith(b"PROXY TCP4 %s 127.0.0.1 " % address.encode())


def test_a_reload_changes_what_a_backend_is_told(run):
    backend = run.own(Recorder())
    _, out, in_ = start(run, backend.port, "off")
    say_hello(in_.port())
    wait_for(lambda: backend.heard == [b"hello\n"], what="a stream without a header")
    reload(out, with_networks(out, of_topic(out, "t", proxy_protocol="v2")))
    out.wait_event("registered", count=2)
    say_hello(in_.port())
    wait_for(lambda: backend.begins(LOCAL[:12] + b"\x21\x11\0\x0c" + socket.inet_aton(CLIENT)),
             what="a stream with a header")


def test_a_reload_changes_whose_headers_the_proxy_takes(run):
    relay = run.proxy({"allow": ["127.0.0.0/8"]})

    def send_header():
        with socket.create_connection(("127.0.0.1", port_of(relay)), 20, (BALANCER, 0)) as s:
            s.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")
            assert not read_to_end_or_reset(s)

    send_header()
    assert relay.wait_event("first message refused")["peer"].startswith(f"{BALANCER}:")
    reload(relay, changed(relay, trusted=[BALANCER], proxy_protocol=True))
    send_header()
    assert relay.wait_event("refused", peer="192.0.2.7:1")["reason"] == "allow and deny"


def test_a_reload_changes_whose_headers_in_takes(run):
    backend = run.own(Recorder())
    relay, _, in_ = start(run, backend.port, "off")
    header = b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n"
    say_hello(in_.port(), BALANCER, header)
    wait_for(lambda: backend.heard == [header + b"hello\n"], what="a header as data")
    networks = with_networks(in_, of_topic(in_, "t", proxy_protocol=True))
    reload(in_, {**networks, "trusted": [BALANCER]})
    say_hello(in_.port(), BALANCER, header)
    wait_for(lambda: backend.heard[1:] == [b"hello\n"], what="a header that was taken")
