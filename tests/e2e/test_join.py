"""A relay in three commands: proxy --setup, out --join, in --join; and more sites later."""
import json
import re
import shlex
import shutil
import stat
import subprocess

import pytest

import harness
from harness import BIN, connect, echo_server, expect_echo, expect_reset, free_port, wait_for
from reloads import reload, stream_of
from test_drain import named_echo_server


def call(name, *args, code=0):
    done = subprocess.run([BIN / name, *map(str, args)], capture_output=True, text=True,
                          timeout=20 * harness.PATIENCE)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


class Sites:
    """What `proxy --setup` made, with a folder for each machine, as people carry the files."""

    def __init__(self, run, directory):
        self.run, self.directory = run, directory
        self.relay = directory / "relay"
        self.port = free_port()
        self.told = call("proxy", "--setup", self.relay, "--host", "127.0.0.1", "--port", self.port)
        self.service = self.carry("service")
        self.client = self.carry("client")

    def carry(self, site):
        """Its join file in a folder of its own, and no longer at the relay."""
        folder = self.directory / f"at-{site}"
        folder.mkdir()
        return shutil.move(self.relay / f"{site}.join", folder / f"{site}.join")

    def proxy(self):
        proxy = self.run.program("proxy", args=["--config", self.relay / "proxy.json"])
        proxy.wait_event("listening")
        return proxy

    def out(self, join=None, **topics):
        pairs = [word for topic, port in topics.items()
                 for word in ("--topic", topic, "--backend", f"127.0.0.1:{port}")]
        out = self.run.program("out", args=["--join", join or self.service, *pairs])
        for topic in topics:
            out.wait_event("registered", topic=topic)
        return out

    def carry_key(self, target=None):
        shutil.copy2(self.service.parent / "sites.e2e", (target or self.client).parent)

    def in_(self, *topics, join=None):
        pairs = [word for topic in topics for word in ("--topic", topic, "--bind", "127.0.0.1:0")]
        return self.run.program("in", args=["--join", join or self.client, *pairs])


@pytest.fixture
def sites(run, tmp_path):
    return Sites(run, tmp_path)


def test_three_commands_and_two_topics(run, sites):
    proxy = sites.proxy()
    a, b = named_echo_server(run, b"a").port, named_echo_server(run, b"b").port
    out = sites.out(a=a, b=b)
    key = sites.service.parent / "sites.e2e"
    assert mode_of(key) == 0o600
    # It says where the key is and how in gets it, and not what it is.
    wait_for(lambda: any(str(key) in line and "scp -p" in line for line in out.other_output),
             what="word of the key")
    assert key.read_text().strip() not in "".join(out.other_output)
    sites.carry_key()
    in_ = sites.in_("a", "b")
    for topic in "ab":
        with stream_of(in_.port(topic=topic), topic.encode()):
            pass
    assert proxy.wait_event("registered", topic="a")["identity"] == "key service"
    stream = in_.wait_event("stream", topic="a")
    assert stream["reason"] == "done"
    # The relay has no such key, nor what is in it.
    for file in sites.relay.iterdir():
        assert key.read_text().strip() not in file.read_text()


def test_the_commands_of_the_readme(run, tmp_path):
    """As printed, but for where the machines are and which ports are free."""
    page = (harness.ROOT / "README.md").read_text()
    section = page.split("\n## In a minute\n")[1].split("\nWhat that protects")[0]
    places = {"relay": tmp_path / "relay", "relay/proxy.json": tmp_path / "relay/proxy.json",
              "service.join": tmp_path / "service/service.join", "2201": 0,
              "client.join": tmp_path / "client/client.join", "relay.example.com": "127.0.0.1",
              "127.0.0.1:22": f"127.0.0.1:{echo_server(run).port}"}
    setup, proxy, out, in_, add_site = [
        [places.get(word, word) for word in shlex.split(command, comments=True)[1:]]
        for line in section.splitlines() if line.startswith("    ./") for command in line.split("&&")]
    call("proxy", *setup, "--port", free_port())
    run.program("proxy", args=proxy).wait_event("listening")
    for site in ("service", "client"):
        (tmp_path / site).mkdir()
        shutil.move(tmp_path / f"relay/{site}.join", tmp_path / site)
    run.program("out", args=out).wait_event("registered", topic="ssh")
    shutil.copy2(tmp_path / "service/sites.e2e", tmp_path / "client")
    with connect(run.program("in", args=map(str, in_)).port(topic="ssh")) as stream:
        expect_echo(stream)
    call("proxy", *add_site)
    assert (tmp_path / "relay/site-3.join").exists()


