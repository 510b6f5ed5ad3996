"""The exit of out, used by programs that speak SOCKS and HTTP: curl, ssh, git and a browser."""
import http.server
import shlex
import socket
import ssl
import threading

import pytest

import secure
from browser import Browser
from harness import TWO_THREADS, wait_for
from service import MIB, command, need, random_file, sha256
from test_openssh import Sshd

LOOPBACK = ["127.0.0.0/8", "::1"]
USER = "ann:a long secret"
RESOURCES = 200
# curl's exit codes: an HTTP status, the same of a CONNECT (before 7.88 or so), SOCKS
REFUSED_BY_PROXY = 22, 56, 97


class Web:
    """Serves a folder, every file with a length; .asked are the paths."""

    def __init__(self, folder, certificate=None):
        """certificate: the files of one and its key; then it speaks HTTPS."""
        self.asked = asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def log_message(self, *_):
                asked.append(self.path)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

        self.server = Server(("127.0.0.1", 0), Handler)
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            # The handshake is the connection's own thread's, at its first read.
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Exit:
    """.out and .port, where in listens."""

    def __init__(self, run, **exit_):
        proxy = run.proxy()
        server = {"server_host": "127.0.0.1", "server_port": proxy.port(), "topic": "web"}
        self.out = run.program("out", secure.protect_client("out", {**TWO_THREADS, "networks": [
            {**server, "backend": "socks5", "exit": {"allow": LOOPBACK, **exit_}}]}))
        self.out.wait_event("registered")
        in_ = run.program("in", secure.protect_client("in", {**TWO_THREADS, "networks": [
            {**server, "port": 0}]}))
        self.port = in_.port()
        self.address = f"127.0.0.1:{self.port}"
        self.programs = in_, proxy, self.out

    def destinations(self, count):
        """Of so many streams, which have ended well."""
        self.out.wait_event("stream", count=count)
        lines = self.out.find("stream")
        assert {line["code"] for line in lines} <= {"done"}
        return {line["backend"] for line in lines}


