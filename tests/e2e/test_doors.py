"""Where the clients of in come beside one port: a UNIX socket, and a range of ports in one entry."""
import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys

import pytest

import secure
from admin import ADMIN, get
from harness import (BIN, PATIENCE, TWO_THREADS, connect, echo_server, expect_echo,
                     expect_failed_open, expect_refused, free_port, read_to_end)
from manager import Manager
from reloads import changed, reload
from test_backend_template import LOOPBACK, templated
from test_share import backend, registered, served_by
from test_upgrade import line_of  # noqa: F401 (a fixture)

ME = f"unix:uid={os.getuid()},gid={os.getgid()},pid={os.getpid()}"

# Starts a program as a service manager does that has bound its UNIX socket, argv[1], as descriptor 3.
ACTIVATE_UNIX = """
import os, socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o622)
listening.listen()
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def connect_unix(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20 * PATIENCE)
    s.connect(str(path))
    return s


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Door:
    """proxy, out with the topic "db", and in with one network that has these keys."""

    def __init__(self, run, in_=None, options=None, **network):
        self.proxy = run.proxy()
        self.out = run.out(self.proxy, {"db": echo_server(run).port})
        self.out.wait_event("registered")
        self.config = {"networks": [{"server_host": "127.0.0.1", "server_port": self.proxy.port(),
                                     "topic": "db", **network}],
                       "first_look": "off", **TWO_THREADS, **(in_ or {})}
        self.in_ = run.program("in", secure.protect_client("in", self.config), **(options or {}))
        self.in_.wait_event("listening")

    def network(self, **keys):
        return changed(self.in_, networks=[{**self.in_.config["networks"][0], **keys}])


def check(config, tmp_path):
    file = tmp_path / "in.json"
    file.write_text(json.dumps(config))
    return subprocess.run([BIN / "in", "--config", file, "--check"], capture_output=True, text=True)


# --- UNIX sockets ---


def test_a_client_at_a_unix_socket_is_known_by_its_user_and_process(run, tmp_path):
    path = tmp_path / "db.sock"
    door = Door(run, ADMIN, bind_unix=str(path))
    assert mode_of(path) == 0o660
    door.in_.wait_event("listening", address=f"unix:{path}", topic="db")
    with connect_unix(path) as client:
        expect_echo(client)
        row, = get(door.in_, "/api/streams").json["streams"]
        assert (row["client"], row["client_peer"]) == (ME, ME)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""
    for program in (door.in_, door.proxy):
        assert program.wait_event("stream", topic="db")["client"] == ME
    for size in (1, 200_000):
        with connect_unix(path) as client:
            expect_echo(client, b"x" * size)
    door.in_.wait_idle()
    assert door.in_.stop() == 0
    assert not path.exists()


def test_a_socket_goes_also_where_its_program_ends_at_once(run, tmp_path):
    path = tmp_path / "s"
    door = Door(run, bind_unix=str(path))
    with connect_unix(path) as client:
        expect_echo(client)
        door.in_.expected_end = True
        door.in_.signal(signal.SIGQUIT)
        assert door.in_.process.wait(10 * PATIENCE) == 0
    assert not path.exists()


def test_an_open_that_fails_ends_the_client(run, tmp_path):
    path = tmp_path / "s"
    door = Door(run, bind_unix=str(path), topic="none")
    with connect_unix(path) as client:
        client.sendall(b"hello")
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass
    assert door.in_.wait_event("open_failed", topic="none")["client"] == ME


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_the_file_says_who_may_come_and_a_reload_changes_that(run, tmp_path):
    path = tmp_path / "db.sock"
    door = Door(run, bind_unix=str(path), bind_mode="0620", bind_owner="nobody:4711")
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == \
        (0o620, pwd.getpwnam("nobody").pw_uid, 4711)
    with connect_unix(path) as client:
        expect_echo(client)
        reload(door.in_, door.network(bind_mode="0600", bind_owner="0:0"))
        status = path.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o600, 0, 0)
        expect_echo(client)
    assert len(door.in_.find("listening")) == 1
    os.utime(path)  # another stamp: it is taken for another's file
    reload(door.in_, door.network(bind_mode="0666"))
    assert "another file" in door.in_.wait_event("socket not changed")["reason"]


def test_streams_per_client_counts_the_user(run, tmp_path):
    path = tmp_path / "s"
    door = Door(run, {"limits": {"streams_per_client": 1}}, bind_unix=str(path))
    with connect_unix(path) as first:
        expect_echo(first)
        with connect_unix(path) as second:
            assert second.recv(1) == b""
        refused = door.in_.wait_event("client refused")
        assert (refused["client"], refused["reason"]) == (ME, "limits.streams_per_client")
        expect_echo(first)


def test_a_socket_that_was_left_behind_gives_way_and_one_in_use_does_not(run, tmp_path):
    path = tmp_path / "s"
    door = Door(run, bind_unix=str(path))
    second = run.program("in", secure.protect_client("in", door.config))
    assert "Address already in use" in second.wait_event("cannot start")["reason"]
    second.expected_end = True
    door.in_.kill()
    assert path.exists()
    third = run.program("in", secure.protect_client("in", door.config))
    third.wait_event("listening")
    with connect_unix(path) as client:
        expect_echo(client)


def test_a_reload_opens_and_closes_sockets_and_touches_no_other(run, tmp_path):
    path = tmp_path / "a"
    door = Door(run, bind_unix=str(path))
    network = door.in_.config["networks"][0]
    with connect_unix(path) as client:
        expect_echo(client)
        other = {**network, "bind_unix": str(tmp_path / "b")}
        reload(door.in_, changed(door.in_, networks=[network, other]))
        with connect_unix(tmp_path / "b") as second:
            expect_echo(second)
            taken = tmp_path / "taken"
            taken.write_text("no socket")
            reload(door.in_, changed(door.in_, networks=[
                network, {**network, "bind_unix": str(taken)}]), fails=True)
            reload(door.in_, changed(door.in_, networks=[network]))
            assert not (tmp_path / "b").exists()
            expect_echo(second)
        expect_echo(client)
    with connect_unix(path) as client:
        expect_echo(client)


def test_an_upgrade_hands_the_socket_over_and_the_last_one_removes_it(run, line_of, tmp_path):
    path = tmp_path / "db.sock"
    door = Door(run, bind_unix=str(path), bind_mode="0600")
    line = line_of(door.in_)
    with connect_unix(path) as client:
        expect_echo(client)
        line.upgrade()
        expect_echo(client)
        with connect_unix(path) as second:
            expect_echo(second)
    line.wait_end(door.in_.pid)
    assert mode_of(path) == 0o600
    with connect_unix(path) as client:
        expect_echo(client)
    line.end_quickly()
    assert not path.exists()


def test_an_upgrade_that_fails_leaves_the_socket_where_it_is(run, line_of, tmp_path):
    path = tmp_path / "db.sock"
    door = Door(run, bind_unix=str(path))
    (tmp_path / "taken").write_text("no socket")
    network = door.in_.config["networks"][0]
    door.in_.configure(changed(door.in_, networks=[
        network, {**network, "bind_unix": str(tmp_path / "taken")}]))
    door.in_.signal(signal.SIGUSR2)
    door.in_.wait_event("not upgraded")
    with connect_unix(path) as client:
        expect_echo(client)


def test_a_service_managers_socket_stays_as_it_has_made_it(run, line_of, tmp_path):
    path = tmp_path / "db.sock"
    manager = run.own(Manager(tmp_path))
    door = Door(run, bind_unix=str(path), options={
        "prefix": (sys.executable, "-c", ACTIVATE_UNIX, str(path)),
        "env": {"NOTIFY_SOCKET": manager.path}})
    line = line_of(door.in_)
    line.upgrade()
    line.wait_end(door.in_.pid)
    assert mode_of(path) == 0o622
    with connect_unix(path) as client:
        expect_echo(client)
    line.end_quickly()
    assert path.exists()


@pytest.mark.parametrize("keys, problem", [
    ({"port": 1}, 'port: has no meaning beside "bind_unix"'),
    ({"allow": []}, 'allow: has no meaning beside "bind_unix"'),
    ({"proxy_protocol": True}, 'proxy_protocol: has no meaning beside "bind_unix"'),
    ({"bind_unix": "@x"}, "bind_unix: must be a path"),
    ({"bind_unix": "x" * 200}, "bind_unix: is too long for a socket"),
    ({"bind_mode": "rw"}, 'bind_mode: must be permissions in octal digits, in quotes, as in "0660"'),
    ({"bind_owner": "a:"}, 'bind_owner: must be "USER", "USER:GROUP" or ":GROUP"'),
    ({"bind_owner": "no-such-user"}, "there is no user no-such-user in /etc/passwd"),
    ({"bind_unix": None, "port": 1, "bind_mode": "0600"}, 'has no meaning without "bind_unix"'),
])
def test_what_a_socket_can_not_have_is_refused(tmp_path, keys, problem):
    network = {"server_host": "h", "server_port": 1, "bind_unix": "s", **keys}
    network = {key: value for key, value in network.items() if value is not None}
    result = check({"networks": [network]}, tmp_path)
    assert result.returncode == 2 and problem in result.stderr, result.stderr


def test_two_entries_can_not_have_one_socket(tmp_path):
    network = {"server_host": "h", "server_port": 1, "bind_unix": "s"}
    result = check({"networks": [network, network]}, tmp_path)
    assert "networks[1]: listens on unix:s, which networks[0] has already" in result.stderr


def test_a_flag_names_a_socket_too(run, tmp_path):
    path = tmp_path / "s"
    in_ = run.program("in", args=("--bind", f"unix:{path}", "--server", "127.0.0.1:9",
                                  "--topic", "db"))
    in_.wait_event("listening", address=f"unix:{path}")


# --- ranges of ports ---


def free_range(count):
    """The first of so many ports that are free, one behind the other."""
    while True:
        first = free_port()
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.create_server(("127.0.0.1", port)))
            return first
        except OSError:
            continue
        finally:
            for each in sockets:
                each.close()


def ranged(run, proxy, first, last, **more):
    config = {"networks": [{"server_host": "127.0.0.1", "server_port": proxy.port(),
                            "ports": f"{first}-{last}", "topic": "app.{port}"}],
              "first_look": "off", **ADMIN, **TWO_THREADS, **more}
    in_ = run.program("in", secure.protect_client("in", config))
    in_.wait_event("listening")
    return in_


@pytest.mark.plain_only
def test_one_entry_at_each_side_carries_a_range_of_ports(run):
    """in has a listener for each port, and out the backend of the same port."""
    proxy = run.proxy()
    backends = {backend(run, name): name for name in (b"a", b"b")}
    out = templated(run, proxy, "127.0.0.1", "{2}", "app.*", backend_ports="1024-65535",
                    backend_allow=LOOPBACK)
    registered(out)
    networks = [{"server_host": "127.0.0.1", "server_port": proxy.port(), "topic": "app.{port}",
                 "bind": "127.0.0.2", "ports": str(port)} for port in backends]
    in_ = run.program("in", secure.protect_client("in", {"networks": networks, **TWO_THREADS}))
    in_.wait_event("listening", count=2)
    for port, name in backends.items():
        with socket.create_connection(("127.0.0.2", port)) as client:
            assert client.recv(1) == name


def test_a_range_is_one_line_of_the_log_and_a_row_for_each_port(run):
    proxy = run.proxy()
    first = free_range(4)
    in_ = ranged(run, proxy, first, first + 2)
    line = in_.wait_event("listening")
    assert line["address"] == f"127.0.0.1:{first}-{first + 2}" and line["topic"] == "app.{port}"
    rows = get(in_, "/api/topics").json["topics"]
    assert [(row["topic"], row["listen"]) for row in rows] == [
        (f"app.{port}", f"127.0.0.1:{port}") for port in range(first, first + 3)]
    for port in range(first, first + 3):
        expect_failed_open(port)
        in_.wait_event("open_failed", topic=f"app.{port}")
    expect_refused(first + 3)


def test_one_port_more_or_less_does_not_touch_the_others(run):
    proxy = run.proxy()
    first = free_range(4)
    out = run.out(proxy, {f"app.{first + 1}": echo_server(run).port})
    out.wait_event("registered")
    in_ = ranged(run, proxy, first, first + 2)
    with connect(first + 1) as client:
        expect_echo(client)
        network = in_.config["networks"][0]
        reload(in_, changed(in_, networks=[{**network, "ports": f"{first + 1}-{first + 3}"}]))
        expect_echo(client)
    assert [e["address"] for e in in_.find("listening")][1:] == [f"127.0.0.1:{first + 3}"]
    assert [e["address"] for e in in_.find("listens no more")] == [f"127.0.0.1:{first}"]
    expect_refused(first)
    with connect(first + 1) as client:
        expect_echo(client)


@pytest.mark.parametrize("keys, problem", [
    ({"ports": "7000-7010"}, 'topic: must have {port} in it'),
    ({"ports": "7000-7010", "topic": "a.{port}", "port": 1}, 'port: has no meaning beside "ports"'),
    ({"ports": "7010-7000", "topic": "a.{port}"}, "ports: must be ports from 1 to 65535"),
    ({"ports": "1-10001", "topic": "a.{port}"}, "ports: makes more than 10000 listeners in all"),
    ({"ports": "39-41", "topic": "a.{port}"}, "listens on 127.0.0.1:40, which networks[0] has"),
])
def test_what_a_range_can_not_have_is_refused(tmp_path, keys, problem):
    server = {"server_host": "h", "server_port": 1}
    result = check({"networks": [{**server, "port": 40}, {**server, **keys}]}, tmp_path)
    assert result.returncode == 2 and problem in result.stderr, result.stderr


def test_an_error_of_a_file_names_the_entry_once(tmp_path):
    server = {"server_host": "h", "server_port": 1}
    result = check({"networks": [{**server, "ports": "7000-7003", "topic": "a.{port}"},
                                 {**server, "ports": "8000-8003", "topic": "a.{port}",
                                  "e2e": {"key_file": "none"}}]}, tmp_path)
    assert result.stderr.count("networks[1].e2e") == 1 == len(result.stderr.splitlines())
