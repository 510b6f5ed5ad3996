"""The scripts of a checkout say in words what they do not know or can not do."""
import os
import subprocess

import pytest

from harness import PATIENCE, ROOT

SCRIPTS = ROOT / "scripts"


def call(*command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                          timeout=60 * PATIENCE, **options)


@pytest.mark.parametrize("command", [["demo.sh", "--onc"], ["test.sh", "asan"],
                                     ["test.sh", "--no-install", "--presett", "asan"],
                                     ["certs.sh", "pki", "sever", "relay"], ["tidy", "--fst"],
                                     ["package.sh", "dep"], ["package.sh", "deb", "--form", "x"],
                                     ["release.sh", "--arm64"], ["pages", "--chek"]],
                         ids=lambda command: " ".join(command))
def test_an_unknown_option_is_named_and_what_there_is_follows(command, tmp_path):
    done = call(SCRIPTS / command[0], *command[1:])
    assert done.returncode == 2
    first = done.stderr.splitlines()[0]
    assert any(argument in first for argument in command[1:]), done.stderr
    assert f"scripts/{command[0]}" in done.stderr  # the usage
    assert not (ROOT / "pki").exists()


def test_without_root_and_sudo_the_command_to_run_as_root_is_named():
    library = (SCRIPTS / "lib.sh").read_text() + "\nPATH=/nonexistent\nas_root apt-get update\n"
    user = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    done = call(*user, "bash", "-c", library, "scripts/demo.sh")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("as root, first: apt-get update")
    assert "no sudo" in done.stderr