@pytest.fixture
def web(run, tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    random_file(folder / "file", 2 * MIB)
    web = run.own(Web(folder))
    web.file = folder / "file"
    return web


@pytest.fixture
def exit_(run):
    return Exit(run, open=True)


def curl(*options, **more):
    return command(need("curl", "curl"), "--silent", "--show-error", "--max-time", "30", "--fail",
                   *options, **more)


@pytest.mark.parametrize("option, host", [
    ("--socks5", "127.0.0.1"), ("--socks5-hostname", "there.localhost"), ("--socks4", "127.0.0.1"),
    ("--socks4a", "there.localhost"), ("--proxytunnel --proxy", "there.localhost")])
def test_curl_in_each_way(exit_, web, tmp_path, option, host):
    curl(*option.split(), exit_.address, f"http://{host}:{web.port}/file", "--output",
         tmp_path / "got")
    assert sha256(tmp_path / "got") == sha256(web.file)
    assert exit_.destinations(1) == {f"{host}:{web.port}"}


def test_curl_with_a_user(run, web, tmp_path):
    users = tmp_path / "users"
    users.write_text(USER + "\n")
    users.chmod(0o600)
    exit_ = Exit(run, users_file=str(users))
    url = f"http://there.localhost:{web.port}/file"
    ways = ["--socks5-hostname"], ["--proxytunnel", "--proxy"]
    for way in ways:
        curl("--proxy-user", USER, *way, exit_.address, url, "--output", tmp_path / "got")
        assert sha256(tmp_path / "got") == sha256(web.file)
    curl("--proxy-anyauth", "--proxy-user", USER, *ways[1], exit_.address, url, "--output", "/dev/null")
    for way in (*ways, ["--socks4a"]):
        for user in ("ann:wrong", "bob:a long secret", None):
            options = ["--proxy-user", user] if user else []
            done = curl(*options, *way, exit_.address, url, check=False)
            assert done.returncode in REFUSED_BY_PROXY, done.stderr
    assert exit_.destinations(3) == {f"there.localhost:{web.port}"}


def test_curl_is_told_why_not(exit_):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        for way in (["--socks5-hostname"], ["--socks4a"], ["--proxytunnel", "--proxy"]):
            for host in ("there.localhost", "10.0.0.1"):
                done = curl(*way, exit_.address, f"http://{host}:{port}/", check=False)
                assert done.returncode in REFUSED_BY_PROXY, done.stderr
    said = curl("--proxytunnel", "--proxy", exit_.address, "http://10.0.0.1/", check=False).stderr
    assert "403" in said
    exit_.out.wait_event("open_failed", code="backend_refused", count=3)
    exit_.out.wait_event("open_failed", code="denied", count=4)


def test_ssh_with_netcat_as_its_proxy_command(run, exit_, tmp_path):
    sshd = Sshd(run, tmp_path)
    nc = need("nc.openbsd", "netcat-openbsd")
    for way in (["-X", "5"], ["-X", "4"], ["-X", "connect"]):
        through = shlex.join([nc, *way, "-x", exit_.address, "%h", "%p"])
        done = command(sshd.ssh, *sshd.options, "-o", f"ProxyCommand={through}", "-p", sshd.port,
                       sshd.target, "tr a-z A-Z; exit 7", input="through the exit", check=False)
        assert (done.returncode, done.stdout) == (7, "THROUGH THE EXIT"), done.stderr
    assert exit_.destinations(3) == {f"127.0.0.1:{sshd.port}"}


def test_git_clones_over_http(exit_, web, tmp_path):
    git = need("git", "git")
    work, bare, copy = (tmp_path / name for name in ("work", "web/bare.git", "copy"))
    command(git, "init", "-q", work)
    random_file(work / "file", MIB)
    command(git, "-C", work, "add", ".")
    command(git, "-C", work, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "a")
    command(git, "clone", "-q", "--bare", work, bare)
    command(git, "-C", bare, "update-server-info")
    command(git, "-c", f"http.proxy=socks5h://{exit_.address}", "clone", "-q",
            f"http://there.localhost:{web.port}/bare.git", copy)
    assert sha256(copy / "file") == sha256(work / "file")
    exit_.destinations(1)


def page_of(folder, scheme, port):
    """A page with many pictures, from several hosts."""
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>%d</title></svg>'
    tags = []
    for i in range(RESOURCES):
        (folder / f"{i}.svg").write_text(picture % i)
        tags.append(f'<img src="{scheme}://h{i % 10}.localhost:{port}/{i}.svg">')
    (folder / "index.html").write_text("<!doctype html><title>page</title>" + "".join(tags))


@pytest.mark.parametrize("way, scheme", [("socks5", "http"), ("http", "https")])
def test_a_browser_loads_a_page_with_many_resources(run, exit_, tmp_path, way, scheme):
    """By SOCKS5, and by CONNECT, which a browser asks an HTTP proxy for if the page is of HTTPS."""
    folder = tmp_path / "page"
    folder.mkdir()
    certificate = tmp_path / "cert", tmp_path / "key"
    command(need("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-out", certificate[0],
            "-keyout", certificate[1])
    web = run.own(Web(folder, certificate if scheme == "https" else None))
    page_of(folder, scheme, web.port)
    browser = run.own(Browser(f"--proxy-server={way}://{exit_.address}",
                              "--proxy-bypass-list=<-loopback>", "--ignore-certificate-errors"))
    browser.driver.get(f"{scheme}://page.localhost:{web.port}/")
    loaded = "[...document.images].filter(i => i.complete && i.naturalWidth > 0).length"
    wait_for(lambda: browser.js(loaded) == RESOURCES, 30, "all pictures")
    assert len({path for path in web.asked if path.endswith(".svg")}) == RESOURCES
    # Ten hosts, and the page's: each has streams of its own.
    assert exit_.out.status()["streams_total"] > 10
    assert not exit_.out.find("open_failed", code="denied")
