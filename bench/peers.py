"""Peers that may be on the machine, each with its own defaults where speed is concerned.

Limits on connections are raised where 9,000 would not fit, small writes are not held back, and one
hop has one worker. Everything binds to 127.0.0.1, as far as the peer can be told.
"""
import functools
import getpass
import os
import subprocess
import textwrap

import frp
from process import Failed, listening
from systems import HOST, System, chain_of, free_port

# A relay of one process needs two descriptors per connection; 20,000 are common as a hard limit.
MOST_CONNECTIONS = 9_500


def nginx(chain, backend):
    port = free_port()
    built = subprocess.run([chain.programs.find("nginx"), "-V"], stderr=subprocess.PIPE, text=True)
    words = dict(word.partition("=")[::2] for word in built.stderr.split())
    dynamic = words.get("--with-stream") == "dynamic"
    module = f"load_module {words.get('--modules-path')}/ngx_stream_module.so;" if dynamic else ""
    # Without proxy_half_close it ends a stream whose client has ended its sending.
    config = chain.write("nginx.conf", f"""
        {module}
        daemon off;
        worker_processes 1;
        pid {chain.directory}/nginx.pid;
        error_log /dev/null crit;
        events {{ worker_connections {2 * MOST_CONNECTIONS + 500}; }}
        stream {{
            server {{ listen {HOST}:{port}; proxy_pass {HOST}:{backend}; proxy_half_close on; }}
        }}
    """)
    chain.hop("nginx", ["nginx", "-e", "/dev/null", "-p", chain.directory, "-c", config], port)
    return port


def haproxy(chain, backend):
    port = free_port()
    config = chain.write("haproxy.cfg", textwrap.dedent(f"""
        global
            nbthread 1
            maxconn {MOST_CONNECTIONS}
        defaults
            mode tcp
            timeout connect 10s
            timeout client 1h
            timeout server 1h
        listen bench
            bind {HOST}:{port}
            server backend {HOST}:{backend}
    """))
    chain.hop("haproxy", ["haproxy", "-db", "-f", config], port)
    return port


def socat(port, target):
    return ["socat", f"TCP-LISTEN:{port},bind={HOST},fork,reuseaddr,nodelay,backlog=1024",
            f"TCP:{HOST}:{target},nodelay"]


def ssh_keys(chain):
    if os.geteuid() == 0:
        # The privilege separation directory is compiled in; the packaged service makes it.
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    for key in "host_key", "user_key":
        subprocess.run([chain.programs.find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f",
                        chain.directory / key], check=True)


def ssh(chain, backend):
    """A throw-away sshd as the relay; the service's side and the client's side dial it."""
    relay, middle, port = (free_port() for _ in range(3))
    directory = chain.directory
    config = chain.write("sshd_config", f"""
        ListenAddress {HOST}:{relay}
        HostKey {directory}/host_key
        AuthorizedKeysFile {directory}/user_key.pub
        PidFile none
        PasswordAuthentication no
        # The directory lies below one that all may write to.
        StrictModes no
    """)
    chain.write("known_hosts", f"bench {(directory / 'host_key.pub').read_text()}")
    client = ["ssh", "-N", "-F", "none", "-i", directory / "user_key", "-p", relay]
    for option in ["IdentitiesOnly=yes", "BatchMode=yes", "HostKeyAlias=bench",
                   "StrictHostKeyChecking=yes", f"UserKnownHostsFile={directory}/known_hosts",
                   "ExitOnForwardFailure=yes", f"User={getpass.getuser()}"]:
        client += ["-o", option]
    chain.hop("sshd", ["sshd", "-D", "-e", "-f", config], relay)
    chain.hop("ssh-R", [*client, "-R", f"{HOST}:{middle}:{HOST}:{backend}", HOST], middle)
    chain.hop("ssh-L", [*client, "-L", f"{HOST}:{port}:{HOST}:{middle}", HOST], port)
    return port


