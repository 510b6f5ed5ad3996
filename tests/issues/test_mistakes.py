"""Typical mistakes of new users: each gets what was meant, or is told in words what to write."""
import json
import platform
import subprocess

import pytest

from harness import BIN, PATIENCE, connect

IN = {"server_host": "relay", "server_port": 40001, "port": 0, "topic": "t"}
OUT = {"server_host": "relay", "server_port": 40001, "backend_host": "db", "backend_port": 3306}


def call(name, *args):
    return subprocess.run([BIN / name, *args], capture_output=True, timeout=10 * PATIENCE)


def in_(**changes):
    return {"networks": [{**IN, **changes}]}


def out(**changes):
    return {"networks": [{**OUT, **changes}]}


# program, file, what the message has to say
FILES = {
    "port in the host": ("in", in_(server_host="relay:40001"),
                         "write relay as the host and 40001 as the port"),
    "port as host": ("out", out(backend_host="8000"),
                     "write 127.0.0.1 or another as the host and 8000 as the port"),
    "port and star in bind": ("proxy", {"bind": "*:40001"},
                              "write * as the host and 40001 as the port"),
    "port behind brackets": ("in", in_(server_host="[::1]:1"), "write ::1 as the host"),
    "http URL": ("in", in_(server_host="http://relay:40001/"),
                 "is a URL: write relay as the host and 40001 as the port"),
    "https URL": ("out", out(server_host="https://relay.example"),
                  'is a URL: write relay.example alone; TLS is turned on by "tls": {}'),
    "tcp URL": ("out", out(backend_host="tcp://db"), "is a URL: write db alone"),
    "path": ("out", out(backend_host="/run/mysqld.sock"), "is a path"),
    "user": ("in", in_(server_host="me@relay"), "write relay alone"),
    "name in other letters": ("in", in_(server_host="bücher.example"),
                              "write xn--bcher-kva.example"),
    "Chinese name": ("in", in_(server_host="中国"), "write xn--fiqs8s"),
    "invisible in a host": ("in", in_(server_host="relay\u200b"),
                            "holds U+200B (zero width space) at character 6"),
    "fullwidth colon in a host": ("in", in_(server_host="relay：1"), "write ':'"),
    "invisible in a topic": ("in", in_(topic="my\u00a0sql"), "U+00A0 (no-break space) at byte 3"),
    "invisible in a key": ("proxy", {"po\u200brt": 1},
                           'U+200B (zero width space); did you mean "port"'),
    "number in quotes": ("in", in_(server_port="40001"), "write 40001 without quotes"),
    "duration with its unit": ("out", {**out(), "connect_timeout": "5s"},
                               "write 5000, in milliseconds"),
    "file of in for out": ("out", in_(), "this is a configuration of in, and this program is out"),
    "file of out for in": ("in", out(), "this is a configuration of out, and this program is in"),
    "file of in for proxy": ("proxy", in_(), "this is a configuration of in"),
    "file of proxy for out": ("out", {"bind": "::", "port": 1}, "this is a configuration of proxy"),
    "YAML": ("proxy", "bind: 0.0.0.0\nport: 40001\n", "this is not JSON: it looks like YAML"),
    "INI": ("out", "[common]\nserver_addr = relay\n",
            "this is not JSON: it looks like an INI file"),
    "TOML": ("out", 'serverAddr = "relay"\n[[proxies]]\n', "this is not JSON: it looks like TOML"),
    "nginx": ("proxy", "stream {\n  server {\n    listen 1;\n", "a configuration of nginx"),
    "certificate": ("proxy", "-----BEGIN CERTIFICATE-----\n", "a PEM file"),
    "empty": ("proxy", "", "the file is empty"),
    "UTF-16 with a mark": ("proxy", '{"port": 1}'.encode("utf-16"),
                           "UTF-16: save the file as UTF-8"),
    "UTF-16 without one": ("proxy", '{"port": 1}'.encode("utf-16-le"), "save the file as UTF-8"),
    "curly quotes": ("proxy", "{“port”: 1}",
                     '1:2: expected a key in double quotes or \'}\', found U+201C '
                     '(left double quotation mark) “: write " instead'),
    "curly closing quote": ("proxy", '{"port”: 1}', "U+201D (right double quotation mark) is none"),
    "fullwidth colon": ("proxy", '{"port"：1}', "1:8: expected ':' after the key, found U+FF1A"),
    "fullwidth comma": ("proxy", '{"port": 1，"bind": "::"}', "write , instead"),
    "no-break space": ("proxy", '{\u00a0"port": 1}',
                       "U+00A0 (no-break space): write an ordinary space"),
    "zero width space": ("proxy", '{"port": \u200b1}',
                         "U+200B (zero width space), which can not be seen"),
    "comment of the shell": ("proxy", '{ # here\n"port": 1}', "a comment begins with //"),
    "single quotes": ("proxy", "{'port': 1}", "write \" instead"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_is_told_what_belongs_there(case, tmp_path):
    name, content, words = FILES[case]
    file = tmp_path / "config.json"
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content, ensure_ascii=False)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = call(name, "--config", file)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert done.stderr.startswith(bytes(file) + b":")
    assert done.stderr.count(b"\n") == 1


FLAGS = {
    "port as server": ("in", ["--server", "40001"], "as in 127.0.0.1:40001"),
    "server without a port": ("in", ["--server", "relay"], "as in relay:40001"),
    "server without a host": ("out", ["--server", ":40001"], "has no host: write HOST:40001"),
    "server as a URL": ("in", ["--server", "tcp://relay:40001"], "is a URL: write relay:40001"),
    "server as a name in other letters": ("in", ["--server", "bücher.example:1"],
                                          "write xn--bcher-kva.example:1"),
    "backend that is a path": ("out", ["--backend", "/run/db.sock"], "is a path"),
    "misspelled flag": ("in", ["--confg", "x.json"],
                        "--confg: unknown flag; did you mean --config?"),
    "misspelled flag with a value": ("proxy", ["--log-leve=debug"], "did you mean --log-level?"),
    "flag of nobody": ("proxy", ["--daemonize"], "unknown flag; the flags are --help"),
    "file without a flag": ("proxy", ["proxy.json"], "given as --config proxy.json"),
    "dash of a word processor": ("in", ["—server", "relay:1"],
                                 "begins with U+2014 (em dash), flags begin with --"),
    "unknown level": ("proxy", ["--log-level", "loud"], "not loud"),
    "flag that can not be seen": ("proxy", ["--\u200bcheck"], "--\\u200bcheck: unknown flag"),
}


@pytest.mark.parametrize("case", FLAGS)
def test_a_flag_is_told_what_to_write(case):
    name, args, words = FLAGS[case]
    done = call(name, "--check", *args)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert done.stdout == b""


# program, flags, key, what it becomes
MEANT = {
    "star": ("proxy", ["--bind", "*:7"], "bind", "::"),
    "colon": ("proxy", ["--bind", ":7"], "bind", "::"),
    "port": ("proxy", ["--bind", "7"], "bind", "127.0.0.1"),
    "backend": ("out", ["--backend", "8000"], "backend_host", "127.0.0.1"),
    "backend with a colon": ("out", ["--backend", ":8000"], "backend_port", 8000),
    "warn": ("proxy", ["--log-level", "warn"], "level", "warning"),
    "letter case": ("proxy", ["--log-level", "DEBUG"], "level", "debug"),
    "one dash": ("proxy", ["-bind=*:7"], "port", 7),
}


@pytest.mark.parametrize("case", MEANT)
def test_a_flag_with_one_meaning_is_taken(case):
    name, args, key, value = MEANT[case]
    done = call(name, "--check", *args)
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)
    places = [config, *config.get("networks", []), config["log"]]
    assert [place[key] for place in places if key in place] == [value]


