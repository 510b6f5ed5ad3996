"""What a doctor says of proxies and fronts that are none, or that are hostile."""
import contextlib

import pytest

from harness import Server
from peers import encode, read_frame
from secure import certificates, client_tls, proxy_tls
from test_doctor import Report, ask_in
from websocket import PING, TEXT, accepted, frame

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves


def test_a_proxy_that_demands_a_certificate_is_not_taken_for_an_older_one(run):
    """Over TLS 1.3 it says so where it would answer the first message."""
    proxy = run.proxy({"tls": proxy_tls(client_ca=str(certificates() / "ca.crt"))})
    report = ask_in(proxy, config={"tls": client_tls()})
    assert (report.code, report.state("proxy")) == (1, "wrong"), report.checks
    assert "tls.cert" in report.of("proxy")["advice"]
    assert ask_in(proxy, config={"tls": client_tls("in")}).state("proxy") == "ok"


@pytest.mark.parametrize("data", [frame(PING, bytes(126), mask=False), frame(TEXT, b"hello", mask=False),
                                  frame(PING, mask=True)], ids=["ping", "text", "masked"])
def test_a_front_whose_frames_are_none_is_not_taken_for_an_older_proxy(run, data):
    def serve(s):
        with contextlib.suppress(EOFError):  # the doctor looks first whether anybody listens
            s.sendall(accepted(s) + data)
            while s.recv(65536):
                pass
    front = run.own(Server(serve))
    url = f"ws://127.0.0.1:{front.port}/inout"
    report = Report("in", [{"servers": [url], "port": 0, "topic": "t"}])
    assert (report.code, report.state("proxy")) == (1, "wrong"), report.checks
    assert "against the rules of WebSocket" in report.of("proxy")["found"]


EVIL = "\x1b[2J\x7f\x9b31m\u202e"


class FakeProxy:
    """Takes everybody in, and answers probes with these bytes, or with a function of the probe."""

    def __init__(self, run, answer):
        def serve(s):
            with contextlib.suppress(EOFError):
                while True:
                    kind, request = read_frame(s)
                    if kind == "InWarmRequest":
                        s.sendall(self.response(kind, request, probe=1, identity="key a"))
                    else:
                        s.sendall(answer(request) if callable(answer) else answer)
        self.port = run.own(Server(serve)).port

    @staticmethod
    def response(kind, request, message="", **ext):
        return encode("Response", {"magic": request["magic"], "request": kind, "message": message,
                                   "ext": {"v": 1, **ext}})


@pytest.mark.parametrize("answer", [bytes([255]) * 16, encode("Ping", {}),
                                    lambda r: FakeProxy.response("ProbeRequest", r, code=77)],
                         ids=["garbage", "another message", "a code that is none"])
def test_nonsense_instead_of_an_answer_is_wrong(run, answer):
    report = ask_in(FakeProxy(run, answer).port, "t")
    assert (report.code, report.state("topic")) == (1, "wrong"), report.checks


def test_what_a_peer_says_reaches_no_terminal_raw(run):
    proxy = FakeProxy(run, lambda r: FakeProxy.response("ProbeRequest", r, EVIL, code="backend_refused", took=1))
    report = ask_in(proxy.port, "t")
    assert report.of("backend")["found"] == EVIL
    assert not any(c in report.out for c in EVIL if not c.isascii() or c < " " or c == "\x7f"), report.out
    # A message of nothing is a member all the same.
    report = ask_in(FakeProxy(run, lambda r: FakeProxy.response("ProbeRequest", r, code="no_topic")).port, "t")
    assert report.of("topic")["found"] == ""
