"""A listener of in with names, used by programs that know nothing of it: curl in all its ways to use
a proxy, ssh, and a browser that fetches its configuration there."""
import pytest

import harness
import secure
from browser import Browser
from harness import TWO_THREADS, connect, read_exactly
from service import command, need
from socks5 import Socks5
from test_openssh import Sshd

RESOURCES = 40


class Gate:
    """proxy, out with these topics ({topic: port}), and in; .port."""

    def __init__(self, run, topics, **names):
        self.proxy = run.proxy()
        run.out(self.proxy, topics).wait_event("registered", count=len(topics))
        self.in_ = run.program("in", secure.protect_client("in", {
            "networks": [{"server_host": "127.0.0.1", "server_port": self.proxy.port(), "port": 0,
                          "names": {"suffix": ".inout", **names}}],
            "first_look": "off", **TWO_THREADS}))
        self.port = self.in_.port()


def head_of(s):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(s, 1)
    return head


def web_server(run, name, seen=None):
    """Says its name and the path on each page; its page / asks for RESOURCES more."""
    def answer(s):
        try:
            line = head_of(s).split(b"\r\n")[0]
        except EOFError:  # a browser connects in advance
            return
        path = line.split()[1].decode()
        if seen is not None:
            seen.append(path)
        body = f"{name} {path}"
        if path == "/":
            body = f"<title>{name}</title>" + "".join(
                f"<script src=/{i}.js></script>" for i in range(RESOURCES))
        elif path.endswith(".js"):
            body = "window.loaded = (window.loaded ?? 0) + 1"
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        s.sendall((f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                   f"Connection: close\r\n\r\n{body}").encode())
        s.close()
    return run.own(harness.Server(answer)).port


def curl(gate, proxy, url, *more, **options):
    return command(need("curl", "curl"), "--silent", "--show-error", "--max-time", "30", "--proxy",
                   f"{proxy}://127.0.0.1:{gate.port}", *more, url, **options)


@pytest.mark.parametrize("proxy, more", [("socks5h", ()), ("socks4a", ()), ("http", ("--proxytunnel",)),
                                         ("http", ()), ("socks5h", ("--proxy-user", "me:secret")),
                                         ("http", ("--proxy-user", "me:secret"))])
def test_curl_reaches_every_service_through_one_port(run, proxy, more):
    gate = Gate(run, {name: web_server(run, name) for name in ("web", "wiki.eu")}, allow=["web", "wiki.*"])
    for name in ("web", "wiki.eu"):
        assert curl(gate, proxy, f"http://{name}.inout/x", *more).stdout == f"{name} /x"
    two = curl(gate, proxy, "http://wiki.eu.inout/2", *more, "http://web.inout/1").stdout
    assert two == "web /1wiki.eu /2"


@pytest.mark.parametrize("proxy, code, words", [
    ("socks5h", 97, "(4)"),  # host unreachable
    ("http", 22, "502")])
def test_curl_is_told_why_not(run, proxy, code, words):
    gate = Gate(run, {"web": web_server(run, "web")})
    done = curl(gate, proxy, "http://none.inout/", "--fail", check=False)
    assert done.returncode == code and words in done.stderr, done.stderr


@pytest.mark.parametrize("proxy", ["socks5h", "socks4a", "http"])
def test_curl_reaches_the_world_through_the_exit(run, proxy):
    socks = run.own(Socks5({"www.example": ("127.0.0.1", web_server(run, "far"))}))
    gate = Gate(run, {"exit": socks.port, "web": web_server(run, "web")}, exit="exit")
    assert curl(gate, proxy, "http://www.example/y").stdout == "far /y"
    assert curl(gate, proxy, "http://web.inout/y").stdout == "web /y"
    assert socks.asked == [("www.example", 80)]


def test_ssh_reaches_every_host_by_its_name(run, tmp_path):
    sshd = Sshd(run, tmp_path)
    nc = need("nc.openbsd", "netcat-openbsd")
    gate = Gate(run, {"ssh-web1": sshd.port})
    user = sshd.target.split("@")[0]
    for version in ("5", "connect"):
        done = command(sshd.ssh, *sshd.options, "-o",
                       f"ProxyCommand={nc} -X {version} -x 127.0.0.1:{gate.port} %h %p",
                       f"{user}@ssh-web1.inout", "cat; exit 3", input="in and out", check=False)
        assert (done.returncode, done.stdout) == (3, "in and out"), done.stderr


def test_a_browser_with_the_script_loads_a_page_by_its_topics_name(run):
    seen = []
    gate = Gate(run, {"web": web_server(run, "web", seen)})
    browser = run.own(Browser(f"--proxy-pac-url=http://127.0.0.1:{gate.port}/proxy.pac"))
    browser.driver.get("http://web.inout/")
    browser.wait_js(f"window.loaded === {RESOURCES}")
    assert browser.js("document.title") == "web"
    assert {f"/{i}.js" for i in range(RESOURCES)} <= set(seen)
    with connect(gate.port) as client:  # and it is the same port
        client.sendall(b"CONNECT web.inout:80 HTTP/1.1\r\nHost: web.inout\r\n\r\n")
        assert head_of(client).startswith(b"HTTP/1.1 200 ")
