"""in and out behind squid, with its logins, and behind SOCKS5 servers."""
import hashlib
import os
import subprocess
import threading
from urllib.parse import quote

import pytest

from forward import PASSWORD, USER, Socks5WithLogin, Squid, password_file
from harness import Server, connect, echo_server, free_port, read_to_end, wait_for
from secure import client_tls, proxy_tls
from service import MIB, Service, command, need
from socks5 import Socks5

NAME = "relay.invalid"  # nobody here can resolve it


def both_ways(s, size):
    """As many bytes each way at once through an echo server, then the half-close that ends it."""
    sent = os.urandom(size)
    writer = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(1)))
    writer.start()
    got = read_to_end(s)
    writer.join()
    s.close()
    assert hashlib.sha256(got).digest() == hashlib.sha256(sent).digest()


def answer_at_the_end(s):
    """A backend that answers only to the client's end: what a cut half-close would lose."""
    size = 0
    while data := s.recv(65536):
        size += len(data)
    s.sendall(b"%d bytes" % size)
    s.close()


@pytest.mark.parametrize("schemes", [("digest",), ("basic",), ("digest", "basic"), ()], ids=lambda s: "+".join(s) or "open")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_everything_goes_through_squid(run, tmp_path, schemes, tls):
    squid = run.own(Squid(*schemes))
    via = {"url": f"http://{USER}@{squid.place}", "password_file": password_file(tmp_path)} if schemes \
        else f"http://{squid.place}"
    config = {"via": via, **({"tls": client_tls()} if tls else {})}
    chain = run.chain(echo_server(run).port, proxy={"tls": proxy_tls()} if tls else {}, out=config, in_=config)
    for _ in range(3):
        both_ways(chain.connect(), MIB)
        chain.wait_idle()
    # Nobody has come to the relay but squid: data connections were used again, and none became raw.
    assert [line["code"] for line in chain.proxy.find("stream")] == ["done"] * 3
    assert max(line["use"] for line in chain.out.find("stream")) >= 2
    relay = chain.proxy.port()
    for program in chain.all():
        program.stop()
    place = f" CONNECT 127.0.0.1:{relay} "
    lines = wait_for(lambda: [line for line in squid.access() if "TCP_TUNNEL/200" in line], what="tunnels of squid")
    assert all(place in line for line in lines), lines
    assert any("TCP_DENIED/407" in line for line in squid.access()) == bool(schemes)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_half_close_comes_through_squid_which_would_cut_it(run, tls):
    squid = run.own(Squid())
    config = {"via": f"http://{squid.place}", **({"tls": client_tls()} if tls else {})}
    backend = run.own(Server(answer_at_the_end))
    chain = run.chain(backend.port, proxy={"tls": proxy_tls()} if tls else {}, out=config, in_=config)
    with chain.connect() as s:
        s.sendall(bytes(MIB))
        s.shutdown(1)
        assert read_to_end(s) == b"%d bytes" % MIB
    assert chain.in_.wait_event("stream")["code"] == "done"


def test_a_wrong_password_and_an_unwanted_port_are_told_by_in_and_out(run, tmp_path):
    squid = run.own(Squid("digest"))
    via = {"url": f"http://{USER}@{squid.place}", "password_file": password_file(tmp_path, "wrong")}
    out = run.out(run.proxy(), {"t": 1}, {"via": via})
    reason = out.wait_event("not registered")["reason"]
    assert f"via http://{squid.place}: 407 Proxy Authentication Required: " in reason, reason
    assert f'it does not take the password of "{USER}"' in reason, reason
    assert "wrong" not in str(out.events), "the password is in the log"


def test_a_relay_that_squid_can_not_reach_is_told(run):
    squid = run.own(Squid())
    in_ = run.in_(free_port(), ["t"], {"via": f"http://{squid.place}", "first_look": "on"})
    reason = in_.wait_event("proxy unreachable")["reason"]
    assert f"via http://{squid.place}: 503 Service Unavailable: it can not reach" in reason, reason


@pytest.mark.parametrize("login", [False, True], ids=["open", "login"])
def test_everything_goes_through_a_socks_server_which_resolves_the_name(run, tmp_path, login):
    proxy = run.proxy({"tls": proxy_tls()})
    server = run.own((Socks5WithLogin if login else Socks5)({NAME: ("127.0.0.1", proxy.port())}))
    via = {"url": f"socks5://{USER}@127.0.0.1:{server.port}", "password_file": password_file(tmp_path)} \
        if login else f"socks5://127.0.0.1:{server.port}"
    more = {"server_host": NAME, "server_port": 40001, "topic": "t"}
    config = {"via": via, "tls": client_tls(server_name="localhost")}
    echo = echo_server(run)
    out = run.program("out", {**config, "networks": [{**more, "backend_host": "127.0.0.1", "backend_port": echo.port}]})
    out.wait_event("registered")
    in_ = run.program("in", {**config, "networks": [{**more, "port": 0}]})
    both_ways(connect(in_.port()), MIB)
    assert set(server.asked) == {(NAME, 40001)}


def test_ssh_is_a_socks_server_too(run, tmp_path):
    sshd, keygen, ssh = (need(name, "openssh-server openssh-client") for name in ("sshd", "ssh-keygen", "ssh"))
    for key in ("host", "user"):
        command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key)
    (tmp_path / "authorized").write_bytes((tmp_path / "user.pub").read_bytes())
    port, socks = free_port(), free_port()
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    run.own(Service([sshd, "-D", "-e", "-f", "/dev/null", "-p", port, "-h", tmp_path / "host",
                     "-o", "ListenAddress=127.0.0.1", "-o", f"AuthorizedKeysFile={tmp_path}/authorized",
                     "-o", "StrictModes=no", "-o", "PidFile=none", "-o", "UsePAM=no"], port, tmp_path))
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    run.own(Service([ssh, "-N", "-D", f"127.0.0.1:{socks}", "-p", port, "-i", tmp_path / "user",
                     "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                     "-o", "IdentitiesOnly=yes", f"{user}@127.0.0.1"], socks, tmp_path))
    config = {"via": f"socks5://127.0.0.1:{socks}"}
    chain = run.chain(echo_server(run).port, out=config, in_=config)
    both_ways(chain.connect(), MIB)
    assert chain.proxy.wait_event("stream")["code"] == "done"


def test_the_environment_names_it_where_that_is_asked_for(run):
    squid = run.own(Squid("digest"))
    there = {"HTTPS_PROXY": f"http://{USER}:{quote(PASSWORD, safe='')}@{squid.place}", "NO_PROXY": ".corp"}
    proxy = run.proxy()
    echo = echo_server(run)
    out = run.out(proxy, {"t": echo.port}, {"via": "env"}, env=there)
    out.wait_event("registered")
    in_ = run.in_(proxy, ["t"], {"via": "env"}, env={**there, "NO_PROXY": "127.0.0.0/8"})
    with connect(in_.port()) as s:
        s.sendall(b"hello")
        s.shutdown(1)
        assert read_to_end(s) == b"hello"
    assert "s3" not in str(out.events + in_.events)
    out.stop()
    in_.stop()
    assert any("CONNECT" in line for line in wait_for(squid.access, what="lines of squid"))
