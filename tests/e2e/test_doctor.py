"""in --doctor and out --doctor: what is wrong on the way to a service is said, and where."""
import json
import os
import subprocess
import tempfile

import pytest

import secure
from cluster_site import Member, Nats, needs_nats
from ext_peer import Control
from harness import BIN, PATIENCE, Server, echo_server, port_of, refusing_port
from late_server import silent_port
from legacy import LegacyOut, LegacyProxy
from peers import Peer, read_frame
from secure import client_tls, proxy_tls
from test_identity import key, own_key
from test_join import Sites, call
from test_tls import expired
from wall_clock import WallClock

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves


def network(program, proxy, topic, backend=None, host="127.0.0.1"):
    common = {"server_host": host, "server_port": port_of(proxy), "topic": topic}
    own = {"port": 0} if program == "in" else {"backend_host": "127.0.0.1", "backend_port": backend}
    return {**common, **own}


class Report:
    """What a doctor has found."""

    def __init__(self, program, networks, config=None, env=None, args=("--json",)):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"networks": networks, **(config or {})}, file)
            file.flush()
            done = subprocess.run([BIN / program, "--doctor", *args, "--config", file.name],
                                  capture_output=True, text=True, timeout=60 * PATIENCE, env={**os.environ, **(env or {})})
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.checks = []
        if args == ("--json",) and self.code != 2:
            said = json.loads(self.out)
            self.checks = said["checks"]
            assert said["well"] == (self.code == 0), said
            assert said["program"] == program

    def of(self, check, **fields):
        found = [row for row in self.checks
                 if row["check"] == check and all(row.get(k) == v for k, v in fields.items())]
        assert len(found) == 1, (check, fields, self.checks)
        return found[0]

    def state(self, check, **fields):
        return self.of(check, **fields)["state"]

    def not_ok(self):
        return {row["check"]: row["state"] for row in self.checks if row["state"] != "ok"}


def ask_in(proxy, *topics, config=None, host="127.0.0.1", **options):
    topics = topics or ("ssh",)
    return Report("in", [network("in", proxy, topic, host=host) for topic in topics], config,
                  **options)


@pytest.fixture
def site(run):
    """A proxy with TLS and keys, and an out of ssh."""
    proxy = run.proxy({"tls": proxy_tls(), "auth": {"keys": [
        key("a", **{"in": ["ssh", "db", "gone"]}), key("b", out=["ssh", "db"])]}})
    backend = echo_server(run)
    run.out(proxy, {"ssh": backend.port}, {"tls": client_tls(), **own_key("b")}).wait_event(
        "registered")
    return proxy, backend


def test_all_is_well(site):
    proxy, backend = site
    report = ask_in(proxy, config={"tls": client_tls(), **own_key("a")}, host="localhost")
    assert report.code == 0 and report.not_ok() == {} and report.err == "", report.checks
    assert {row["check"] for row in report.checks} == {
        "certificate", "name", "tcp", "tls", "proxy", "identity", "clock", "permission", "topic",
        "backend", "round trip"}
    assert report.of("identity")["found"] == "key a"
    assert "days" in report.of("tls")["found"]
    report = Report("out", [network("out", proxy, "ssh", backend.port)],
                    {"tls": client_tls(), **own_key("b")})
    assert report.code == 0 and report.not_ok() == {}, report.checks
    assert report.of("topic")["found"] == "is registered"
    assert str(backend.port) in report.of("backend")["found"]
    status = proxy.status()
    assert status["probes_total"] == 2 and status["streams_total"] == 0
    assert status["failed_total"] == 0 and proxy.find("stream") == []


def test_a_table_for_people(site):
    proxy, _ = site
    report = Report("in", [network("in", proxy, topic) for topic in ("ssh", "gone")],
                    {"tls": client_tls(), **own_key("a")}, args=())
    assert report.code == 1
    lines = report.out.splitlines()
    assert any(line.startswith("ok ") and "ssh at 127.0.0.1" in line for line in lines), lines
    at = next(i for i, line in enumerate(lines) if line.startswith("wrong "))
    assert "gone" in lines[at] and lines[at + 1].startswith("         -> start out"), lines


