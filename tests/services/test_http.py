"""HTTP through the tunnel: curl against a small threaded server."""
import http.server
import threading

import pytest

from service import MIB, command, need, random_file, sha256, streams

REQUESTS = 1000


class Pages(http.server.BaseHTTPRequestHandler):
    """GET /page/N answers `page N`; any other path is a file of the server's directory, which PUT
    writes."""
    protocol_version = "HTTP/1.1"  # keeps connections open
    disable_nagle_algorithm = True  # head and body are two writes

    def do_GET(self):
        if self.path.startswith("/page/"):
            body = f"page {self.path.removeprefix('/page/')}".encode()
        else:
            body = (self.server.directory / self.path[1:]).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:  # as asked; unsaid, curl would send its next request behind it
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        with (self.server.directory / self.path[1:]).open("wb") as f:
            while left:
                left -= f.write(self.rfile.read(min(left, MIB)))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512  # a burst of connections must not wait for SYN retransmission

    def __init__(self, directory):
        super().__init__(("127.0.0.1", 0), Pages)
        self.directory = directory
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def chain(run, tmp_path):
    return run.chain(run.own(Server(tmp_path)).port, "http")


@pytest.fixture
def curl():
    return [need("curl", "curl"), "--silent", "--show-error", "--fail"]


def get_pages(curl, port, directory, *options):
    """Fetches all pages and checks each of them."""
    command(*curl, *options, "--output", f"{directory}/page-#1",
            f"http://127.0.0.1:{port}/page/[1-{REQUESTS}]")
    got = {n: (directory / f"page-{n}").read_text() for n in range(1, REQUESTS + 1)}
    assert got == {n: f"page {n}" for n in range(1, REQUESTS + 1)}


def test_a_thousand_requests_on_one_connection_are_one_stream(chain, curl, tmp_path):
    get_pages(curl, chain.port, tmp_path)
    streams(chain, 1)


def test_a_thousand_requests_on_connections_of_their_own_are_a_thousand_streams(
        chain, curl, tmp_path):
    get_pages(curl, chain.port, tmp_path, "--parallel", "--parallel-max", "50",
              "--header", "Connection: close")
    assert {line["reason"] for line in streams(chain, REQUESTS)} == {"done"}
    chain.wait_idle()


def test_a_large_body_arrives_whole_in_both_directions(chain, curl, tmp_path):
    url = f"http://127.0.0.1:{chain.port}/large"
    original = random_file(tmp_path / "original", 200 * MIB)
    command(*curl, "--upload-file", original, url)
    command(*curl, "--output", tmp_path / "back", url)
    assert sha256(tmp_path / "large") == sha256(original) == sha256(tmp_path / "back")
    assert len(streams(chain, 2)) == 2
