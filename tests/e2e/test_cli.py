"""The three programs from the command line: flags, files, defaults, exit codes."""
import json
import re
import socket
import stat
import subprocess

import pytest

import harness
from harness import BIN, ROOT, connect, echo_server, read_exactly

PROGRAMS = ("in", "out", "proxy")
ORIGINAL = ROOT / "tests/e2e/original"
IN_NETWORK = {"server_host": "127.0.0.1", "server_port": 1, "bind": "127.0.0.1", "port": 0,
              "topic": "t"}
OUT_NETWORK = {"server_host": "127.0.0.1", "server_port": 1, "backend_host": "127.0.0.1",
               "backend_port": 1, "topic": "t"}


def call(name, *args):
    return subprocess.run([str(BIN / name), *map(str, args)], capture_output=True, text=True,
                          timeout=10 * harness.PATIENCE)


def effective(name, *args):
    """The configuration that --check prints."""
    done = call(name, "--check", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def with_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


# --- flags ---

@pytest.mark.parametrize("name", PROGRAMS)
def test_help_names_every_flag_and_version_a_number(name):
    help_ = call(name, "--help")
    assert help_.returncode == 0
    for flag in ("--config", "--check", "--log-level", "--log-format", "--version"):
        assert flag in help_.stdout
    version = call(name, "--version")
    assert version.returncode == 0
    assert re.search(r"\d+\.\d+\.\d+", version.stdout)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("args", [["--no-such-flag"], ["surplus"], ["--log-level", "loud"],
                                  ["--log-format", "xml"], ["--config"]],
                         ids=lambda args: " ".join(args))
def test_wrong_usage_ends_with_2_and_names_the_argument(name, args):
    done = call(name, *args)
    assert done.returncode == 2
    assert args[0] in done.stderr
    assert "listening" not in done.stderr


@pytest.mark.parametrize("name, flag, value", [
    ("in", "--server", "127.0.0.1"), ("in", "--server", "127.0.0.1:70000"),
    ("in", "--bind", "127.0.0.1:x"), ("in", "--bind", "::1:80"), ("in", "--topic", ""),
    ("out", "--backend", "127.0.0.1:0"), ("out", "--server", "[::1:80"), ("proxy", "--bind", "-1"),
])
def test_a_bad_address_or_topic_in_a_flag_ends_with_2(name, flag, value):
    done = call(name, "--check", f"{flag}={value}")
    assert done.returncode == 2
    assert flag in done.stderr


# --- files ---

@pytest.mark.parametrize("name, file", [("in", "in.json"), ("out", "out.json"),
                                        ("out", "out-scale-out.json"), ("proxy", "proxy.json")])
def test_the_files_that_people_have_are_accepted_as_printed(name, file):
    text = (ORIGINAL / file).read_text()
    given = json.loads(re.sub(r",(\s*[]}])", r"\1", text))  # JSON proper has no trailing comma
    got = effective(name, "--config", ORIGINAL / file)
    networks = given.pop("networks", [])
    assert len(got.get("networks", [])) == len(networks)
    for theirs, ours in zip(networks, got.get("networks", [])):
        assert {key: ours[key] for key in theirs} == theirs
    assert {key: got[key] for key in given} == given


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_printed_configuration_is_accepted_again_and_prints_the_same(name, tmp_path):
    printed = effective(name)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(printed))
    assert effective(name, f"--config={file}") == printed


def test_without_a_file_the_defaults_of_the_original_apply():
    proxy = effective("proxy")
    assert (proxy["bind"], proxy["port"]) == ("127.0.0.1", 40001)
    in_, = effective("in")["networks"]
    assert (in_["server_host"], in_["server_port"]) == ("127.0.0.1", 40001)
    assert (in_["bind"], in_["port"], in_["topic"]) == ("127.0.0.1", 40002, "default")
    out, = effective("out")["networks"]
    assert (out["server_host"], out["server_port"]) == ("127.0.0.1", 40001)
    assert (out["backend_host"], out["backend_port"]) == ("127.0.0.1", 40003)
    assert out["topic"] == "default"