def test_the_way_to_the_proxy(run, site):
    proxy, _ = site
    tls = {"tls": client_tls(), **own_key("a")}
    report = Report("in", [{"server_host": "nowhere.invalid", "server_port": 1, "port": 0,
                            "topic": "ssh"}], tls)
    assert (report.code, report.not_ok()) == (1, {"name": "wrong", "topic": "wrong"})
    report = ask_in(refusing_port(run), config=tls)
    assert (report.code, report.not_ok()) == (1, {"tcp": "wrong", "topic": "wrong"})

    def say_nothing(s):
        s.recv(1)
        s.recv(1 << 16)
        s.recv(1 << 16)
    silent = run.own(Server(say_nothing))
    report = ask_in(silent.port, config={"connect_timeout": 1000})
    assert (report.code, report.not_ok()) == (1, {"proxy": "wrong", "topic": "wrong"})
    assert "no answer in time" in report.of("proxy")["found"]
    other = {"tls": {"ca": str(secure.certificates("other") / "ca.crt")}}
    report = ask_in(proxy, config=other)
    assert report.not_ok() == {"tls": "wrong", "topic": "wrong"}
    assert "tls.ca" in report.of("tls")["advice"]
    report = ask_in(proxy, config={"tls": {"pin": secure.pin(directory="other")}})
    assert "pinned" in report.of("tls")["found"] and report.code == 1
    report = ask_in(proxy)
    assert (report.code, report.not_ok()) == (1, {"proxy": "wrong", "topic": "wrong"})
    assert "demands TLS" in report.of("proxy")["found"]


def test_certificates(run):
    proxy = run.proxy({"tls": expired()})
    report = ask_in(proxy, config={"tls": client_tls()})
    assert report.not_ok() == {"tls": "wrong", "topic": "wrong"}
    assert "expired" in report.of("tls")["found"]
    report = ask_in(proxy, config={"tls": {"pin": secure.pin()}})
    assert report.state("tls") == "ok", "nothing but its key matters"


def test_who_we_are(site, run):
    proxy, _ = site
    report = ask_in(proxy, config={"tls": client_tls(), **own_key("a", "wrong")})
    assert report.code == 1 and report.state("identity") == "wrong"
    report = ask_in(proxy, "ssh", "other", config={"tls": client_tls(), **own_key("a")})
    assert report.code == 1 and report.state("permission", topic="ssh") == "ok"
    assert 'may not open ("in") topic other' in report.of("permission", topic="other")["found"]
    report = Report("out", [network("out", proxy, "web", refusing_port(run))],
                    {"tls": client_tls(), **own_key("b")})
    assert report.state("permission") == "wrong" and report.state("backend") == "wrong"
    clock = WallClock(run, 100)
    report = ask_in(proxy, config={"tls": client_tls(), **own_key("a")}, env=clock.env)
    assert report.not_ok() == {"identity": "wrong", "clock": "wrong", "topic": "wrong"}
    assert report.of("clock")["found"] in ("99 s ahead of the proxy's", "100 s ahead of the proxy's")
    clock.move(20)
    report = ask_in(proxy, config={"tls": client_tls(), **own_key("a")}, env=clock.env)
    assert (report.code, report.not_ok()) == (0, {"clock": "warning"})


def test_without_auth_everybody_may_ask(run):
    proxy = run.proxy()
    report = ask_in(proxy, config=own_key("a"))
    assert report.not_ok() == {"identity": "warning", "topic": "wrong"}
    report = Report("out", [network("out", proxy, "ssh", echo_server(run).port)])
    assert report.code == 0
    assert "free" in report.of("topic")["found"]


def test_the_service(run):
    proxy = run.proxy()
    backend = echo_server(run)
    ports = {"up": backend.port, "down": refusing_port(run), "silent": silent_port(run)}
    out = run.out(proxy, ports)
    for topic in ports:
        out.wait_event("registered", topic=topic)
    report = ask_in(proxy, "up", "down", "silent", "gone")
    assert report.code == 1
    assert {topic: report.state("backend", topic=topic) for topic in ports} == {
        "up": "ok", "down": "wrong", "silent": "wrong"}
    assert "refused" in report.of("backend", topic="down")["found"]
    assert report.of("topic", topic="gone")["state"] == "wrong"
    assert out.status()["probes_total"] == 3
    assert out.status()["streams_total"] == 0


def test_a_proxy_is_looked_at_once_for_all_its_networks(run):
    proxy = run.proxy()
    topics = [f"t{i}" for i in range(110)]
    out = run.out(proxy, {"t0": echo_server(run).port})
    out.wait_event("registered")
    report = ask_in(proxy, *topics)
    assert report.of("tcp") and report.of("identity")
    assert sum(row["check"] == "topic" and row["state"] == "wrong" for row in report.checks) == 109
    assert report.state("backend", topic="t0") == "ok"
    assert proxy.status()["probes_total"] == 110


