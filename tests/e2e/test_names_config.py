"""What a listener of in with names can be told, and what --check says of it."""
import json
import subprocess

import pytest

from harness import BIN


def check(tmp_path, network):
    file = tmp_path / "in.json"
    file.write_text(json.dumps({"networks": [{"server_host": "h", "server_port": 1, **network}]}))
    return subprocess.run([BIN / "in", "--config", file, "--check"], capture_output=True, text=True)


@pytest.mark.parametrize("names, problem", [
    ({}, "names.suffix: is required"),
    ({"suffix": "inout"}, "names.suffix: must begin with a dot"),
    ({"suffix": ".InOut"}, "names.suffix: must be as names arrive: in lower case"),
    ({"suffix": ".inout", "topic": "{port}"}, 'must be one of "{host}", "{host}.{port}"'),
    ({"suffix": ".inout", "allow": ["DB"]}, 'names.allow: has "DB", which no host name can be'),
    ({"suffix": ".inout", "allow": ["web"], "topics": [{"host": "web", "topic": "Web"}]},
     'has "web", but that host is listed for another topic'),
    ({"suffix": ".inout", "topics": [{"host": "w", "topic": "A"}, {"host": "w", "topic": "B"}]},
     'names.topics: has the host "w" twice'),
])
def test_names_that_can_not_be_meant_are_refused_at_the_start(tmp_path, names, problem):
    result = check(tmp_path, {"port": 1080, "names": names})
    assert result.returncode == 2 and problem in result.stderr, result.stderr


def test_names_stand_in_place_of_a_topic(tmp_path):
    names = {"suffix": ".inout"}
    result = check(tmp_path, {"port": 1, "names": names, "topic": "a"})
    assert 'topic: has no meaning beside "names"' in result.stderr
    result = check(tmp_path, {"ports": "1-2", "names": names})
    assert 'ports: has no meaning beside "names"' in result.stderr


def test_check_says_what_the_names_reach_and_that_an_exit_for_all_is_an_open_proxy(tmp_path):
    result = check(tmp_path, {"bind": "*", "port": 1080, "names": {
        "suffix": ".inout", "allow": ["db.*"], "topics": [{"host": "w", "topic": "W"}], "exit": "x"}})
    assert result.returncode == 0
    assert 'names "*.inout" of topics: db.*, W (w); all other hosts by "x" at h:1' in result.stderr
    assert "is an open proxy: everybody who reaches [::]:1080" in result.stderr
    assert json.loads(result.stdout)["networks"][0]["names"]["allow"] == ["db.*"]
    again = tmp_path / "again.json"
    again.write_text(result.stdout)
    twice = subprocess.run([BIN / "in", "--config", again, "--check"], capture_output=True, text=True)
    assert twice.stdout == result.stdout