def test_the_key_is_made_once_and_never_replaced(run, sites):
    sites.proxy()
    backend = echo_server(run).port
    sites.out(ssh=backend).stop()
    key = (sites.service.parent / "sites.e2e")
    before = key.read_text()
    out = sites.out(ssh=backend)
    assert key.read_text() == before
    assert not out.other_output
    sites.carry_key()
    with connect(sites.in_("ssh").port()) as client:
        expect_echo(client)


def test_without_its_key_in_says_where_it_comes_from(sites):
    for more in ([], ["--check"]):
        said = call("in", "--join", sites.client, "--topic", "ssh", "--bind", 0, *more, code=2)
        assert str(sites.client.parent / "sites.e2e") in said
        assert "scp -p" in said


def test_what_check_prints_is_right_in_any_folder(run, sites):
    sites.proxy()
    sites.out(ssh=echo_server(run).port).stop()
    done = subprocess.run(
        [BIN / "out", "--join", sites.service.name, "--topic", "ssh", "--backend", "1", "--check"],
        cwd=sites.service.parent, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["auth"]["secret_file"] == str(sites.service)


def test_out_makes_no_key_in_the_folder_of_the_relay(sites):
    back = shutil.copy2(sites.service, sites.relay)
    said = call("out", "--join", back, "--topic", "t", "--backend", 1, code=2)
    assert "the relay" in said
    assert not (sites.relay / "sites.e2e").exists()


def test_another_relay_with_the_same_name_is_not_believed(run, sites):
    """Its key is not the pinned one, so neither secret nor topic gets there."""
    shutil.rmtree(sites.relay)
    call("proxy", "--setup", sites.relay, "--host", "127.0.0.1", "--port", sites.port)
    proxy = sites.proxy()
    out = run.program("out", args=["--join", sites.service, "--topic", "t", "--backend", "1"])
    assert "pinned" in json.dumps(out.wait_event("not registered"))
    assert not proxy.find("registered")
    sites.carry_key()
    in_ = sites.in_("t")
    with connect(in_.port()) as client:
        expect_reset(client)


# --- files ---

def test_what_setup_writes(sites):
    assert mode_of(sites.relay) == 0o700
    files = {file.name: mode_of(file) for file in sites.relay.iterdir()}
    assert files == dict.fromkeys(["proxy.json", "relay.crt", "relay.key", "service.secret",
                                   "client.secret"], 0o600)
    assert mode_of(sites.service) == mode_of(sites.client) == 0o600
    join = json.loads(sites.service.read_text())
    assert join["inout_join"] == 1 and join["id"] == "service"
    assert join["server"] == f"127.0.0.1:{sites.port}"
    assert join["secret"] == (sites.relay / "service.secret").read_text().strip()
    assert join["secret"] not in sites.told
    for command in ("proxy --config", "out --join service.join", "in --join client.join"):
        assert command in sites.told
    # Names in it count from its folder.
    moved = sites.relay.rename(sites.directory / "moved")
    checked = json.loads(call("proxy", "--check", "--config", moved / "proxy.json"))
    assert checked["tls"]["mode"] == "required"
    assert [key["id"] for key in checked["auth"]["keys"]] == ["service", "client"]


@pytest.mark.parametrize("host, name, server", [
    ("relay.example.com", "DNS:relay.example.com", "relay.example.com:40001"),
    ("::1", "IP Address:0:0:0:0:0:0:0:1", "[::1]:40001"),
    ("[2001:db8::1]", "IP Address:2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:40001"),
])
def test_the_certificate_is_for_the_host(tmp_path, host, name, server):
    call("proxy", "--setup", tmp_path / "relay", "--host", host)
    text = subprocess.run(["openssl", "x509", "-in", tmp_path / "relay/relay.crt", "-noout", "-ext",
                           "subjectAltName"], capture_output=True, text=True, check=True).stdout
    assert name in text
    assert json.loads((tmp_path / "relay/client.join").read_text())["server"] == server
    # A new site is told the same.
    call("proxy", "--add-site", "db", "--config", tmp_path / "relay/proxy.json", "--in", "#")
    assert json.loads((tmp_path / "relay/db.join").read_text())["server"] == server


@pytest.mark.parametrize("args, code, said", [
    (["--host", "relay:443"], 2, "port"),
    (["--host", "https://relay"], 2, "--host"),
    (["--host", "fe80::1%eth0"], 2, "--host"),
    (["--host", "h", "--port", "0"], 2, "--port must be a number from 1 to 65535"),
    (["--host", "h", "--port", "70000"], 2, "--port must be"),
    (["--port", "1"], 2, "--setup needs --host"),
    (["--host", "h", "--bind", "1"], 2, "--setup takes --host and --port"),
])
def test_setup_says_what_is_wrong_and_writes_nothing(tmp_path, args, code, said):
    assert said in call("proxy", "--setup", tmp_path / "relay", *args, code=code)
    assert not (tmp_path / "relay").exists()


def test_only_an_empty_folder_is_filled(tmp_path):
    def refused(said):
        before = sorted(tmp_path.iterdir())
        words = call("proxy", "--setup", tmp_path, "--host", "h", code=1)
        assert re.search(said, words)
        assert sorted(tmp_path.iterdir()) == before
    (tmp_path / "precious").write_text("mine")
    refused("not empty.*precious")
    # As a crash in the middle leaves it.
    (tmp_path / "precious").rename(tmp_path / "relay.key")
    refused("did not come to its end")
    (tmp_path / "relay.key").unlink()
    tmp_path.chmod(0o777)
    refused("can be written by others")
    tmp_path.chmod(0o700)
    call("proxy", "--setup", tmp_path, "--host", "h")
    refused("--add-site")


def test_a_full_disk_leaves_nothing(tmp_path):
    folder = tmp_path / "relay"
    # ThreadSanitizer's runtime ends the process by the signal, which the program ignores.
    full = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""
    done = subprocess.run(["sh", "-c", full, BIN / "proxy", "--setup", folder, "--host", "h"],
                          capture_output=True, text=True)
    assert done.returncode == 1, done
    assert "can not be written" in done.stderr
    assert not folder.exists()


# --- join files ---

def test_a_join_file_that_others_can_read_is_refused(sites):
    sites.service.chmod(0o644)
    said = call("out", "--join", sites.service, "--topic", "t", "--backend", 1, code=2)
    assert "mode 0644" in said and "chmod 600" in said


def test_a_damaged_join_file_is_refused_and_its_secret_is_not_told(sites):
    whole = sites.service.read_text()
    secret = json.loads(whole)["secret"]
    for text, said in [(whole.replace('"pin"', '"pim"'), "pim"), (whole[:-30], "damaged in line"),
                       (whole.replace(secret, secret[:-1]), "secret"),
                       (whole.replace('join": 1', 'join": 2'), "version 2")]:
        sites.service.write_text(text)
        told = call("out", "--join", sites.service, "--topic", "t", "--backend", 1, code=2)
        assert said in told
        assert secret[:16] not in told


@pytest.mark.parametrize("program, args, said", [
    ("out", ["--topic", "a"], "each --topic needs its --backend"),
    ("out", [], "each --topic needs its --backend"),
    ("in", ["--topic", "a", "--topic", "b", "--bind", "1"], "there are 2 and 1"),
    ("in", ["--server", "h:1"], "leave --server out"),
    ("in", ["--config", "x.json"], "not by both"),
])
def test_flags_that_do_not_fit(sites, program, args, said):
    join = sites.service if program == "out" else sites.client
    assert said in call(program, "--join", join, *args, code=2)


# --- more sites ---

def test_a_new_site_comes_with_a_reload_and_no_stream_ends(run, sites):
    proxy = sites.proxy()
    out = sites.out(a=named_echo_server(run, b"a").port)
    sites.carry_key()
    in_ = sites.in_("a", "db.x")
    config = sites.relay / "proxy.json"
    config.write_text(config.read_text().replace('"keys": [', '"keys": [ // ours'))
    config.chmod(0o644)
    with stream_of(in_.port(topic="a"), b"a"):
        told = call("proxy", "--add-site", "site-3", "--config", config, "--out", "db.*")
        assert str(sites.relay / "site-3.join") in told
        join = sites.carry("site-3")
        assert mode_of(join) == 0o600 and mode_of(config) == 0o644
        assert mode_of(sites.relay / "site-3.secret") & 0o037 == 0
        assert "// ours" in config.read_text()
        sites.carry_key(join)
        reload(proxy)
        new = sites.out(join=join, **{"db.x": named_echo_server(run, b"x").port})
        with stream_of(in_.port(topic="db.x"), b"x"):
            pass
        assert not out.find("not registered") and not new.find("not registered")
    said = call("proxy", "--add-site", "site-3", "--config", config, "--out", "db.*", code=1)
    assert "already" in said


@pytest.mark.parametrize("args, code, said", [
    (["../x", "--in", "a"], 1, "a site's name must be"),
    (["x", "--in", "#.#"], 1, "--in #.# "),
    (["x"], 2, "--add-site needs --in PATTERN or --out PATTERN"),
])
def test_add_site_says_what_is_wrong_and_changes_nothing(sites, args, code, said):
    config = sites.relay / "proxy.json"
    before = config.read_text(), sorted(sites.relay.iterdir())
    assert said in call("proxy", "--add-site", args[0], "--config", config, *args[1:], code=code)
    assert (config.read_text(), sorted(sites.relay.iterdir())) == before
