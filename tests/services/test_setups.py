"""The set-ups of docs/security.md, as printed.

Their files and commands are taken from the page and used without a change, on a machine of their
own: network and mount namespaces with nothing but loopback, where relay.example.com is 127.0.0.1.
"""
import json
import os
import re
import shutil
import subprocess

import pytest

import harness
from harness import ROOT
from service import command, need
from wan import require, require_name_files

PAGE = ROOT / "docs/security.md"
NGINX, MUTUAL, END_TO_END = "Plain behind nginx", "Mutual TLS", "End to end"
WEB_PORT, STRANGER_PORT = 8000, 8081  # the page says the first
# $0 and $1 are its names; it lasts until its standard input ends, as it does with this process.
MACHINE = """ip link set lo up && mount --bind "$0" /etc/hosts &&
mount --bind "$1" /etc/nsswitch.conf && echo up && exec cat"""


def printed(heading):
    """[(file name or None, text)] of a section of the page, in its order."""
    section = PAGE.read_text().split(f"\n### {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    blocks, name, code = [], None, []
    for line in [*section.splitlines(), "the end"]:
        if line.startswith("    ") or (code and not line):
            code.append(line[4:])
        elif line:
            if code:
                blocks.append((name, "\n".join(code).strip() + "\n"))
            is_name = re.fullmatch("`([^`]+)`:", line)
            name, code = is_name[1] if is_name else None, []
    return blocks


class Machine:
    """Processes enter it by the prefix of their command lines."""

    def __init__(self, directory):
        require_name_files()
        hosts, switch = directory / "hosts", directory / "nsswitch.conf"
        hosts.write_text("127.0.0.1 localhost relay.example.com\n")
        switch.write_text("hosts: files\n")
        root = os.geteuid() == 0
        self.holder = subprocess.Popen(
            ["unshare", *([] if root else ["--user", "--map-root-user"]), "--net", "--mount",
             "sh", "-c", MACHINE, hosts, switch],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        is_up = self.holder.stdout.readline() == "up\n"
        if not is_up:
            self.close()
        require(is_up, "network and mount namespaces need root or unprivileged user namespaces")
        self.prefix = ["nsenter", f"--target={self.holder.pid}", "--net", "--mount",
                       *([] if root else ["--user", "--preserve-credentials"])]

    def close(self):
        self.holder.communicate("", timeout=10)


class Process:
    """A daemon that is no program of ours, its output left to pytest."""

    def __init__(self, command_line, **options):
        self.process = subprocess.Popen([str(part) for part in command_line], **options)

    def close(self):
        self.process.terminate()
        self.process.wait(10)


class SetUp:
    """One of the page's, made and running: files and programs by the program's name."""

    def __init__(self, run, directory, heading):
        self.run, self.directory = run, directory
        self.files, self.programs, self.client_says = {}, {}, []
        self.machine = run.own(Machine(directory))
        (directory / "scripts").symlink_to(ROOT / "scripts")
        for name, text in printed(heading):
            self._make(name, text)
        self._serve_a_page()
        if "nginx" in self.files:
            self._start_nginx()
        for name in ("proxy", "out", "in"):
            self.start(name)
        self.programs["out"].wait_event("registered", timeout=20)
        self.programs["in"].wait_event("listening")

    def _make(self, name, text):
        """Does what a block of the page is for."""
        if name:
            file = self.directory / name
            file.write_text(text)
            self.files[file.stem] = file
        elif text.startswith("curl "):
            self.client_says.append(text.strip())
        else:
            self.shell(text)

    def shell(self, text):
        command("bash", "-euc", text, cwd=self.directory,
                env={**os.environ, "PATH": f"{harness.BIN}:{os.environ['PATH']}"})

    def _serve_a_page(self):
        www = self.directory / "www"
        www.mkdir()
        (www / "index.html").write_bytes(os.urandom(300_000))
        with (self.directory / "requests").open("wb") as requests:
            server = self.run.own(Process(
                [*self.machine.prefix, "/usr/bin/python3", "-u", "-m", "http.server", WEB_PORT,
                 "--bind", "127.0.0.1", "--directory", www],
                stdout=subprocess.PIPE, stderr=requests))
        assert b"Serving" in server.process.stdout.readline()

    def _start_nginx(self):
        need("/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream")
        # As root, because a user namespace has no other user.
        self.run.own(Process(
            [*self.machine.prefix, need("nginx", "nginx"), "-c", self.files["nginx"],
             "-e", "stderr", "-g", f"daemon off; user root; pid {self.directory}/nginx.pid;"]))

    def start(self, name, **changes):
        """Starts a program on its printed file, or on a copy beside it that has these values at
        its top, and those of `network` in its network. None: the key is left out."""
        file = self.files[name]
        if changes:
            config = json.loads(file.read_text())
            put(config.get("networks", [{}])[0], changes.pop("network", {}))
            put(config, changes)
            file = file.with_name("changed.json")
            file.write_text(json.dumps(config))
        program = self.run.program(name, args=["--config", str(file)], prefix=self.machine.prefix)
        self.programs.setdefault(name, program)
        return program

    def replace(self, name, **changes):
        """Ends a program and starts it anew. An `out` is started first: it takes the topic over,
        and the old one's streams go on."""
        old = self.programs.pop(name)
        registered = len(self.programs["out"].find("registered")) if name == "proxy" else 0
        if name == "out":
            self.start(name, **changes).wait_event("registered")
            assert old.stop() == 0
        else:
            assert old.stop() == 0
            self.start(name, **changes).wait_event("listening")
        if name == "proxy":
            self.programs["out"].wait_event("registered", count=registered + 1)

    def fetch(self, line):
        return command(*self.machine.prefix, *line.split(), "--silent", "--max-time", "20",
                       "--output", self.directory / "answer", check=False)

    def expect_page(self):
        [line] = self.client_says
        assert self.fetch(line).returncode == 0
        assert ((self.directory / "answer").read_bytes()
                == (self.directory / "www/index.html").read_bytes())

    def expect_refusal(self, name, changes):
        """A program with these changes gets nothing; returns the line that says so."""
        if name == "in":
            network = {"port": STRANGER_PORT, **changes.get("network", {})}
            stranger = self.start(name, **{**changes, "network": network})
            stranger.wait_event("listening")
            assert self.fetch(f"curl http://127.0.0.1:{STRANGER_PORT}/").returncode != 0
            line = stranger.wait_event("open_failed")
        else:
            stranger = self.start(name, **changes)
            line = stranger.wait_event("not registered", timeout=20)
            assert not stranger.find("registered")
        stranger.stop()
        return line


def put(config, changes):
    for key, value in changes.items():
        if value is None:
            config.pop(key, None)
        else:
            config[key] = value


@pytest.fixture
def set_up(run, tmp_path):
    need("openssl", "openssl")
    need("curl", "curl")
    return lambda heading: SetUp(run, tmp_path, heading)


@pytest.mark.parametrize("heading", [NGINX, MUTUAL, END_TO_END])
def test_a_set_up_carries_a_page_as_printed(set_up, heading):
    site = set_up(heading)
    for _ in range(3):
        site.expect_page()
    for program in site.programs.values():
        program.wait_event("stream", count=3)


NO_CERTIFICATE = {"tls": {"ca": "ca.crt"}}
OTHER_CA = {"tls": {"ca": "ca.crt", "cert": "../other/site-a.crt", "key": "../other/site-a.key"}}
SITE_A = {"tls": {"ca": "ca.crt", "cert": "../site-a/site-a.crt", "key": "../site-a/site-a.key"}}
SITE_B = {"tls": {"ca": "ca.crt", "cert": "../site-b/site-b.crt", "key": "../site-b/site-b.key"}}
PLAIN = {"tls": None}
OTHER_PIN = {"tls": {"pin": "sha256/" + "A" * 43 + "="}}
NO_PROOF = {"auth": None}
WRONG_SECRET = {"auth": {"id": "site-a", "secret_file": "../other/secret"}}
# What nginx has to say: an end, or a reset if it is a newer one.
NO_ANSWER = "answer (is it an inout proxy"
# What makes a stranger of a site, and what it is told.
STRANGERS = {
    NGINX: [("in", NO_CERTIFICATE, NO_ANSWER),
            ("in", OTHER_CA, NO_ANSWER),
            ("in", PLAIN, NO_ANSWER), ("out", NO_CERTIFICATE, NO_ANSWER)],
    MUTUAL: [("in", NO_CERTIFICATE, "certificate required"), ("in", OTHER_CA, "unknown ca"),
             ("in", PLAIN, "demands TLS"),
             ("in", SITE_B, "not permitted"),
             ("in", {"network": {"topic": "ssh"}}, "not permitted"),
             ("in", {"network": {"topic": "db.x"}}, "no_topic"),  # this one is permitted
             ("out", NO_CERTIFICATE, "certificate required"), ("out", PLAIN, "demands TLS"),
             ("out", SITE_A, "not permitted")],
    END_TO_END: [("in", OTHER_PIN, "TLS: "), ("in", PLAIN, "demands TLS"),
                 ("in", NO_PROOF, "not permitted"), ("in", WRONG_SECRET, "not permitted"),
                 ("in", {"network": {"e2e": {"key_file": "../other/secret"}}}, "e2e"),
                 ("in", {"network": {"e2e": None}}, "e2e"),
                 ("out", OTHER_PIN, "TLS: "), ("out", PLAIN, "demands TLS"),
                 ("out", NO_PROOF, "not permitted"), ("out", WRONG_SECRET, "not permitted")],
}


@pytest.mark.parametrize("heading", STRANGERS)
def test_strangers_get_nothing_and_change_nothing(set_up, heading):
    site = set_up(heading)
    site.shell("scripts/certs.sh other client site-a; out --new-key other/secret")
    for name, changes, told in STRANGERS[heading]:
        line = site.expect_refusal(name, changes)
        words = [line.get(field, "") for field in ("code", "detail", "reason")]
        assert told in " ".join(words), (name, changes, line)
    site.expect_page()
    assert len(site.programs["out"].find("registered")) == 1
    assert (site.directory / "requests").read_text().count("GET") == 1


def test_keys_change_one_program_at_a_time_without_a_page_lost(set_up):
    site = set_up(END_TO_END)
    site.shell("""for file in relay/site-a-2 relay/site-b-2 site-b/new; do
        out --new-key $file
        done
        cp -p relay/site-a-2 site-b/new site-a; cp -p relay/site-b-2 site-b""")
    old_keys = json.loads(site.files["proxy"].read_text())["auth"]["keys"]
    new_keys = [{**key, "id": key["id"] + "-2", "secret_file": key["id"] + "-2"}
                for key in old_keys]
    new_a, new_b = ({"id": key["id"], "secret_file": key["secret_file"]} for key in new_keys)

    for name, changes in (
            ("proxy", {"auth": {"keys": old_keys + new_keys}}),
            ("out", {"auth": new_b, "network": {"e2e": {"key_file": "web.e2e",
                                                        "also_accept": "new"}}}),
            ("in", {"auth": new_a, "network": {"e2e": {"key_file": "new"}}}),
            ("out", {"auth": new_b, "network": {"e2e": {"key_file": "new"}}}),
            ("proxy", {"auth": {"keys": new_keys}})):
        site.replace(name, **changes)
        site.expect_page()
    assert site.expect_refusal("in", {"network": {"e2e": {"key_file": "new"}}})["code"] == "denied"


@pytest.mark.parametrize("name", ["inout-in@", "inout-out@", "inout-proxy"])
def test_a_unit_is_rated_as_hardened(name, tmp_path):
    # in tenths: what systemd calls OK begins below 5.0
    unit = tmp_path / f"{name}{'site' if name.endswith('@') else ''}.service"
    shutil.copy(ROOT / f"packaging/{name}.service", unit)
    command(need("systemd-analyze", "systemd"), "security", "--offline=true", "--threshold=15",
            "--no-pager", unit)
