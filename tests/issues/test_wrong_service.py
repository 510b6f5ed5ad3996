"""Something else answers at the proxy's address: the log of in and out says so, and shows what."""
import ssl

import pytest

import secure
from harness import Server, expect_failed_open

GREETINGS = {
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
    "mysql": b"\x4a\0\0\0\x0a8.0.36-debian\0\x08\0\0\0" + bytes(range(40)),
    "smtp": b"220 mail.example.com ESMTP Postfix\r\n",
    "escapes": b"\x1b[2J\x1b[31mforged\nline" + b"\xff\0" * 200,
}
SHOWN = {"ssh": "SSH-2.0-OpenSSH_9.2p1", "mysql": "8.0.36-debian", "smtp": "220 mail.example.com",
         "escapes": "forged"}


def greeting_server(run, text):
    def serve(s):
        s.sendall(text)
        while s.recv(65536):
            pass
    return run.own(Server(serve)).port


def http_server(run):
    """Answers as nginx does to what is no HTTP."""
    def serve(s):
        s.recv(65536)
        s.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\n\r\n")
        s.close()
    return run.own(Server(serve)).port


def silent_server(run):
    def serve(s):
        while s.recv(65536):
            pass
    return run.own(Server(serve)).port


def closing_server(run):
    def serve(s):
        s.recv(65536)
        s.close()
    return run.own(Server(serve)).port


def tls_server(run):
    """A TLS port of something else: a plain peer gets an alert, or nothing but an end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca = secure.certificates()
    context.load_cert_chain(ca / "localhost.crt", ca / "localhost.key")

    def serve(s):
        try:
            with context.wrap_socket(s, server_side=True) as secured:
                secured.recv(1)
        except (ssl.SSLError, OSError):
            s.close()
    return run.own(Server(serve)).port


def reason_of_out(run, port, config=None):
    out = run.out(port, {"t": 1}, {"heartbeat_timeout": 1000, "heartbeat_interval": 500,
                                   "connect_timeout": 1000, **(config or {})})
    return out.wait_event("not registered")["reason"]


def reason_of_first_look(run, port, config=None):
    in_ = run.in_(port, ["t"], {"first_look": "on", "connect_timeout": 1000, **(config or {})})
    return in_.wait_event("proxy unreachable")["reason"]


def reason_of_client(run, port, config=None):
    in_ = run.in_(port, ["t"], {"connect_timeout": 1000, "open_timeout": 1500, **(config or {})})
    expect_failed_open(in_.port())
    return in_.wait_event("open_failed")["detail"]


REASONS = {"out": reason_of_out, "first look": reason_of_first_look, "client": reason_of_client}
pytestmark = pytest.mark.plain_only


@pytest.mark.parametrize("who", REASONS)
@pytest.mark.parametrize("service", GREETINGS)
def test_what_greets_first_is_shown_and_called_no_proxy(run, who, service):
    port = greeting_server(run, GREETINGS[service])
    reason = REASONS[who](run, port)
    assert f"what answers at 127.0.0.1:{port} is no inout proxy" in reason
    assert SHOWN[service] in reason
    assert len(reason) < 250


@pytest.mark.parametrize("who", REASONS)
def test_a_web_server_is_shown_and_called_no_proxy(run, who):
    reason = REASONS[who](run, http_server(run))
    assert "is no inout proxy" in reason and "HTTP/1.1 400 Bad Request" in reason


@pytest.mark.parametrize("who", REASONS)
def test_silence_is_called_that(run, who):
    port = silent_server(run)
    reason = REASONS[who](run, port)
    assert "no answer" in reason and f"127.0.0.1:{port}" in reason and "inout proxy" in reason


@pytest.mark.parametrize("who", ["out", "client"])
def test_an_end_without_a_word_is_called_that(run, who):
    reason = REASONS[who](run, closing_server(run))
    assert "an inout proxy, and does it demand TLS?" in reason


@pytest.mark.parametrize("who", ["out", "client"])
def test_a_tls_port_without_tls_in_the_configuration_is_named(run, who):
    reason = REASONS[who](run, tls_server(run))
    assert "speaks TLS" in reason or "does it demand TLS?" in reason


@pytest.mark.parametrize("who", REASONS)
def test_our_proxy_that_demands_tls_says_so(run, who):
    proxy = run.proxy({"tls": secure.proxy_tls()})
    if who == "first look":
        in_ = run.in_(proxy, ["t"], {"first_look": "on"})
        assert "demands TLS" in in_.wait_event("proxy refuses")["reason"]
    else:
        assert "demands TLS" in REASONS[who](run, proxy.port())


@pytest.mark.parametrize("who", REASONS)
@pytest.mark.parametrize("service", [*GREETINGS, "http"])
def test_what_answers_without_tls_is_shown_and_called_no_proxy_too(run, who, service):
    port = http_server(run) if service == "http" else greeting_server(run, GREETINGS[service])
    reason = REASONS[who](run, port, {"tls": secure.client_tls()})
    assert f"what answers at 127.0.0.1:{port} is no inout proxy, and speaks no TLS" in reason
    assert {**SHOWN, "http": "HTTP/1.1 400 Bad Request"}[service] in reason
    assert len(reason) < 250


@pytest.mark.parametrize("who", ["out", "first look"])
def test_tls_to_a_proxy_that_has_none_says_so(run, who):
    reason = REASONS[who](run, run.proxy().port(), {"tls": secure.client_tls()})
    assert "TLS" in reason and "is it the proxy's port" in reason, reason
