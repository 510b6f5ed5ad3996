"""The systems that bench/wan compares. Each is a function that starts one on a network for a
backend port in c and returns the address where clients in a connect, with everything registered
and parked that its programs prepare before the first client."""
import json
import os
import shutil
import time
import types

import frp
from wan_network import harness, wan

# Free in a new namespace.
CLIENT_PORT, RELAY_PORT, SERVICE_PORT = 20001, 20002, 20003
# Without a change of its connections for so long, several round trips, a peer has started.
QUIET_S = 0.5


def direct(network, backend):
    network.join()
    return f"{wan.C}:{backend}"


def inout(network, backend):
    chain = network.chain(types.SimpleNamespace(port=backend), level="info")
    harness.wait_for(lambda: chain.proxy.status()["parked"] >= 2, what="parked connections")
    return f"127.0.0.1:{chain.port}"


def raw(network, backend):
    """Dials from a to c: no relay behind NAT, but the same three hops."""
    relay = harness.BIN / "raw_relay"
    network.process("c", relay, SERVICE_PORT, backend, wan.C, "127.0.0.1")
    network.process("r", relay, RELAY_PORT, SERVICE_PORT, wan.R_FROM_A, wan.C)
    network.process("a", relay, CLIENT_PORT, RELAY_PORT, "127.0.0.1", wan.R_FROM_A)
    for place, port in (("c", SERVICE_PORT), ("r", RELAY_PORT), ("a", CLIENT_PORT)):
        network.wait_listening(place, port)
    return f"127.0.0.1:{CLIENT_PORT}"


def peer(name):
    """The path of a peer's program, or None."""
    return shutil.which(name, path=os.pathsep.join(
        [os.environ.get("INOUT_BENCH_PEERS", ""), os.environ.get("PATH", "")]))


def start_peer(network, *programs):
    """Starts (place, program, flag for its file, text of the file) in turn, the relay first, and
    waits until they have said to one another what they have to say."""
    for place, program, flag, text in programs:
        network.process(place, peer(program), *flag.format(network.file(text)).split())
        if place == "r":
            network.wait_listening("r", RELAY_PORT)
    network.wait_listening("a", CLIENT_PORT)
    seen, since = None, time.monotonic()

    def is_quiet():
        nonlocal seen, since
        if (table := network.sockets("r", "state", "established")) != seen:
            seen, since = table, time.monotonic()
        return time.monotonic() - since > QUIET_S
    harness.wait_for(is_quiet, what="peer that has started")
    return f"127.0.0.1:{CLIENT_PORT}"


def original(network, backend):
    """The original's three programs; their files have the members that ours took over."""
    out = {"server_host": wan.R_FROM_C, "server_port": RELAY_PORT, "topic": "t",
           "backend_host": "127.0.0.1", "backend_port": backend}
    in_ = {"server_host": wan.R_FROM_A, "server_port": RELAY_PORT, "topic": "t",
           "bind": "127.0.0.1", "port": CLIENT_PORT}
    return start_peer(
        network,
        ("r", "original-proxy", "--config={}",
         json.dumps({"bind": "0.0.0.0", "port": RELAY_PORT})),
        ("c", "original-out", "--config={}", json.dumps({"networks": [out]})),
        ("a", "original-in", "--config={}", json.dumps({"networks": [in_]})))


FRP_POOL = 5


def frp_stcp(mux, tls):
    """The kind in which the relay needs no port for each service."""
    def start(network, backend):
        def client(place):
            return frp.client(place, RELAY_PORT, mux, tls, FRP_POOL)
        return start_peer(
            network,
            ("r", "frps", "-c {}", frp.server("0.0.0.0", RELAY_PORT, mux, FRP_POOL)),
            ("c", "frpc", "-c {}", client(wan.R_FROM_C) + frp.service("stcp", backend)),
            ("a", "frpc", "-c {}", client(wan.R_FROM_A) + frp.visitor(CLIENT_PORT)))
    return start


# name: (how it starts, the peer's programs that it needs)
SYSTEMS = {
    "inout": (inout, []),
    "raw": (raw, []),
    "direct": (direct, []),
    "original": (original, ["original-in", "original-out", "original-proxy"]),
    "frp-stcp": (frp_stcp(mux=False, tls=False), ["frps", "frpc"]),
    "frp-stcp-mux": (frp_stcp(mux=True, tls=False), ["frps", "frpc"]),
    "frp-stcp-tls": (frp_stcp(mux=True, tls=True), ["frps", "frpc"]),
}
# What every run measures; the others are skipped where their programs are missing.
ALWAYS = ["inout", "raw", "direct"]