def test_defaults_of_a_file_that_says_little(tmp_path):
    file = tmp_path / "out.json"
    file.write_text(json.dumps({"networks": [{k: v for k, v in OUT_NETWORK.items()
                                              if k != "topic"}]}))
    out = effective("out", "--config", file)
    assert out["networks"][0]["topic"] == "default"
    assert (out["retry_interval"], out["heartbeat_interval"]) == (2000, 2000)
    assert (out["heartbeat_timeout"], out["connect_timeout"]) == (20000, 5000)
    assert (out["open_timeout"], out["peer_timeout"]) == (5000, 30000)
    proxy = effective("proxy")
    assert (proxy["handshake_timeout"], proxy["open_timeout"]) == (10000, 5000)
    assert (proxy["answer_timeout"], proxy["heartbeat_timeout"]) == (8000, 60000)
    assert (proxy["pool"]["min"], proxy["pool"]["max"]) == (2, 100)
    assert proxy["tls_timeout"] == 5000
    assert (proxy["allow"], proxy["deny"], proxy["trusted"]) == ([], [], ["127.0.0.0/8", "::1"])
    assert not {"tls", "auth"} & (proxy.keys() | out.keys() | out["networks"][0].keys())
    in_ = effective("in")
    assert (in_["connect_timeout"], in_["open_timeout"]) == (5000, 20000)


def in_config(**changes):
    return {"networks": [{**IN_NETWORK, **changes}]}


def out_config(**changes):
    return {"networks": [{**OUT_NETWORK, **changes}]}