class OlderProxy(Peer):
    """One of ours from before probes: it knows spare connections."""

    def __init__(self):
        super().__init__()
        self._port = self.listen(0, self._serve).getsockname()[1]

    def port(self):
        return self._port

    def _serve(self, sock):
        _, request = read_frame(sock)
        self.send(sock, "Response", magic=request["magic"], request="InWarmRequest", message="",
                  ext={"v": 1, "warm": 120000, "identity": "anonymous"})
        assert sock.recv(1) == b""  # nothing that it does not know


def test_older_peers_are_said_and_no_failure(run):
    report = ask_in(run.own(LegacyProxy()))
    assert (report.code, report.not_ok()) == (0, {"proxy": "warning", "topic": "warning"})
    older = run.own(OlderProxy())
    for program, more in (("in", {}), ("out", {"backend": echo_server(run).port})):
        report = Report(program, [network(program, older, "ssh", **more)])
        assert (report.code, report.not_ok()) == (0, {"topic": "warning"})
        assert "older than probes" in report.of("topic")["found"]
    proxy = run.proxy()
    legacy = run.own(LegacyOut(proxy.port(), {"ssh": echo_server(run).port}))
    legacy.wait_registered()
    Control(run, proxy, "web")
    report = ask_in(proxy, "ssh", "web")
    assert report.code == 0
    for topic in ("ssh", "web"):
        assert report.state("topic", topic=topic) == "ok"
        assert "older than probes" in report.of("backend", topic=topic)["found"]


@needs_nats()
def test_a_topic_that_another_proxy_of_the_cluster_has(run):
    nats = Nats(run)
    auth = {"keys": [key("a", **{"in": ["ssh", "down", "gone", "web"]})],
            "anonymous": {"out": ["#"]}}
    a = Member(run, nats, {"auth": auth})
    auth["keys"][0]["in"].remove("web")
    b = Member(run, nats, {"auth": auth})
    b.out(echo_server(run).port, "ssh")
    b.out(refusing_port(run), "down")
    b.out(echo_server(run).port, "web")
    Control(run, b.port, "gone")
    report = ask_in(a.port, "ssh", "down", "gone", "web", config=own_key("a"))
    assert report.code == 1
    for topic in ("ssh", "down", "gone"):
        assert "another proxy of the cluster" in report.of("topic", topic=topic)["found"]
    assert report.state("backend", topic="ssh") == "ok"
    assert "refused" in report.of("backend", topic="down")["found"]
    assert report.state("backend", topic="gone") == "warning", "its out is older"
    assert 'key a may not open ("in") topic web' in report.of("permission", topic="web")["found"]
    assert (a.proxy.status()["probes_total"], b.proxy.status()["probes_total"]) == (4, 4)


@pytest.mark.parametrize("args, words", [
    (["--json"], "--json belongs to --doctor"),
    (["--doctor", "--check"], "--check"),
    (["--doctor", "--topic", "a b\n", "--bind", "1"], "--topic"),
])
def test_a_bad_command_line_ends_with_2(args, words):
    done = subprocess.run([BIN / "in", *args], capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stderr and done.stdout == ""


def test_flags_alone_do_and_in_needs_no_bind(run):
    proxy = run.proxy()
    out = run.out(proxy, {"a": echo_server(run).port, "b": echo_server(run).port})
    for topic in ("a", "b"):
        out.wait_event("registered", topic=topic)
    done = subprocess.run([BIN / "in", "--doctor", "--server", f"127.0.0.1:{proxy.port()}",
                           "--topic", "a", "--topic", "b"], capture_output=True, text=True)
    assert done.returncode == 0, done
    assert "round trip" in done.stdout


def test_a_join_file_is_enough_and_no_key_is_made(run, tmp_path):
    sites = Sites(run, tmp_path)
    sites.proxy()
    backend = echo_server(run)
    serve = ["--join", sites.service, "--topic", "ssh", "--backend", f"127.0.0.1:{backend.port}"]
    assert "out makes it" in call("out", "--doctor", *serve, code=2)
    assert not (sites.service.parent / "sites.e2e").exists()
    sites.out(ssh=backend.port)
    sites.carry_key()
    assert "key service" in call("out", "--doctor", *serve)
    said = call("in", "--doctor", "--join", sites.client, "--topic", "ssh")
    assert "key client" in said and "the key is the pinned one" in said and "wrong" not in said
