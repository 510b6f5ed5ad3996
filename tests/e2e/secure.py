"""Certificates, keys and configurations for tests with TLS, identities and end-to-end encryption.

INOUT_TEST_MODE says how every chain of the harness is protected: plain (the default), tls (mutual
TLS on both legs), e2e (a key that the proxy does not have), or tls-e2e (both); with zstd as another
word each stream is compressed as well, and with ws in front in and out go over WebSocket. The same tests of streams and their ends then have to hold.
"""
import functools
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODE = os.environ.get("INOUT_TEST_MODE", "plain")
TLS = "tls" in MODE
E2E = "e2e" in MODE
ZSTD = "zstd" in MODE
WEBSOCKET = "ws" in MODE.split("-")


@functools.cache
def folder():
    """A folder that lives as long as the test process."""
    folder.owner = tempfile.TemporaryDirectory(prefix="inout-secure-")
    return pathlib.Path(folder.owner.name)


def certificates(directory="ca"):
    """A CA of its own, with certificates for localhost and for the clients in and out."""
    return _certificates(directory)


@functools.cache
def _certificates(directory):
    target = folder() / directory
    for words in (("server", "localhost", "127.0.0.1"), ("client", "in"), ("client", "out")):
        subprocess.run([ROOT / "scripts/certs.sh", target, *words], check=True,
                       stdout=subprocess.DEVNULL)
    return target


def pin(name="localhost", directory="ca"):
    done = subprocess.run([ROOT / "scripts/certs.sh", certificates(directory), "pin", name],
                          check=True, capture_output=True, text=True)
    return done.stdout.split()[0]


@functools.cache
def secret(name="secret", text="0123456789abcdef" * 4 + "\n", mode=0o600):
    """A file with this text; written once, because a program may be reading it."""
    path = folder() / name
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def proxy_tls(**more):
    """The proxy's `tls`: required, without client certificates unless `more` says so."""
    ca = certificates()
    return {"cert": str(ca / "localhost.crt"), "key": str(ca / "localhost.key"), **more}


def client_tls(name=None, **more):
    """The `tls` of in and out, with the certificate of `name` if there is one."""
    ca = certificates()
    own = {"cert": str(ca / f"{name}.crt"), "key": str(ca / f"{name}.key")} if name else {}
    return {"ca": str(ca / "ca.crt"), **own, **more}


def protect_proxy(config):
    if TLS:
        config.setdefault("tls", proxy_tls(client_ca=str(certificates() / "ca.crt")))
    return config


def protect_client(program, config):
    """The same for in and out."""
    if TLS:
        config.setdefault("tls", client_tls(program))
    if E2E:
        for network in config["networks"]:
            network.setdefault("e2e", {"key_file": secret("e2e.key")})
    if ZSTD:
        for network in config["networks"]:
            network.setdefault("compression", "zstd")
    if WEBSOCKET:
        for network in config["networks"]:
            host, port = network.pop("server_host", None), network.pop("server_port", None)
            if host:
                network["servers"] = [f"ws://{host}:{port}/inout"]
    return config
