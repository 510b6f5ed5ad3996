"""OpenSSH through the tunnel, with host and user keys made for the test."""
import getpass
import os
import pathlib

import pytest

from harness import free_port
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
