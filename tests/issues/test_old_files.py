"""Files that ran with the original start here, and say what is odd about them."""
import json
import subprocess
import time

from harness import BIN, PATIENCE, connect, echo_server, expect_echo


def checked(name, content, tmp_path):
    """(effective configuration, warnings) of a file that is accepted."""
    file = tmp_path / "config.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    done = subprocess.run([BIN / name, "--check", "--config", file], capture_output=True,
                          text=True, timeout=10 * PATIENCE)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    return json.loads(done.stdout), [line for line in lines if line.startswith(f"{file}:")]


def test_a_chain_runs_on_files_with_other_letter_case_and_empty_binds(run):
    proxy = run.program("proxy", '{"Bind": "", "PORT": 0}')
    port = int(proxy.wait_event("listening")["address"].rsplit(":", 1)[1])
    out = run.program("out", {"Networks": [{
        "Server_Host": "127.0.0.1", "server_PORT": port, "Backend_Host": "127.0.0.1",
        "BACKEND_PORT": echo_server(run).port, "Topic": "echo"}], "Retry_Interval": 200})
    out.wait_event("registered", topic="echo")
    in_ = run.program("in", {"NETWORKS": [{
        "SERVER_HOST": "127.0.0.1", "SERVER_PORT": port, "BIND": "", "PORT": 0,
        "TOPIC": "echo"}]})
    with connect(in_.port(topic="echo")) as client:
        expect_echo(client)
    told = " ".join(line["reason"] for line in in_.find("configuration"))
    assert '"BIND" is taken for "bind"' in told
    assert "all addresses" in told
    assert all(line["level"] == "warning" for line in in_.find("configuration"))


def test_the_exact_key_counts_if_both_are_there(tmp_path):
    for text in ('{"port": 7, "Port": 8}', '{"Port": 8, "port": 7}'):
        config, warnings = checked("proxy", text, tmp_path)
        assert config["port"] == 7
        assert len(warnings) == 1 and '"Port" is ignored' in warnings[0]


def test_a_file_without_networks_runs_as_no_file_does(tmp_path):
    for name, key, port in (("in", "port", 40002), ("out", "backend_port", 40003)):
        config, warnings = checked(name, "{}", tmp_path)
        [network] = config["networks"]
        assert (network[key], network["server_port"], network["topic"]) == (port, 40001, "default")
        assert len(warnings) == 1
        assert "networks" in warnings[0] and str(port) in warnings[0]


def test_intervals_that_the_original_takes_are_taken(tmp_path):
    network = {"server_host": "h", "server_port": 1, "backend_host": "h", "backend_port": 1}
    cases = [({"retry_interval": 1}, {"retry_interval": 100}, ["100"]),
             ({"heartbeat_interval": 400_000, "heartbeat_timeout": 900_000},
              {"heartbeat_interval": 400_000, "heartbeat_timeout": 900_000}, ["NAT"]),
             ({"heartbeat_interval": 700_000, "heartbeat_timeout": 900_000},
              {"heartbeat_interval": 200_000}, ["600000", "200000"]),
             ({"heartbeat_interval": 90_000}, {"heartbeat_interval": 6_666}, ["20000", "6666"])]
    for given, taken, words in cases:
        config, [warning] = checked("out", {"networks": [network], **given}, tmp_path)
        assert {key: config[key] for key in taken} == taken
        for word in words:
            assert word in warning


def test_a_timeout_that_is_not_above_the_interval_does_not_end_the_registration(run):
    proxy = run.proxy()
    timeout = int(2_000 * PATIENCE)
    out = run.out(proxy, {"echo": echo_server(run).port},
                  {"heartbeat_interval": timeout, "heartbeat_timeout": timeout})
    out.wait_event("registered", topic="echo")
    in_ = run.in_(proxy, ["echo"])
    with connect(in_.port(topic="echo")) as client:
        end = time.monotonic() + 2.2 * timeout / 1000
        while time.monotonic() < end:
            expect_echo(client)
            time.sleep(0.1)
    assert not out.find("disconnected"), out.tail()
    assert len(out.find("registered")) == 1


def test_a_warning_stands_beside_a_started_program_and_changes_no_output_of_check(tmp_path):
    config, warnings = checked("proxy", {"Port": 5}, tmp_path)
    assert config["port"] == 5 and len(warnings) == 1
    assert warnings[0].split(":", 1)[1].startswith("1:2: ")  # file:line:column: what
