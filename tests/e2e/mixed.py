"""Sites in which several features are on at once, and what has to hold in each of them."""
import pathlib
import queue
import select
import socket
import ssl
import sys
import threading

import harness
import secure
from harness import Server, connect, expect_reset, read_exactly, read_to_end, reset
from test_compression import LOG
from websocket import Front

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "services"))
from socks5 import Socks5  # noqa: E402

TEXT = LOG[:200_000]


class Backend(Server):
    """Hands each connection to who asks for the next()."""

    def __init__(self, **options):
        self.queue = queue.Queue()
        super().__init__(self._take, **options)

    def _take(self, s):
        s.settimeout(20 * harness.PATIENCE)
        self.queue.put(s)

    def next(self):
        return self.queue.get(timeout=20 * harness.PATIENCE)


class SecureFront(Front):
    """A web server with TLS of its own, which knows no half-close either. One thread for each
    connection, because a session of TLS is one thread's at a time."""

    def _carry(self, client):
        ca = secure.certificates()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca / "localhost.crt", ca / "localhost.key")
        context.set_alpn_protocols(["http/1.1"])
        with context.wrap_socket(client, server_side=True) as s, connect(self.target) as server:
            self.lines.append((client, server))
            others = {s: server, server: s}
            while True:
                ready = [s] if s.pending() else select.select(list(others), [], [])[0]
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    others[source].sendall(data)


def server_by(run, proxy, way):
    """What `servers` of a network is for who goes this way, and the keys that this needs."""
    port = harness.port_of(proxy)
    if way == "ws":
        return {"servers": [f"ws://127.0.0.1:{port}/inout"]}
    if way == "front":
        return {"servers": [f"ws://127.0.0.1:{run.own(Front(port)).port}/inout"]}
    if way == "wss":
        return {"servers": [f"wss://localhost:{run.own(SecureFront(port)).port}/inout"],
                "websocket": {"ca": str(secure.certificates() / "ca.crt")}}
    assert way == "tcp"
    return {"servers": [f"127.0.0.1:{port}"]}


def place_of(network):
    """(host, port) of its server."""
    host, port = network["servers"][0].split("//")[-1].split("/")[0].rsplit(":", 1)
    return host, int(port)


def features(words):
    """Keys of a network: `zstd`, `e2e` and `tls` are those of in and of out."""
    keys = {}
    if "zstd" in words:
        keys["compression"] = "zstd"
    if "e2e" in words:
        keys["e2e"] = {"key_file": secure.secret("e2e.key")}
    if "tls" in words:
        keys["tls"] = secure.client_tls()
    return keys


class Site:
    """.proxy, .out, .in_ with one network each, and the .backend of out. `words`: which features
    are on (features()), and by which way in and out go (server_by()), `tcp` if none is named."""

    def __init__(self, run, words, in_=None, out=None, proxy=None, backend=None):
        self.run = run
        words = words.split()
        self.backend = backend or run.own(Backend())
        self.proxy = proxy or run.proxy({"tls": secure.proxy_tls()} if "tls" in words else None)
        way = next((word for word in words if word in ("ws", "front", "wss")), "tcp")
        self.words = words
        network = {**server_by(run, self.proxy, way), **features(words)}
        self.out_network = {**network, "topic": "default", "backend_host": "127.0.0.1",
                            "backend_port": self.backend.port, **(out or {})}
        self.in_network = {**network, "topic": "default", "port": 0, **(in_ or {})}
        for each in (self.out_network, self.in_network):
            for key in [key for key, value in each.items() if value is None]:
                del each[key]
        self.out = run.program("out", {"networks": [self.out_network], "retry_interval": 200,
                                       **harness.TWO_THREADS})
        self.out.wait_event("registered")
        self.in_ = run.program("in", {"networks": [self.in_network], "first_look": "off",
                                      **harness.TWO_THREADS})
        self.in_.wait_event("listening")

    def connect(self):
        return connect(self.in_.port())

    def pair(self):
        return self.connect(), self.backend.next()

    def check(self, pair=None, count=1):
        """What has to hold (check()), and that the streams were what the words say."""
        check(pair or self.pair)
        line = self.whole(count)
        assert ("wire_up" in line) == ("zstd" in self.words), line
        if "zstd" in self.words:
            assert line["wire_up"] < len(TEXT) / 3 and line["wire_down"] < len(TEXT) / 3, line
        for program in (self.in_, self.proxy, self.out):
            program.wait_idle()

    def whole(self, count=1):
        """The line of in of that stream of the count-th check() which was not reset."""
        self.in_.wait_event("stream", count=3 * count)
        lines = self.in_.find("stream")[3 * count - 3:]
        assert sorted(line["code"] for line in lines) == ["done", "reset", "reset"], lines
        return next(line for line in lines if line["code"] == "done")


def both_ways(client, backend, text):
    """The text in both directions at once, and whole."""
    senders = [threading.Thread(target=s.sendall, args=(text,), daemon=True)
               for s in (client, backend)]
    got = {}
    readers = [threading.Thread(target=lambda s=s: got.update({s: read_exactly(s, len(text))}),
                                daemon=True) for s in (client, backend)]
    for thread in senders + readers:
        thread.start()
    for thread in senders + readers:
        thread.join(30 * harness.PATIENCE)
    assert got.get(client) == text and got.get(backend) == text


def end_in_turn(client, backend):
    """The text both ways, then the end of each direction by itself."""
    both_ways(client, backend, TEXT)
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(backend) == b""
    backend.sendall(b"later")
    backend.close()
    assert read_to_end(client) == b"later"


def check(pair):
    """Of streams, each given by pair() as (client, backend): every byte both ways, an end of each
    direction by itself, and a reset as a reset from either side."""
    client, backend = pair()
    end_in_turn(client, backend)
    client.close()
    for one in (0, 1):
        sides = pair()
        both_ways(*sides, b"something")
        reset(sides[one])
        expect_reset(sides[1 - one])


def socks5_proxy(run, network):
    """A SOCKS5 proxy that reaches this network's server, and nothing else."""
    host, port = place_of(network)
    return run.own(Socks5({host: ("127.0.0.1", port)}))
