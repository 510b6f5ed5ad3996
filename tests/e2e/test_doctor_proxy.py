"""proxy --doctor: what is wrong with a proxy and with its cluster is said, and where."""
import json
import subprocess
import tempfile

import pytest

from cluster_site import Member, Nats, needs_nats
from harness import BIN, PATIENCE, free_port
from secure import proxy_tls, secret

import secure

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves


def look(config, code):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        done = subprocess.run([BIN / "proxy", "--doctor", "--json", "--config", file.name],
                              capture_output=True, text=True, timeout=60 * PATIENCE)
    assert done.returncode == code, (done.stdout, done.stderr)
    said = json.loads(done.stdout)
    assert said["program"] == "proxy" and said["well"] == (code == 0)
    return said["checks"]


def not_ok(checks):
    return [(row["check"], row["state"], row["server"]) for row in checks if row["state"] != "ok"]


def test_alone(run):
    config = {"port": free_port()}
    place = f"127.0.0.1:{config['port']}"
    assert not_ok(look(config, 1)) == [("tcp", "wrong", place)], "it does not run"
    proxy = run.proxy(config)
    proxy.port()
    checks = look(config, 0)
    assert [row["check"] for row in checks] == ["name", "tcp", "tls"]
    assert proxy.status()["failed_total"] == 0


def test_its_certificate_is_the_one_of_the_file(run):
    config = {"port": free_port(), "bind": "*", "tls": proxy_tls()}
    run.proxy(config).port()
    checks = look(config, 0)
    assert "days" in checks[0]["found"]
    assert checks[-1]["check"] == "tls" and "the pinned one" in checks[-1]["found"]
    other = secure.certificates("other")
    config["tls"] = {"cert": str(other / "localhost.crt"), "key": str(other / "localhost.key")}
    checks = look(config, 1)
    assert not_ok(checks) == [("tls", "wrong", f"localhost:{config['port']}")]


def test_what_can_not_be_looked_at_is_a_warning(run):
    checks = look({"port": 1, "proxy_protocol": True}, 0)
    assert not_ok(checks) == [("tcp", "warning", "127.0.0.1:1")]


@needs_nats()
def test_a_cluster(run):
    nats, apart = Nats(run), Nats(run)
    a, b = Member(run, nats), Member(run, nats)
    checks = look(a.config, 0)
    rows = {(row["check"], row["server"]): row["found"] for row in checks}
    assert rows["nats", nats.url].endswith("2 proxies answer")
    assert rows["cluster", a.address] == rows["cluster", b.address] == "is in the directory"
    assert rows["identity", b.address] == "proxy test"
    assert ("identity", a.address) not in rows, "it is itself"

    # One that has another key is refused there; one that listens at another NATS is not seen here.
    wrong = Member(run, nats, cluster={"key_file": secret("another.key", "0" * 31 + "1" * 33 + "\n")})
    checks = look(wrong.config, 1)
    assert not_ok(checks) == [("identity", "wrong", place) for place in sorted([a.address, b.address])]
    assert all("key_file" in row["advice"] for row in checks if row["state"] == "wrong")
    wrong.proxy.stop()
    lonely = Member(run, apart)
    lonely.config["cluster"]["nats"].append(nats.url)
    said = look(lonely.config, 1)
    assert {row["server"] for row in said if "answers only through" in row["found"]} == {
        a.address, b.address, lonely.address}
    apart.kill()
    b.proxy.kill()
    checks = look({**a.config, "cluster": {**a.config["cluster"], "nats": [nats.url, apart.url]}}, 1)
    assert ("nats", "wrong", apart.url) in not_ok(checks)
    assert not [row for row in checks if row["server"] == b.address], "it has gone"
