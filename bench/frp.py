"""The files of frp's programs, in TOML, for both benches.

Unless told otherwise a leg of frp is TLS (since 0.50), and one connection carries all streams
(`mux`, on which both ends must agree).
"""


def server(host, port, mux, pool):
    """frps.toml; nobody's pool is larger than the server allows."""
    return (f'bindAddr = "{host}"\nbindPort = {port}\n'
            f"transport.tcpMux = {_boolean(mux)}\ntransport.maxPoolCount = {pool}\n")


def client(host, port, mux, tls, pool):
    """The beginning of a frpc.toml: where the server is, and what the leg to it is."""
    return (f'serverAddr = "{host}"\nserverPort = {port}\ntransport.poolCount = {pool}\n'
            f"transport.tcpMux = {_boolean(mux)}\ntransport.tls.enable = {_boolean(tls)}\n")


def service(kind, backend, port=None):
    """The service's side: `tcp` opens a port of the server, `stcp` is for visitors."""
    place = f"remotePort = {port}" if kind == "tcp" else 'secretKey = "bench"'
    return (f'[[proxies]]\nname = "bench"\ntype = "{kind}"\nlocalIP = "127.0.0.1"\n'
            f"localPort = {backend}\n{place}\n")


def visitor(port):
    """The client's side of `stcp`, and the port at which it takes clients."""
    return ('[[visitors]]\nname = "visitor"\ntype = "stcp"\nserverName = "bench"\n'
            f'secretKey = "bench"\nbindAddr = "127.0.0.1"\nbindPort = {port}\n')


def _boolean(value):
    return str(value).lower()
