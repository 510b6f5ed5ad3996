"""Manual pages and completions: they have what the programs' --help has, and their readers take them."""
import os
import re
import shutil
import subprocess

import pytest

import wan
from harness import BIN, ROOT

PROGRAMS = ("in", "out", "proxy")
PAGES = sorted((ROOT / "packaging/man").iterdir())
COMPLETIONS = ROOT / "packaging/completions"


def call(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def need(tool):
    wan.require(shutil.which(tool), f"{tool} is not installed (scripts/lib.sh, package)")


def options_of(name):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", call(BIN / name, "--help").stdout.partition("Options:")[2]))


def test_they_are_what_scripts_pages_makes_of_help_and_docs():
    done = call(ROOT / "scripts/pages", "--check", BIN.resolve())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_read_without_a_warning(page):
    need("man")
    done = subprocess.run(["man", "--warnings", "--local-file", page], capture_output=True, text=True,
                          env={**os.environ, "MANROFFSEQ": "", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.count("\n") > 20


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_page_has_each_option(name):
    page = (ROOT / f"packaging/man/inout-{name}.1").read_text().replace("\\-", "-")
    assert options_of(name) == set(re.findall(r"\\fB(--[a-z-]+)\\fR", page.split(".SH EXIT STATUS")[0]))


def bash(*words):
    need("bash")
    script = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _inout; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = call("bash", "-c", script, COMPLETIONS / "inout", *words)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return set(done.stdout.split())


def fish(*words):
    need("fish")
    done = call("fish", "--no-config", "-c", f"source {COMPLETIONS / 'inout.fish'}; "
                f"complete --do-complete '{' '.join(words)}'")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return {line.split("\t")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("complete", [bash, fish])
def test_a_shell_completes_programs_options_and_values(complete):
    assert {*PROGRAMS, "doctor"} <= complete("inout", "")
    assert complete("inout", "pro") == {"proxy"}
    assert complete("inout", "doctor", "") == {"in", "out", "proxy"}
    for name in PROGRAMS:
        assert options_of(name) <= complete("inout", name, "--") | {"--help"}
    assert complete("inout", "in", "--log-level", "") == {"debug", "info", "warning", "error"}
    assert complete("inout", "out", "--log-format", "j") == {"json"}


def test_zsh_reads_its_completion():
    need("zsh")
    done = call("zsh", "-f", "-n", COMPLETIONS / "_inout")
    assert (done.returncode, done.stderr) == (0, "")
    for name in PROGRAMS:
        text = (COMPLETIONS / "_inout").read_text().partition(f"        {name}) ")[2].partition(";;")[0]
        assert options_of(name) == set(re.findall(r"'\*?(--[a-z-]+)\[", text))