# program, file, what the message must say: the place, what is wrong, what is allowed
BAD_FILES = {
    "syntax": ("proxy", '{\n  "port": 1\n  "bind": "::1"\n}', ["config.json:3:3"]),
    "not an object": ("proxy", "[]", ["object"]),
    "empty file": ("proxy", "", ["config.json"]),
    "unknown key": ("proxy", {"prot": 1}, ["prot", '"?port']),
    "unknown key inside": ("in", in_config(server_prot=1), [r"networks\[0\]", "server_port"]),
    "key of another program": ("in", in_config(backend_host="h"), [r"networks\[0\]",
                                                                   "backend_host"]),
    "duplicate key": ("proxy", '{"port": 1, "port": 2}', ["config.json:1:13", "port"]),
    "text for a number": ("in", in_config(server_port="1"), [r"networks\[0\]\.server_port"]),
    "fraction": ("proxy", {"port": 1.5}, ["port"]),
    "port too high": ("in", in_config(port=65536), [r"networks\[0\]\.port", "65535"]),
    "port too low": ("out", out_config(backend_port=0), [r"networks\[0\]\.backend_port", "65535"]),
    "negative duration": ("out", {**out_config(), "retry_interval": -1}, ["retry_interval"]),
    "boolean duration": ("proxy", {"handshake_timeout": True}, ["handshake_timeout"]),
    "pool upside down": ("proxy", {"pool": {"min": 9, "max": 3}}, ["pool"]),
    "pool too large": ("proxy", {"pool": {"max": 101}}, [r"pool\.max", "100"]),
    "empty topic": ("in", in_config(topic=""), [r"networks\[0\]\.topic"]),
    "long topic": ("in", in_config(topic="t" * 256), [r"networks\[0\]\.topic", "255"]),
    "control character": ("out", out_config(topic="a\nb"), [r"networks\[0\]\.topic", "printable"]),
    "missing server": ("in", {"networks": [{"port": 1, "topic": "t"}]},
                       [r"networks\[0\]", "server_host"]),
    "no networks": ("out", {"networks": []}, ["networks"]),
    "unknown level": ("proxy", {"log": {"level": "loud"}}, [r"log\.level", "warning"]),
    "negative limit": ("proxy", {"limits": {"streams_per_key": -1}},
                       [r"limits\.streams_per_key", "10000000"]),
    "certificate without key": ("in", {**in_config(), "tls": {"cert": "c.pem"}},
                                [r"tls\.cert", "key"]),
    "no such TLS key": ("out", {**out_config(), "tls": {"insecure": True}},
                        ["insecure", "server_name"]),
    "pin that is no hash": ("in", in_config(tls={"pin": "sha256/abc"}),
                            [r"networks\[0\]\.tls\.pin", "44 characters"]),
    "TLS without a certificate": ("proxy", {"tls": {}}, [r"tls\.cert", r"tls\.key"]),
    "client_ca without TLS": ("proxy", {"tls": {"mode": "off", "client_ca": "ca.pem"}},
                              [r"tls\.client_ca", "mode"]),
    "tls_timeout too long": ("proxy", {"tls_timeout": 400, "handshake_timeout": 300},
                             [r"handshake_timeout \(300\)"]),
    "auth for nobody": ("proxy", {"auth": {"keys": []}}, ["auth", "anonymous"]),
    "certificates that nobody asks for": (
        "proxy", {"auth": {"certs": [{"name": "n", "in": ["#"]}]}}, [r"tls\.client_ca"]),
    "same key twice": ("proxy", {"auth": {"keys": [
        {"id": "a", "secret_file": "s", "in": ["#"]}, {"id": "a", "secret_file": "t"}]}},
        [r"auth\.keys\[1\]\.id", r"auth\.keys\[0\]"]),
    "secret in the file": ("out", out_config(auth={"id": "i", "secret": "0123456789abcdef"}),
                           [r"networks\[0\]\.auth", "secret_file"]),
    "bad pattern": ("proxy", {"auth": {"anonymous": {"in": ["a", "b*"]}}},
                    [r"auth\.anonymous\.in\[1\]", r"db\.\*"]),
    "bad range": ("in", in_config(allow=["10.0.0.1/8"]), [r"networks\[0\]\.allow\[0\]",
                                                          r"10\.0\.0\.0/8"]),
    "second end-to-end key in in": ("in", in_config(e2e={"key_file": "k", "also_accept": "l"}),
                                    [r"networks\[0\]\.e2e", "also_accept"]),
    "same listener twice": ("in", {"networks": [{**IN_NETWORK, "port": 5},
                                                {**IN_NETWORK, "port": 5, "topic": "u"}]},
                            [r"networks\[1\]", r"networks\[0\]"]),
    "same registration twice": ("out", {"networks": [OUT_NETWORK,
                                                     {**OUT_NETWORK, "backend_port": 2}]},
                                [r"networks\[1\]", r"networks\[0\]"]),
}


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("check", [[], ["--check"]], ids=["started", "checked"])
def test_a_bad_file_ends_with_2_and_says_where_and_what(case, check, tmp_path):
    name, content, words = BAD_FILES[case]
    file = tmp_path / "config.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    done = call(name, "--config", file, *check)
    assert done.returncode == 2
    for word in words:
        assert re.search(word, done.stderr), done.stderr
    assert "listening" not in done.stderr
    assert done.stdout == ""


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(in_config(server_port=0, topic="")))
    done = call("in", "--config", file)
    assert "server_port" in done.stderr and "topic" in done.stderr


def test_the_files_that_a_configuration_names_are_looked_for_beside_it(tmp_path):
    file = tmp_path / "in.json"
    file.write_text(json.dumps({**in_config(), "auth": {"id": "a", "secret_file": "a.secret"}}))
    missing = call("in", "--check", "--config", file)
    assert missing.returncode == 2
    assert "secret_file" in missing.stderr and str(tmp_path / "a.secret") in missing.stderr
    assert missing.stdout == ""
    (tmp_path / "a.secret").write_text("a secret of enough bytes\n")
    (tmp_path / "a.secret").chmod(0o600)
    assert effective("in", "--config", file)["auth"]["id"] == "a"


