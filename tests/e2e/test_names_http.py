"""HTTP as from a plain proxy, at a listener with names: of a connection one request is passed on, and
what follows it, which may be for another host, goes to nobody."""
import socket

import harness
import secure
from harness import TWO_THREADS, connect, read_exactly, read_to_end, wait_for

SUFFIX = ".inout"
PAGE = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
MARKED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + PAGE.split(b"\r\n", 1)[1]
SECOND = (b"GET http://b.inout/ HTTP/1.1\r\nHost: b.inout\r\nProxy-Authorization: Basic YTpi\r\n"
          b"Cookie: secret\r\n\r\n")


class Origin:
    """A server that ends no connection, whatever it is asked; .seen: all that has come."""

    def __init__(self, run, answer=PAGE):
        self.seen = b""
        self.answer = answer
        self.server = run.own(harness.Server(self.serve))

    def serve(self, s):
        while data := s.recv(65536):
            if not self.seen:
                s.sendall(self.answer)
            self.seen += data
        s.close()


def gate(run, origin):
    """The port of in."""
    proxy = run.proxy()
    out = run.out(proxy, {"a": origin.server.port})
    out.wait_event("registered")
    config = {"networks": [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": 0,
                            "names": {"suffix": SUFFIX}}], "first_look": "off", **TWO_THREADS}
    return run.program("in", secure.protect_client("in", config))


def ask(in_, request, answer=MARKED):
    client = connect(in_.port())
    client.sendall(request)
    assert read_exactly(client, len(answer)) == answer
    return client


def head(method="GET", fields=b""):
    return method.encode() + b" http://a.inout/ HTTP/1.1\r\nHost: a.inout\r\n" + fields + b"\r\n"


def end(client, in_):
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(client) == b""
    in_.wait_idle()


def test_the_next_request_never_goes_to_the_server_of_the_first(run):
    origin = Origin(run)
    in_ = gate(run, origin)
    with ask(in_, head() + SECOND) as client:  # at once
        client.sendall(SECOND)  # and when the answer is there
        end(client, in_)
    wanted = b"GET / HTTP/1.1\r\nHost: a.inout\r\nConnection: close\r\n\r\n"
    assert wait_for(lambda: origin.seen) == wanted


def test_what_belongs_to_a_request_arrives_whole(run):
    content = b"x" * 300_000
    chunks = b"2710;a=b\r\n" + content[:10_000] + b"\r\n1\r\ny\r\n0\r\nSum: 1\r\n\r\n"
    for fields, body in ((b"Content-Length: 300000\r\n", content),
                         (b"Transfer-Encoding: chunked\r\n", chunks)):
        origin = Origin(run)
        in_ = gate(run, origin)
        with ask(in_, head("POST", fields) + body + SECOND) as client:
            client.sendall(SECOND)
            end(client, in_)
        assert origin.seen.partition(b"\r\n\r\n")[2] == body


def test_an_answer_says_that_the_connection_ends_behind_the_interim_ones(run):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    origin = Origin(run, interim + PAGE)
    in_ = gate(run, origin)
    with ask(in_, head(), interim + MARKED) as client:
        end(client, in_)


def test_a_request_whose_end_can_be_read_in_two_ways_is_refused(run):
    in_ = gate(run, Origin(run))
    for fields in (b"Content-Length: 3\r\nContent-Length: 3\r\n", b"Content-Length: 0x3\r\n",
                   b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                   b"Transfer-Encoding: chunked, identity\r\n", b"Content-Length: 3, 3\r\n"):
        with connect(in_.port()) as client:
            client.sendall(head("POST", fields) + b"abc")
            assert read_to_end(client).startswith(b"HTTP/1.1 400 ")