@pytest.mark.parametrize("flag", [["-c"], ["-config"], ["--config"]])
def test_the_file_may_be_given_by_each_spelling_of_its_flag(flag, tmp_path):
    file = tmp_path / "proxy.json"
    file.write_text('{"port": 7}')
    for args in ([*flag, file], [f"{flag[0]}={file}"] if flag != ["-c"] else [f"-c{file}"]):
        done = call("proxy", "--check", *args)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["port"] == 7


def test_a_listener_on_all_addresses_takes_ipv4_and_the_log_says_where(run):
    proxy = run.program("proxy", args=["--bind", "*:0"])
    assert proxy.wait_event("listening")["address"].startswith("[::]:")
    connect(proxy.port()).close()


# Runs a program on a kernel that knows no IPv6: a filter (seccomp(2)) answers EAFNOSUPPORT to
# socket(AF_INET6, …). $1 is the number of that system call here.
WITHOUT_IPV6 = """
import ctypes, os, struct, sys
steps = [(0x20, 0, 0, 0), (0x15, 0, 3, int(sys.argv[1])),       # not this call: allowed
         (0x20, 0, 0, 16), (0x15, 0, 1, 10),                    # its first argument
         (0x06, 0, 0, 0x00050000 | 97), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""
SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine())


@pytest.mark.skipif(SOCKET is None, reason="unknown number of socket(2)")
def test_all_addresses_are_those_of_ipv4_where_there_is_no_ipv6(run):
    proxy = run.program("proxy", args=["--bind", "*:0"],
                        prefix=["/usr/bin/python3", "-c", WITHOUT_IPV6, str(SOCKET)])
    assert proxy.wait_event("listening")["address"].startswith("0.0.0.0:")
    connect(proxy.port()).close()
