"""The fully static programs (preset `static`): what is not linked, and that they work in an empty folder
as root of a chroot, where there is nothing of any system, and with a kernel of ten years ago."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

import harness
import secure
import wan
from harness import echo_server, expect_echo, read_to_end
from name_server import Place

PROGRAMS = ("inout", "in", "out", "proxy")
OLD_KERNEL = (sys.executable, pathlib.Path(__file__).with_name("old_kernel.py"))
# The C library's name service, and what would load a module of OpenSSL's. (Its own conversion of
# character sets, which C++'s library brings, has a dlopen of its own; nobody calls that.)
NOT_LINKED = (r"getaddrinfo|getnameinfo|gethost(?:by|ent)\w*|getserv\w+|getpw\w+"
              r"|getgr(?:ent|gid|nam|ouplist)\w*|__nss_\w+|_nss_\w+")
MESSAGE = b"all of it" * 100_000


def tool(*command):
    return subprocess.run([str(word) for word in command], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_loaded_and_no_name_service_is_linked(name):
    program = harness.BIN / name
    assert "INTERP" not in tool("readelf", "-lW", program)
    assert "NEEDED" not in tool("readelf", "-dW", program)
    symbols = tool("nm", program)
    assert re.findall(rf"^\S+ \w ({NOT_LINKED})$", symbols, re.MULTILINE) == []
    if name != "inout":
        assert "__wrap_dlopen" in symbols  # which is what OpenSSL calls


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_static_program_is_hardened_as_the_others_are(name):
    program = harness.BIN / name
    assert re.search(r"Type:\s+DYN", tool("readelf", "-h", program))  # at an address by chance
    segments = tool("readelf", "-lW", program)
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK.* RW ", segments) and not re.search(r" RWE ", segments)


class Root:
    """An empty folder with the programs, stripped, and what a test puts there."""

    def __init__(self, run, path):
        self.run, self.path = run, path
        path.mkdir()
        for name in PROGRAMS:
            subprocess.run(["strip", "-o", path / name, harness.BIN / name], check=True)

    def put(self, source, place):
        place = self.path / place.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)

    def start(self, name, config, prefix=(), **options):
        file = self.path / f"{name}.json"
        file.write_text(json.dumps(config))
        return self.run.program(name, args=("--config", f"/{file.name}"), folder=pathlib.Path("/"),
                                prefix=(*prefix, "chroot", self.path), **options)


@pytest.fixture
def root(run, tmp_path):
    wan.require(os.geteuid() == 0, "a chroot needs root")
    root = Root(run, tmp_path / "root")
    yield root
    shutil.rmtree(root.path)


def tls_of(root, name=None):
    """The keys and certificates are in the root."""
    folder = secure.certificates()
    for file in (f"{name}.crt", f"{name}.key"):
        if name:
            root.put(folder / file, file)
            (root.path / file).chmod(0o600)
    return {"cert": f"/{name}.crt", "key": f"/{name}.key"} if name else {}


def chain(root, protection, backend, prefix=()):
    """in, of three programs that know nobody else."""
    protected = protection == "tls"
    client = {"tls": {"ca": "/ca.crt"}} if protected else {}
    root.put(secure.certificates() / "ca.crt", "ca.crt")
    proxy = root.start("proxy", {"port": 0, **({"tls": tls_of(root, "localhost")} if protected else {})},
                       prefix)
    network = {"server_host": "localhost", "server_port": proxy.port(), "topic": "t"}
    out = root.start("out", {"networks": [{**network, "backend_host": "127.0.0.1",
                                           "backend_port": backend}], **client}, prefix)
    out.wait_event("registered")
    return root.start("in", {"networks": [{**network, "port": 0}], **client}, prefix)


def carries(in_):
    with harness.connect(in_.port(topic="t")) as client:
        client.sendall(MESSAGE)
        client.shutdown(1)
        assert read_to_end(client) == MESSAGE


@pytest.mark.parametrize("kernel", [(), OLD_KERNEL], ids=["kernel of today", "old kernel"])
@pytest.mark.parametrize("protection", ["plain", "tls"])
def test_a_stream_goes_through_three_programs_in_an_empty_root(run, root, protection, kernel):
    carries(chain(root, protection, echo_server(run).port, kernel))


def test_an_old_kernel_is_enough_for_a_reload_and_an_upgrade(run):
    proxy = run.proxy(prefix=OLD_KERNEL)
    out = run.out(proxy, {"t": echo_server(run).port}, prefix=OLD_KERNEL)
    out.wait_event("registered")
    in_ = run.in_(proxy, ["t"], prefix=OLD_KERNEL)
    port = in_.port(topic="t")
    with harness.connect(port) as client:
        expect_echo(client)
        in_.signal(signal.SIGHUP)
        in_.wait_event("reloaded")
        in_.expected_end = True
        in_.signal(signal.SIGUSR2)
        successor = in_.wait_event("upgraded")["pid"]
        try:
            expect_echo(client)
            with harness.connect(port) as other:
                expect_echo(other)
        finally:
            os.kill(successor, signal.SIGKILL)


CA_PLACES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
             "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
             "/etc/ssl/cert.pem", "/usr/lib/ssl/cert.pem", "SSL_CERT_FILE=/own.pem"]


def test_the_systems_authorities_are_found_where_systems_have_them(run, root):
    port = root.start("proxy", {"port": 0, "tls": tls_of(root, "localhost")}).port()
    config = {"networks": [{"server_host": "localhost", "server_port": port, "port": 0, "topic": "t"}],
              "tls": {}}
    unset = ("env", "-u", "SSL_CERT_FILE", "-u", "SSL_CERT_DIR")
    stranger = root.start("in", config, unset)
    assert "certificate" in stranger.wait_event("proxy unreachable")["reason"]
    for place in CA_PLACES:
        named = place.partition("SSL_CERT_FILE=")[2]
        file = named or place
        root.put(secure.certificates() / "ca.crt", file)
        in_ = root.start("in", config, (*unset, place) if named else unset)
        assert in_.wait_event("proxy reached")["tls"] == "yes", place
        (root.path / file.lstrip("/")).unlink()


def test_names_are_looked_up_by_the_roots_own_files(run, root, tmp_path):
    place = Place(run, tmp_path, {"relay.example.com": ["127.0.0.1"]})
    (root.path / "etc").mkdir()
    (root.path / "etc/resolv.conf").write_text("nameserver 127.0.0.53\n")
    (root.path / "etc/hosts").write_text("127.0.0.1 backend.of.hosts\n")
    (root.path / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    inside = wan.prefix(place.namespace)
    backend = place.own(harness.Server, harness.echo)
    proxy = root.start("proxy", {"port": 0}, inside)
    network = {"server_host": "relay.example.com", "server_port": proxy.port(), "topic": "t"}
    root.start("out", {"networks": [{**network, "backend_host": "backend.of.hosts",
                                     "backend_port": backend.port}]}, inside).wait_event("registered")
    in_ = root.start("in", {"networks": [{**network, "port": 0}]}, inside)
    with place.connect(in_.port(topic="t")) as client:
        expect_echo(client)
    assert ("relay.example.com", 1) in place.server.questions


def test_what_is_not_in_it_is_said(tmp_path):
    def call(*words):
        return subprocess.run([harness.BIN / "inout", *words], capture_output=True, text=True)
    assert call("proxy", "--version").stdout.strip().endswith(", without NATS")
    config = tmp_path / "proxy.json"
    config.write_text('{"cluster": {"nats": ["localhost"]}}')
    done = call("proxy", "--config", config, "--check")
    assert done.returncode == 2
    assert "cluster: needs NATS, and this program was built without it" in done.stderr