def stunnel_keys(chain):
    subprocess.run([chain.programs.find("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=bench",
                    "-keyout", chain.directory / "key.pem", "-out", chain.directory / "cert.pem"],
                   check=True, stderr=subprocess.DEVNULL)


def stunnel(chain, backend):
    relay, port = free_port(), free_port()
    common = "foreground = yes\npid =\ndebug = warning\n[bench]\n"
    directory = chain.directory
    server = chain.write("server.conf", f"{common}accept = {HOST}:{relay}\n"
                         f"connect = {HOST}:{backend}\n"
                         f"cert = {directory}/cert.pem\nkey = {directory}/key.pem\n")
    client = chain.write("client.conf", f"client = yes\n{common}accept = {HOST}:{port}\n"
                         f"connect = {HOST}:{relay}\n"
                         f"CAfile = {directory}/cert.pem\nverifyPeer = yes\n")
    chain.hop("server", ["stunnel", server], relay)
    chain.hop("client", ["stunnel", client], port)
    return port


FRP_POOL = 32


def frp_start(chain, backend, kind, mux, tls):
    """frps and frpc; with stcp a second frpc is the client's side."""
    relay, port = free_port(), free_port()
    dial = frp.client(HOST, relay, mux, tls, FRP_POOL)

    def program(name, executable, text, listens=None):
        chain.hop(name, [executable, "-c", chain.write(f"{name}.toml", text)], listens)

    program("frps", "frps", frp.server(HOST, relay, mux, FRP_POOL), relay)
    program("frpc", "frpc", dial + frp.service(kind, backend, port),
            port if kind == "tcp" else None)
    if kind == "stcp":
        program("visitor", "frpc", dial + frp.visitor(port), port)
    return port


def rathole_keys(chain):
    """The server's keys, each of which is printed behind two words."""
    said = subprocess.run([chain.programs.find("rathole"), "--genkey"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split()
    chain.write("noise.private", said[2])
    chain.write("noise.public", said[5])


def rathole(chain, backend, noise=False):
    relay, port = free_port(), free_port()

    def transport(side, member, key):
        if not noise:
            return ""
        return (f'[{side}.transport]\ntype = "noise"\n[{side}.transport.noise]\n'
                f'{member} = "{(chain.directory / key).read_text()}"\n')

    server = chain.write("server.toml", (
        f'[server]\nbind_addr = "{HOST}:{relay}"\ndefault_token = "bench"\n'
        f'[server.services.bench]\nbind_addr = "{HOST}:{port}"\n'
        + transport("server", "local_private_key", "noise.private")))
    client = chain.write("client.toml", (
        f'[client]\nremote_addr = "{HOST}:{relay}"\ndefault_token = "bench"\n'
        f'[client.services.bench]\nlocal_addr = "{HOST}:{backend}"\n'
        + transport("client", "remote_public_key", "noise.public")))
    chain.hop("server", ["rathole", "--server", server], relay)
    chain.hop("client", ["rathole", "--client", client], port)
    return port


def chisel(chain, backend):
    relay, middle, port = (free_port() for _ in range(3))
    url = f"http://{HOST}:{relay}"
    chain.hop("server", ["chisel", "server", "--host", HOST, "--port", relay, "--reverse"], relay)
    chain.hop("service", ["chisel", "client", url, f"R:{HOST}:{middle}:{HOST}:{backend}"], middle)
    chain.hop("client", ["chisel", "client", url, f"{HOST}:{port}:{HOST}:{middle}"], port)
    return port


def wstunnel(chain, backend, scheme="ws"):
    """Over wss the server shows a certificate of its own making, which nobody verifies."""
    relay, middle, port = (free_port() for _ in range(3))
    url = f"{scheme}://{HOST}:{relay}"
    chain.hop("server", ["wstunnel", "server", url], relay)
    chain.hop("service", ["wstunnel", "client", "-R", f"tcp://{HOST}:{middle}:{HOST}:{backend}",
                          url], middle)
    chain.hop("client", ["wstunnel", "client", "-L", f"tcp://{HOST}:{port}:{HOST}:{middle}", url],
              port)
    return port


GOST_TUNNEL = "6f2a8c1e-0d43-4b59-9a37-5e1c7d20b846"  # the same on both sides of the relay


def gost(chain, backend, leg="tunnel"):
    """Over TLS the server shows a certificate of its own making, which nobody verifies."""
    relay, port = free_port(), free_port()
    server = f"{leg}://{HOST}:{relay}"
    tunnel = f"{server}?tunnel.id={GOST_TUNNEL}"
    chain.hop("server", ["gost", "-L", f"{server}?tunnel.direct=true"], relay)
    chain.hop("service", ["gost", "-L", f"rtcp://:0/{HOST}:{backend}", "-F", tunnel])
    chain.hop("client", ["gost", "-L", f"tcp://{HOST}:{port}/{HOST}:{backend}", "-F", tunnel], port)
    return port


def piko(chain, backend):
    proxy, upstream, admin, gossip, port = (free_port() for _ in range(5))
    chain.hop("server", ["piko", "server", "--proxy.bind-addr", f"{HOST}:{proxy}",
                         "--upstream.bind-addr", f"{HOST}:{upstream}",
                         "--admin.bind-addr", f"{HOST}:{admin}",
                         "--cluster.gossip.bind-addr", f"{HOST}:{gossip}"], upstream)
    chain.hop("agent", ["piko", "agent", "tcp", "bench", f"{HOST}:{backend}",
                        "--connect.url", f"http://{HOST}:{upstream}"])
    chain.hop("forward", ["piko", "forward", "tcp", f"{HOST}:{port}", "bench",
                          "--connect.url", f"http://{HOST}:{proxy}"], port)
    return port


BORE_CONTROL_PORT = 7835  # compiled in


def bore(chain, backend):
    if listening(BORE_CONTROL_PORT):
        raise Failed(f"its fixed port {BORE_CONTROL_PORT} is taken")
    port = free_port()
    chain.hop("server", ["bore", "server", "--bind-addr", HOST], BORE_CONTROL_PORT)
    chain.hop("local", ["bore", "local", backend, "--local-host", HOST, "--to", HOST,
                        "--port", port], port)
    return port


def original(chain, backend):
    """The Go programs that ours take the place of, with the configurations that they share."""
    relay, port = free_port(), free_port()
    server = {"server_host": HOST, "server_port": relay, "topic": "bench"}

    def program(name, config, listens=None):
        chain.hop(name, [f"original-{name}", "--config", chain.write(f"{name}.json", config)],
                  listens)

    program("proxy", {"bind": HOST, "port": relay}, relay)
    program("out", {"networks": [server | {"backend_host": HOST, "backend_port": backend}]})
    program("in", {"networks": [server | {"bind": HOST, "port": port}]}, port)
    return port


def frp_systems():
    """Both kinds, plain without and with the mux, and with both as by default."""
    for kind, hops in ("stcp", 3), ("tcp", 2):
        for suffix, mux, tls, about in (("", False, False, "plain, no mux"),
                                        ("-mux", True, False, "plain, its mux"),
                                        ("-tls", True, True, "TLS and its mux, as by default")):
            yield System(f"frp-{kind}{suffix}",
                         f"frp {kind}, {about}, a pool of {FRP_POOL}: {hops} hops",
                         functools.partial(frp_start, kind=kind, mux=mux, tls=tls),
                         ("frps", "frpc"), encrypted=tls, version=("--version",))


PEERS = [
    System("nginx", "nginx stream, one worker: 1 hop", nginx, ("nginx",), version=("-v",)),
    System("haproxy", "HAProxy, mode tcp, one thread: 1 hop", haproxy, ("haproxy",),
           version=("-v",)),
    System("socat", "socat, a process per connection: 1 hop", chain_of(1, "socat", socat),
           ("socat",), most_connections=999, version=("-V",)),
    System("stunnel", "stunnel client and server, TLS: 2 hops", stunnel, ("stunnel", "openssl"),
           prepare=stunnel_keys, encrypted=True, version=("-version",)),
    System("original", "the original's programs in Go: 3 hops", original,
           ("original-in", "original-out", "original-proxy")),
    *frp_systems(),
    System("rathole", "rathole: 2 hops", rathole, ("rathole",), version=("-V",)),
    System("rathole-noise", "rathole, Noise: 2 hops", functools.partial(rathole, noise=True),
           ("rathole",), prepare=rathole_keys, encrypted=True, version=("-V",)),
    System("bore", "bore: 2 hops", bore, ("bore",), version=("--version",)),
    System("ssh", "ssh -R, then ssh -L, through one sshd: 3 hops", ssh,
           ("ssh", "sshd", "ssh-keygen"), prepare=ssh_keys, encrypted=True, version=("-V",)),
    System("chisel", "chisel both ways, SSH in WebSocket, its mux: 3 hops", chisel, ("chisel",),
           encrypted=True, version=("--version",)),
    System("wstunnel", "wstunnel both ways, WebSocket: 3 hops", wstunnel, ("wstunnel",),
           version=("--version",)),
    System("wstunnel-tls", "wstunnel both ways, WebSocket in TLS: 3 hops",
           functools.partial(wstunnel, scheme="wss"), ("wstunnel",), encrypted=True,
           version=("--version",)),
    System("gost", "gost, a tunnel, its mux to the service: 3 hops", gost, ("gost",),
           version=("-V",)),
    System("gost-tls", "gost, a tunnel in TLS, its mux to the service: 3 hops",
           functools.partial(gost, leg="tunnel+tls"), ("gost",), encrypted=True, version=("-V",)),
    System("piko", "piko, WebSocket, its mux to the service: 3 hops", piko, ("piko",),
           version=("--version",)),
]
