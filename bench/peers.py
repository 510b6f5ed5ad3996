"""Peers that may be on the machine, each with its own defaults where speed is concerned.

Limits on connections are raised where 9,000 would not fit, small writes are not held back, and one
hop has one worker. Everything binds to 127.0.0.1, as far as the peer can be told.
"""
import getpass
import os
import subprocess
import textwrap

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


def frp(kind, mux):
    """frps and frpc; with stcp a second frpc is the client's side."""
    def start(chain, backend):
        relay, port = free_port(), free_port()
        settings = f"tcp_mux = {str(mux).lower()}\n"
        dial = f"[common]\nserver_addr = {HOST}\nserver_port = {relay}\n{settings}pool_count = 32\n"
        service = f"[bench]\ntype = {kind}\nlocal_ip = {HOST}\nlocal_port = {backend}\n"
        service += f"remote_port = {port}\n" if kind == "tcp" else "sk = bench\n"
        chain.hop("frps", ["frps", "-c", chain.write(
            "frps.ini", f"[common]\nbind_addr = {HOST}\nbind_port = {relay}\n{settings}"
            "max_pool_count = 32\n")], relay)
        chain.hop("frpc", ["frpc", "-c", chain.write("frpc.ini", dial + service)],
                  port if kind == "tcp" else None)
        if kind == "stcp":
            visitor = (f"[visitor]\ntype = stcp\nrole = visitor\nserver_name = bench\nsk = bench\n"
                       f"bind_addr = {HOST}\nbind_port = {port}\n")
            chain.hop("visitor", ["frpc", "-c", chain.write("visitor.ini", dial + visitor)], port)
        return port
    return start


def rathole(chain, backend):
    relay, port = free_port(), free_port()
    server = chain.write("server.toml", f"""
        [server]
        bind_addr = "{HOST}:{relay}"
        default_token = "bench"
        [server.services.bench]
        bind_addr = "{HOST}:{port}"
    """)
    client = chain.write("client.toml", f"""
        [client]
        remote_addr = "{HOST}:{relay}"
        default_token = "bench"
        [client.services.bench]
        local_addr = "{HOST}:{backend}"
    """)
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


BORE_CONTROL_PORT = 7835  # compiled in


def bore(chain, backend):
    if listening(BORE_CONTROL_PORT):
        raise Failed(f"its fixed port {BORE_CONTROL_PORT} is taken")
    port = free_port()
    chain.hop("server", ["bore", "server"], BORE_CONTROL_PORT)
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


def frp_system(kind, mux, hops):
    name = f"frp-{kind}-mux" if mux else f"frp-{kind}"
    about = f"frp {kind}, {'its mux' if mux else 'no mux'}, a pool of 32: {hops} hops"
    return System(name, about, frp(kind, mux), ("frps", "frpc"),
                  version=("--version",))


PEERS = [
    System("nginx", "nginx stream, one worker: 1 hop", nginx, ("nginx",), version=("-v",)),
    System("haproxy", "HAProxy, mode tcp, one thread: 1 hop", haproxy, ("haproxy",),
           version=("-v",)),
    System("socat", "socat, a process per connection: 1 hop", chain_of(1, "socat", socat),
           ("socat",), most_connections=999, version=("-V",)),
    System("stunnel", "stunnel client and server, TLS: 2 hops", stunnel,
           ("stunnel", "openssl"), prepare=stunnel_keys, encrypted=True,
           version=("-version",)),
    System("original", "the original's programs in Go: 3 hops", original,
           ("original-in", "original-out", "original-proxy")),
    frp_system("stcp", False, 3),
    frp_system("stcp", True, 3),
    frp_system("tcp", False, 2),
    frp_system("tcp", True, 2),
    System("ssh", "ssh -R, then ssh -L, through one sshd: 3 hops", ssh,
           ("ssh", "sshd", "ssh-keygen"), prepare=ssh_keys, encrypted=True, version=("-V",)),
    System("chisel", "chisel both ways, SSH in WebSocket, its mux: 3 hops", chisel, ("chisel",),
           encrypted=True, version=("--version",)),
    System("rathole", "rathole: 2 hops", rathole, ("rathole",), version=("--version",)),
    System("bore", "bore: 2 hops", bore, ("bore",),
           version=("--version",)),
]