def test_a_new_key_is_readable_by_its_owner_only_and_replaces_nothing(tmp_path):
    file = tmp_path / "e2e.key"
    assert call("in", "--new-key", file).returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = file.read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", key)
    again = call("out", "--new-key", file)
    assert again.returncode == 1
    assert str(file) in again.stderr
    assert file.read_text() == key


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_that_can_not_be_read_ends_with_2(name, tmp_path):
    for path in (tmp_path / "missing.json", tmp_path):
        done = call(name, "--config", path)
        assert done.returncode == 2
        assert str(path) in done.stderr


def test_comments_and_trailing_commas_are_allowed(tmp_path):
    file = tmp_path / "config.json"
    file.write_text('// where\n{ "networks": [ { "server_host": "h", "server_port": 1, /* why */'
                    ' "port": 7, "topic": "a//b", }, ], }\n')
    assert effective("in", "--config", file)["networks"][0]["topic"] == "a//b"


# --- running ---

def test_a_single_network_runs_by_flags_alone(run):
    proxy = run.program("proxy", args=["--bind", "127.0.0.1:0"])
    server = f"127.0.0.1:{proxy.port()}"
    out = run.program("out", args=["--server", server, "--topic", "t", "--backend",
                                   f"127.0.0.1:{echo_server(run).port}"])
    out.wait_event("registered", topic="t")
    in_ = run.program("in", args=["--server", server, "--bind", "0", "--topic", "t"])
    assert in_.wait_event("listening", topic="t")["address"].startswith("127.0.0.1:")
    with connect(in_.port()) as client:
        client.sendall(b"flags")
        assert read_exactly(client, 5) == b"flags"


@pytest.mark.skipif(not with_ipv6(), reason="this machine has no ::1")
def test_every_hop_can_be_ipv6(run):
    backend = run.own(harness.Server(harness.echo, family=socket.AF_INET6, host="::1"))
    proxy = run.program("proxy", args=["--bind", "[::1]:0"])
    assert proxy.wait_event("listening")["address"].startswith("[::1]:")
    server = f"[::1]:{proxy.port()}"
    out = run.program("out", args=["--server", server, "--backend", f"[::1]:{backend.port}"])
    out.wait_event("registered")
    in_ = run.program("in", args=["--server", server, "--bind", "[::1]:0"])
    with socket.create_connection(("::1", in_.port()), 10) as client:
        client.sendall(b"six")
        assert read_exactly(client, 3) == b"six"


@pytest.mark.parametrize("name", ["in", "proxy"])
def test_a_port_in_use_ends_with_1_and_names_the_address(name):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:{}".format(taken.getsockname()[1])
        done = call(name, "--bind", address)
    assert done.returncode == 1
    assert address in done.stderr and "in use" in done.stderr.lower()


def test_a_second_proxy_on_the_same_port_fails_and_the_first_goes_on(run):
    first = run.proxy()
    assert call("proxy", "--bind", f"127.0.0.1:{first.port()}").returncode == 1
    assert first.status()["streams"] == 0


def test_one_listener_of_in_that_fails_stops_them_all(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        networks = [IN_NETWORK, {**IN_NETWORK, "port": taken.getsockname()[1], "topic": "u"}]
        in_ = run.program("in", {"networks": networks})
        in_.expected_end = True
        assert in_.process.wait(10 * harness.PATIENCE) == 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_sigterm_ends_an_idle_program_at_once_with_0(run, name):
    never = {"drain_timeout": 600_000}
    proxy = run.proxy(never)
    programs = {"proxy": proxy, "in": run.in_(proxy, ["t"], never),
                "out": run.out(proxy, {"t": 1}, never)}
    programs["in"].wait_event("listening")
    programs["out"].wait_event("registered")
    program = programs[name]
    assert program.stop() == 0
    assert program.find("stopped")
