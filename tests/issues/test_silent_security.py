"""Protection that is off without saying so is said, and --check says who may do what."""
import json
import subprocess

import pytest

import secure
from harness import BIN, PATIENCE

EVERYBODY = "everybody who reaches"


@pytest.fixture
def check(tmp_path):
    """check(program, file or flags): (configuration from stdout, lines of stderr)"""
    for name in ("office", "site-b"):
        secret = tmp_path / name
        secret.write_text("0123456789abcdef" * 4 + "\n")
        secret.chmod(0o600)

    def check(name, config, *flags):
        if config is not None:
            file = tmp_path / "config.json"
            file.write_text(json.dumps(config))
            flags = (*flags, "--config", file)
        done = subprocess.run([BIN / name, "--check", *flags], capture_output=True, text=True,
                              timeout=10 * PATIENCE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr.splitlines()
    return check


KEYS = [{"id": "office", "secret_file": "office", "in": ["db.*", "ssh"]},
        {"id": "site-b", "secret_file": "site-b", "in": ["x"], "out": ["#"]}]


def warnings(lines):
    return [line for line in lines if "config.json:" in line or line.startswith("--")]


def test_a_proxy_that_is_open_to_everybody_says_so(check):
    for config, flags in (({"bind": "0.0.0.0"}, []), ({"bind": "*"}, []),
                          ({"bind": "192.0.2.1"}, []), (None, ["--bind", "*:40001"]),
                          ({"bind": "::", "auth": {"anonymous": {"in": ["a", "#"]}}}, []),
                          ({"bind": "::", "auth": {"anonymous": {"out": ["#"]}}}, [])):
        [warning] = warnings(check("proxy", config, *flags)[1])
        assert EVERYBODY in warning and "every topic" in warning


def test_a_proxy_on_loopback_or_with_permissions_has_nothing_to_say(check):
    for config in ({}, {"bind": "::1"}, {"bind": "localhost"},
                   {"bind": "::", "auth": {"anonymous": {"in": ["public.#"]}}},
                   {"bind": "::", "tls": secure.proxy_tls(), "auth": {"keys": KEYS}}):
        assert warnings(check("proxy", config)[1]) == []


def test_keys_where_plain_peers_are_taken_are_said(check):
    plain = {"bind": "::", "auth": {"keys": KEYS}}
    assert "TLS is off" in warnings(check("proxy", plain)[1])[0]
    optional = {**plain, "tls": {**secure.proxy_tls(), "mode": "optional"}}
    assert "TLS is optional" in warnings(check("proxy", optional)[1])[0]


def test_a_key_towards_another_machine_without_tls_is_said(check):
    auth = {"id": "office", "secret_file": "office"}
    network = {"server_host": "relay.example.com", "server_port": 1, "port": 0,
               "backend_host": "h", "backend_port": 1}
    for name, extra in (("in", ["backend_host", "backend_port"]), ("out", ["port"])):
        own = {key: value for key, value in network.items() if key not in extra}
        for config in ({"auth": auth, "networks": [own]}, {"networks": [{**own, "auth": auth}]}):
            [warning] = warnings(check(name, config)[1])
            assert 'without "tls"' in warning and "relay.example.com:1" in warning
            near = {**config, "networks": [{**config["networks"][0], "server_host": "127.0.0.1"}]}
            assert warnings(check(name, near)[1]) == []


def test_check_says_for_people_who_may_do_what_and_for_programs_the_configuration(check):
    config, lines = check("proxy", {"port": 7, "auth": {"keys": KEYS}})
    assert config["port"] == 7
    assert lines == ["who may do what at 127.0.0.1:7 (no TLS):",
                     '  key "office": in: db.*, ssh',
                     '  key "site-b": in: x; out: every topic',
                     "  everybody else: nothing"]
    assert check("proxy", {})[1][1:] == ["  everybody: everything"]
    _, lines = check("out", None, "--backend", "8000", "--topic", "web")
    assert lines[1:] == ['  topic "web" at 127.0.0.1:40001 (plain, anonymous) -> 127.0.0.1:8000']
