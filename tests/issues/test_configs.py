"""What stands in configs/ works together as it is, in a network namespace with nothing else in it;
and the pages print configurations that are accepted."""
import os
import re
import shlex
import shutil
import socket
import subprocess

import pytest

from harness import BIN, PATIENCE, ROOT, Server, read_exactly
from wan import inside, new_namespace, prefix, require

CONFIGS = ROOT / "configs"
MYSQL, SSH = b"J\0\0\0\x0a8.0.36\0", b"SSH-2.0-"  # what each says first


class Machine:
    """A namespace with loopback and these addresses on it; owned by a Runner."""

    def __init__(self, run, *addresses):
        require(os.geteuid() == 0, "network namespaces need root")
        self.run = run
        self.namespace = new_namespace()
        run.own(self)
        for command in ("link set lo up", *(f"addr add {a}/32 dev lo" for a in addresses)):
            subprocess.run([*self.prefix(), "ip", *command.split()], check=True)

    def prefix(self):
        return prefix(self.namespace)

    def backend(self, port, greeting):
        def greet(s):
            s.sendall(greeting)
            s.recv(1)
            s.close()
        return self.run.own(inside(self.namespace, Server, greet, port=port))

    def program(self, name, file=None, *args):
        if file:
            args = ("--config", str(CONFIGS / file), *args)
        return self.run.program(name, args=args, prefix=self.prefix())

    def first_bytes(self, port, count):
        with inside(self.namespace, socket.create_connection, ("127.0.0.1", port), 10) as s:
            s.settimeout(20 * PATIENCE)
            return read_exactly(s, count)

    def close(self):
        os.close(self.namespace)


def test_the_three_files_bring_ssh_to_ssh_and_mysql_to_mysql(run):
    machine = Machine(run)
    machine.backend(22, SSH)
    machine.backend(3306, MYSQL)
    machine.program("proxy", "proxy.json").wait_event("listening")
    machine.program("out", "out.json").wait_event("registered", count=2)
    machine.program("in", "in.json").wait_event("listening", count=2)
    assert machine.first_bytes(2201, len(SSH)) == SSH
    assert machine.first_bytes(13306, len(MYSQL)) == MYSQL


def test_the_file_for_several_proxies_serves_each_of_them(run):
    relays = ["192.168.1.2", "192.168.1.3", "192.168.1.4"]
    machine = Machine(run, *relays)
    machine.backend(3306, MYSQL)
    for relay in relays:
        machine.program("proxy", None, "--bind", f"{relay}:40001").wait_event("listening")
    machine.program("out", "out-scale-out.json").wait_event("registered", count=3)
    for number, relay in enumerate(relays):
        port = 13306 + number
        machine.program("in", None, "--server", f"{relay}:40001", "--bind", str(port), "--topic",
                        "mysql").wait_event("listening")
        assert machine.first_bytes(port, len(MYSQL)) == MYSQL


@pytest.mark.parametrize("file", sorted(path.name for path in CONFIGS.glob("*.json")))
def test_a_file_of_configs_is_accepted_without_a_warning(file):
    done = check(file.split(".")[0].split("-")[0], CONFIGS / file)
    assert done.returncode == 0, done.stderr
    assert str(CONFIGS / file) not in done.stderr


def check(name, file):
    return subprocess.run([BIN / name, "--check", "--config", file], capture_output=True,
                          text=True, timeout=10 * PATIENCE)


# --- docs/coming-from.md ---

PAGE = ROOT / "docs/coming-from.md"


def printed():
    """[(heading, what, text)]: `what` is the file's name in front of a block, or "shell"."""
    blocks, heading, what, code = [], "", "shell", []
    for line in [*PAGE.read_text().splitlines(), "the end"]:
        if line.startswith("    ") or (code and not line):
            code.append(line[4:])
        elif line:
            if code:
                blocks.append((heading, what, "\n".join(code).strip() + "\n"))
                what, code = "shell", []
            if line.startswith("#"):
                heading = line.lstrip("# ")
            elif name := re.search(r"`([\w./-]+\.(?:json|toml))`[^`]*:$", line):
                what = name[1]
    return blocks


def test_the_page_has_both_sides_for_each_peer():
    peers = {heading for heading, _, _ in printed()}
    for peer in ("ssh", "frp", "rathole", "chisel"):
        assert any(peer in heading for heading in peers), peers


def test_every_configuration_on_the_page_is_accepted(tmp_path):
    if shutil.which("openssl") is None:
        require(False, "openssl is missing: apt-get install openssl")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    seen = 0
    for heading, what, text in printed():
        if heading == "Keys and certificates once" and what == "shell":
            subprocess.run(["bash", "-euc", text], cwd=tmp_path, env=environment, check=True,
                           stdout=subprocess.DEVNULL, timeout=30 * PATIENCE)
        elif what.endswith(".json"):
            file = tmp_path / what
            file.write_text(text)
            done = check(file.stem, file)
            assert done.returncode == 0, (heading, what, done.stderr)
            assert f"{file}:" not in done.stderr, (heading, what, done.stderr)
            seen += 1
    assert seen >= 7


def test_every_command_of_ours_on_the_page_is_accepted():
    seen = 0
    for heading, what, text in printed():
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if what == "shell" and words and words[0] in ("proxy", "./out", "./in", "out"):
                if "--new-key" in words:
                    continue
                name = words[0].removeprefix("./")
                done = subprocess.run([BIN / name, "--check", *words[1:]], capture_output=True,
                                      text=True, timeout=10 * PATIENCE)
                assert done.returncode == 0, (heading, line, done.stderr)
                seen += 1
    assert seen >= 3
