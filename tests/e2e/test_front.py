"""The front program `inout`: it becomes the program that its first word names, from libexec or from
the folder beside it, and says what it knows where it does not know a word."""
import os
import shutil
import subprocess

import pytest

import harness
from harness import BIN

PROGRAMS = ("in", "out", "proxy")


def call(*words, front=BIN / "inout", **options):
    return subprocess.run([str(front), *words], capture_output=True, text=True,
                          timeout=10 * harness.PATIENCE, **options)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_first_word_names_the_program(name):
    for flag in ("--version", "--help", "--check", "--no-such-flag"):
        through, direct = call(name, flag), call(flag, front=BIN / name)
        assert (through.returncode, through.stdout, through.stderr) == (
            direct.returncode, direct.stdout, direct.stderr)


def test_the_program_takes_its_place_and_is_signalled_as_it_is(run):
    process = subprocess.Popen([BIN / "inout", "proxy", "--bind", "127.0.0.1:0"],
                               stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if " listening " in line)
        assert "127.0.0.1:" in line
        assert os.readlink(f"/proc/{process.pid}/exe") == str((BIN / "proxy").resolve())
        process.terminate()
        assert process.wait(10 * harness.PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.stderr.close()
        process.wait()


def test_help_and_version_are_its_own():
    help_ = call("--help")
    assert help_.returncode == 0 and help_.stderr == ""
    for word in (*PROGRAMS, "doctor", "--version"):
        assert word in help_.stdout
    assert call("--version").stdout.split()[1] == call("--version", front=BIN / "in").stdout.split()[1]


@pytest.mark.parametrize("words, named", [
    ((), "which program"), (("inn",), '"inn" is none of'), (("",), '"" is none of'),
    (("../in",), '"../in" is none of'), (("--check",), '"--check" is none of')],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "")
def test_another_word_is_named_with_what_there_is(words, named):
    done = call(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert named in done.stderr
    assert "in, out, proxy, doctor, --help and --version" in done.stderr


def test_doctor_is_an_option_of_the_program(tmp_path):
    for name in ("in", "out"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$0" "$@"\n')
        (tmp_path / name).chmod(0o755)
    front = shutil.copy(BIN / "inout", tmp_path)
    assert call("doctor", "in", "--topic", "a b", front=front).stdout == (
        f"{tmp_path}/in --doctor --topic a b\n")
    for words in (["doctor"], ["doctor", "inout"]):
        done = call(*words, front=front)
        assert done.returncode == 2 and "doctor: the next word is in, out or proxy" in done.stderr


def test_libexec_comes_first_and_a_link_to_it_finds_the_programs(tmp_path):
    for folder in ("bin", "libexec/inout"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "in").write_text('#!/bin/sh\necho "$0"\n')
        (tmp_path / folder / "in").chmod(0o755)
    front = shutil.copy(BIN / "inout", tmp_path / "bin")
    wanted = f"{tmp_path}/libexec/inout/in\n"
    assert call("in", front=front).stdout == wanted
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    assert call("in", front="inout", env={**os.environ, "PATH": path}).stdout == wanted
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere/inout"
    link.symlink_to(front)
    assert call("in", front=link).stdout == wanted


def test_what_is_missing_or_can_not_run_is_said_with_its_place(tmp_path):
    front = shutil.copy(BIN / "inout", tmp_path)
    done = call("out", front=front)
    assert done.returncode == 1
    assert "no such file" in done.stderr and str(tmp_path) in done.stderr
    (tmp_path / "out").mkdir()
    done = call("out", front=front)
    assert done.returncode == 1 and f"{tmp_path}/out: Permission denied" in done.stderr
