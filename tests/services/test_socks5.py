"""A SOCKS5 server on the out side, used by `curl --socks5-hostname` at the in side."""
import socket

from harness import Server
from service import MIB, command, need, random_file, sha256, streams
from socks5 import Socks5

CANNOT_CONNECT_THROUGH_PROXY = 97  # curl's exit code


def web_server(run, body):
    """Answers every request with this body and ends."""
    def answer(s):
        request = b""
        while b"\r\n\r\n" not in request:
            request += s.recv(4096)
        s.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        s.sendall(body)
        s.shutdown(socket.SHUT_WR)
    return run.own(Server(answer))


def fetch(chain, url, *options, **more):
    return command(need("curl", "curl"), "--silent", "--show-error", "--max-time", "60",
                   "--socks5-hostname", f"127.0.0.1:{chain.port}", *options, url, **more)


def test_a_name_that_only_the_out_side_knows_is_fetched(run, tmp_path):
    original = random_file(tmp_path / "original", 20 * MIB)
    web = web_server(run, original.read_bytes())
    socks = run.own(Socks5({"intranet.invalid": ("127.0.0.1", web.port)}))
    chain = run.chain(socks.port, "socks5")
    fetch(chain, "http://intranet.invalid/", "--output", tmp_path / "got")
    assert sha256(tmp_path / "got") == sha256(original)
    assert socks.asked == [("intranet.invalid", 80)]
    assert streams(chain, 1)[0]["topic"] == "socks5"


def test_an_address_is_fetched_too(run):
    web = web_server(run, b"by address")
    socks = run.own(Socks5({"127.0.0.1": ("127.0.0.1", web.port)}))
    chain = run.chain(socks.port, "socks5")
    assert fetch(chain, f"http://127.0.0.1:{web.port}/").stdout == "by address"
    assert socks.asked == [("127.0.0.1", web.port)]


def test_the_refusal_of_the_socks_server_reaches_curl(run):
    socks = run.own(Socks5({}))
    chain = run.chain(socks.port, "socks5")
    done = fetch(chain, "http://nowhere.invalid/", check=False)
    assert done.returncode == CANNOT_CONNECT_THROUGH_PROXY, done.stderr
    assert socks.asked == [("nowhere.invalid", 80)]
