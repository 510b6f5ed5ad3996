"""OpenSSH through the tunnel, with host and user keys made for the test."""
import getpass
import json
import os
import pathlib
import shlex

import pytest

import secure
from harness import BIN, free_port
from service import AS_ROOT, MIB, Service, command, need, random_file, sha256, streams


class Sshd:
    """A running sshd with its own keys, and the client options that go with them."""

    def __init__(self, run, directory):
        sshd = need("sshd", "openssh-server")  # wants to be started by its full path
        self.ssh = need("ssh", "openssh-client")
        self.scp = need("scp", "openssh-client")
        if AS_ROOT:
            # The privilege separation directory is compiled in; the packaged service makes it.
            pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for key in ("host_key", "user_key"):
            command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / key)
        host_key = (directory / "host_key.pub").read_text()
        (directory / "known_hosts").write_text(f"tunnelled {host_key}")
        (directory / "sshd_config").write_text(f"""
            HostKey {directory}/host_key
            AuthorizedKeysFile {directory}/user_key.pub
            PidFile none
            PasswordAuthentication no
            Subsystem sftp internal-sftp
            # {directory} lies below a directory that all may write to.
            StrictModes no
        """)
        port = free_port()
        self.service = run.own(Service(
            [sshd, "-D", "-e", "-f", directory / "sshd_config", "-p", port,
             "-o", "ListenAddress=127.0.0.1"], port, directory))
        self.port = port
        self.target = f"{getpass.getuser()}@127.0.0.1"
        self.options = ["-F", "none", "-i", directory / "user_key", "-o", "IdentitiesOnly=yes",
                        "-o", "BatchMode=yes", "-o", "HostKeyAlias=tunnelled",
                        "-o", "StrictHostKeyChecking=yes",
                        "-o", f"UserKnownHostsFile={directory}/known_hosts"]


@pytest.fixture
def sshd(run, tmp_path):
    return Sshd(run, tmp_path)


def test_a_shell_command_keeps_its_input_output_errors_and_exit_code(run, sshd):
    chain = run.chain(sshd.port, "ssh")
    done = command(sshd.ssh, *sshd.options, "-p", chain.port, sshd.target,
                   "tr a-z A-Z; echo to stderr >&2; exit 7", input="through the tunnel",
                   check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "THROUGH THE TUNNEL", "to stderr\n")
    [line] = streams(chain, 1)
    assert (line["topic"], line["reason"]) == ("ssh", "done")


def test_a_file_of_100_mb_survives_scp_there_and_back(run, sshd, tmp_path):
    chain = run.chain(sshd.port, "ssh")
    scp = [sshd.scp, "-q", *sshd.options, "-P", chain.port]
    original = random_file(tmp_path / "original", 100 * MIB)
    command(*scp, original, f"{sshd.target}:{tmp_path}/there")
    command(*scp, f"{sshd.target}:{tmp_path}/there", tmp_path / "back")
    assert sha256(tmp_path / "there") == sha256(original) == sha256(tmp_path / "back")
    there, back = sorted(streams(chain, 2), key=lambda line: line["bytes_down"])
    assert there["bytes_up"] > os.path.getsize(original)
    assert back["bytes_down"] > os.path.getsize(original)


# --- through in --stdio, as ProxyCommand ---

@pytest.fixture
def through(run, sshd, tmp_path):
    """The options of ssh, and proxy and out."""
    proxy = run.proxy()
    out = run.out(proxy, {"ssh": sshd.port})
    out.wait_event("registered")
    file = tmp_path / "in.json"
    networks = [{"server_host": "127.0.0.1", "server_port": proxy.port(), "port": 0, "topic": topic}
                for topic in ("ssh", "nobody")]
    file.write_text(json.dumps(secure.protect_client("in", {"networks": networks})))
    words = [BIN.resolve() / "in", "--config", file, "--topic", "ssh", "--stdio"]
    return [*sshd.options, "-o", f"ProxyCommand={shlex.join(map(str, words))}"], proxy, out


def expect_clean_ends(programs, count):
    for program in programs:
        program.wait_event("stream", count=count, timeout=20)
        codes = [line["code"] for line in program.find("stream")]
        assert codes == ["done"] * count


def test_proxy_command_keeps_input_output_errors_and_exit_code(sshd, through):
    options, *programs = through
    done = command(sshd.ssh, *options, sshd.target, "tr a-z A-Z; echo to stderr >&2; exit 7",
                   input="through the tunnel", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "THROUGH THE TUNNEL", "to stderr\n")
    expect_clean_ends(programs, 1)


def test_proxy_command_of_scp_sftp_and_rsync(sshd, through, tmp_path):
    options, *programs = through
    original = random_file(tmp_path / "original", 20 * MIB)
    command(sshd.scp, "-q", *options, original, f"{sshd.target}:{tmp_path}/scp")
    command(need("sftp", "openssh-client"), "-q", *options, "-b", "-", sshd.target,
            input=f"get {tmp_path}/scp {tmp_path}/sftp\n")
    need("rsync", "rsync")
    shell = shlex.join(map(str, [sshd.ssh, *options]))
    command("rsync", "-e", shell, tmp_path / "sftp", f"{sshd.target}:{tmp_path}/rsync")
    assert {sha256(tmp_path / name) for name in ("scp", "sftp", "rsync")} == {sha256(original)}
    expect_clean_ends(programs, 3)


def test_proxy_command_of_git(sshd, through, tmp_path):
    need("git", "git")
    options, *programs = through
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
                   "GIT_SSH_COMMAND": shlex.join(map(str, [sshd.ssh, *options]))}
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost"]
    url = f"ssh://{sshd.target}{tmp_path}/there.git"
    command("git", "init", "-q", "--bare", tmp_path / "there.git", env=environment)
    command("git", "clone", "-q", url, tmp_path / "here", env=environment)
    random_file(tmp_path / "here/file", 4 * MIB)
    command(*git, "add", "file", cwd=tmp_path / "here", env=environment)
    command(*git, "commit", "-q", "-m", "one", cwd=tmp_path / "here", env=environment)
    command(*git, "push", "-q", "origin", "HEAD", cwd=tmp_path / "here", env=environment)
    command("git", "clone", "-q", url, tmp_path / "again", env=environment)
    assert sha256(tmp_path / "again/file") == sha256(tmp_path / "here/file")
    expect_clean_ends(programs, 3)


def test_proxy_command_that_can_not_open_says_why(sshd, through):
    options, *_ = through
    options[-1] = options[-1].replace("--topic ssh", "--topic nobody")
    done = command(sshd.ssh, *options, sshd.target, "true", check=False)
    assert done.returncode == 255
    assert "code=no_topic" in done.stderr
