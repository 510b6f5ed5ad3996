"""The Debian package: what is in it, what lintian says of it, and that it is installed, upgraded
under running streams and removed, in a machine of the test's own."""
import os
import re
import shutil
import signal
import subprocess

import pytest

import harness
import wan
from harness import BIN, ROOT, echo_server, expect_echo
from machine import Machine

OLD, NEW = "0.0.9", "0.1.0"


def output(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    """The package of the programs that are tested."""
    for tool in ("dh", "lintian", "dpkg-buildpackage"):
        wan.require(shutil.which(tool), f"{tool} is not installed (scripts/lib.sh, package)")
    folder = tmp_path_factory.mktemp("package")
    output(ROOT / "scripts/package.sh", "deb", "--no-install", "--from", BIN.resolve().parent,
           "--output", folder, env={**os.environ, "DEB_BUILD_OPTIONS": "noautodbgsym"})
    yield folder / f"inout_{NEW}_{architecture()}.deb"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def old_deb(deb, tmp_path_factory):
    """The same as an older version."""
    folder = tmp_path_factory.mktemp("old")
    output("dpkg-deb", "--raw-extract", deb, folder / "files")
    control = folder / "files/DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {NEW}", f"Version: {OLD}"))
    output("dpkg-deb", "--build", "-Znone", folder / "files", folder / "old.deb")
    shutil.rmtree(folder / "files")
    return folder / "old.deb"


def architecture():
    return output("dpkg", "--print-architecture").strip()


def test_lintian_finds_nothing(deb):
    assert output("lintian", "--fail-on=error,warning,info,pedantic", "--allow-root", deb) == ""


def test_programs_pages_completions_units_and_examples_are_in_it(deb):
    files = set(re.findall(r"\./(\S+)$", output("dpkg-deb", "--contents", deb), re.MULTILINE))
    for name in ("in", "out", "proxy"):
        assert f"usr/libexec/inout/{name}" in files
        assert f"usr/share/man/man1/inout-{name}.1.gz" in files
    for file in ("usr/bin/inout", "usr/share/man/man1/inout.1.gz", "usr/share/man/man5/inout.json.5.gz",
                 "usr/share/bash-completion/completions/inout",
                 "usr/share/zsh/vendor-completions/_inout",
                 "usr/share/fish/vendor_completions.d/inout.fish", "usr/lib/sysusers.d/inout.conf",
                 "lib/systemd/system/inout-proxy.service", "lib/systemd/system/inout-in@.service",
                 "lib/systemd/system/inout-out@.service", "usr/share/doc/inout/examples/in.json"):
        assert file in files
    assert not any(re.match(r"usr/s?bin/(in|out|proxy)$", file) for file in files)
    assert "libnats" in output("dpkg-deb", "--field", deb, "Depends")


@pytest.fixture
def machine(run, tmp_path):
    return Machine(run, tmp_path / "machine")


def install(machine, deb):
    # Images of containers leave pages and documents out (dpkg.cfg.d).
    return machine.call("dpkg", "--path-include=/usr/share/*", "--install", machine.bring(deb))


def test_it_is_installed_and_removed(machine, deb):
    install(machine, deb)
    assert machine.call("inout", "--version").stdout == f"inout {NEW}\n"
    assert machine.call("inout", "proxy", "--version").stdout.startswith(f"proxy {NEW}")
    assert machine.call("stat", "--format=%U:%G %a", "/etc/inout").stdout == "root:inout 2750\n"
    units = [f"/lib/systemd/system/inout-{name}.service" for name in ("proxy", "in@", "out@")]
    assert machine.call("systemd-analyze", "verify", "--man=no", *units).stdout == ""
    for page in ("inout", "inout-in", "inout-out", "inout-proxy", "inout.json"):
        assert "inout" in machine.call("man", page, env={**os.environ, "MANPAGER": "cat"}).stdout
    log = machine.call("cat", "/run/systemctl.log", check=False).stdout
    assert not re.search(r"\b(start|restart|enable|kill)\b", log)  # it has no configuration yet

    machine.write("/etc/inout/proxy.json", "{}")
    machine.call("dpkg", "--remove", "inout")
    assert machine.call("test", "-e", "/usr/bin/inout", check=False).returncode == 1
    assert machine.call("cat", "/etc/inout/proxy.json").stdout == "{}"
    machine.call("dpkg", "--purge", "inout")
    assert "inout" not in machine.call("sh", "-c", "ls /etc/systemd/system /lib/systemd/system").stdout


def test_an_upgrade_hands_over_and_no_stream_ends(run, machine, deb, old_deb):
    install(machine, old_deb)
    proxy = machine.unit("inout-proxy", "proxy", {"port": 0})
    network = {"server_host": "127.0.0.1", "server_port": proxy.port(), "topic": "t"}
    out = machine.unit("inout-out@a", "out", {"networks": [
        {**network, "backend_host": "127.0.0.1", "backend_port": echo_server(run).port}]})
    out.wait_event("registered")
    in_ = machine.unit("inout-in@a", "in", {"networks": [{**network, "port": 0}]})
    port = in_.port(topic="t")
    with harness.connect(port) as client:
        expect_echo(client)
        programs = (proxy, out, in_)
        for program in programs:
            program.expected_end = True
        try:
            install(machine, deb)
            log = machine.call("cat", "/run/systemctl.log").stdout
            assert log.count("kill --kill-whom=main --signal=USR2 ") == 3 and "restart" not in log
            for program in programs:
                program.wait_event("upgraded")
            expect_echo(client)
            with harness.connect(port) as other:
                expect_echo(other)
        finally:
            for program in programs:
                for upgraded in program.find("upgraded"):
                    os.kill(upgraded["pid"], signal.SIGKILL)
