"""Proxies of a cluster, and the NATS server that is their directory."""
import functools
import hashlib
import hmac
import re
import shutil
import subprocess
import tempfile
import threading
import time

import pytest

import harness
from harness import connect, free_port, read_exactly, wait_for
from secure import secret

CLUSTER = "test"


@functools.cache
def why_not():
    """Why no cluster can be tested here; nothing if one can."""
    version = subprocess.run([harness.BIN / "proxy", "--version"], capture_output=True, text=True,
                             check=True).stdout
    if "without NATS" in version:
        return "the proxy was built without NATS"
    return None if shutil.which("nats-server") else "no nats-server"


def needs_nats():
    return pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


class Nats:
    """A nats-server at a port that it keeps."""

    def __init__(self, run, port=-1, args=()):
        self.run, self.port, self.args = run, port, args
        self.store = tempfile.TemporaryDirectory()
        self.start()

    def start(self):
        self.lines = []
        self.process = subprocess.Popen(
            ["nats-server", "-a", "127.0.0.1", "-p", str(self.port), *self.args], cwd=self.store.name,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.run.own(self)
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        self.port = int(wait_for(self._place, what="port of nats-server"))

    def _read(self, lines):
        for line in lines:
            self.lines.append(line)

    def _place(self):
        found = re.search(r"client connections on 127\.0\.0\.1:(\d+)", "".join(self.lines))
        return found and found[1]

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    close = kill


SECRET = "fedcba9876543210" * 4


def key_file():
    return secret("cluster.key", SECRET + "\n")


def prove(topic, magic, stream_id, client, origin):
    """The members that prove a request of a proxy on a plain connection: docs/protocol.md."""
    now = int(time.time() * 1000)
    fields = ["plain", "", CLUSTER, str(now), "InRequest", "0.0.1", topic, magic, "", "", "",
              stream_id, client, "", origin]
    text = b"inout hop 1" + b"".join(len(f).to_bytes(4, "big") + f.encode() for f in fields)
    mac = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    return {"hop": 1, "origin": origin, "key": CLUSTER, "time": now, "proof2": mac}


class Member:
    """A proxy of the cluster at a port of its own."""

    def __init__(self, run, nats, config=None, cluster=None, port=None):
        self.run = run
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        cluster = {"nats": [nats.url], "name": CLUSTER, "address": self.address,
                   "key_file": key_file(), **(cluster or {})}
        self.config = {"port": self.port, **(config or {}),
                       "cluster": {key: value for key, value in cluster.items() if value}}
        self.start()

    def start(self):
        self.proxy = self.run.proxy(self.config)
        self.proxy.port()
        self.proxy.wait_event("cluster connected")

    def out(self, backend, topic="default", config=None):
        out = self.run.out(self.port, {topic: backend}, config)
        out.wait_event("registered", topic=topic)
        return out

    def in_(self, topics=("default",), config=None):
        """Where an in that knows this proxy listens, for each topic, and the program."""
        in_ = self.run.in_(self.port, list(topics), config)
        return [in_.port(topic=topic) for topic in topics], in_


def name_at(port, timeout=20.0):
    """The first byte that who serves there says."""
    with connect(port, timeout) as s:
        return read_exactly(s, 1)
