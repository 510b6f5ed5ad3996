"""What the programs are made with, and what they hide and reserve when they start."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import tempfile

import pytest

import harness
import wan
from harness import connect, free_port, wait_for

PROGRAMS = ["in", "out", "proxy"]


def tool(*command):
    return subprocess.run([str(part) for part in command], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_hardened(name):
    """gcc(1): PIE, RELRO and BIND_NOW, stack protector, FORTIFY, CET, checked containers. A
    sanitizer's build has its own checks in their place, and only the last."""
    program = harness.BIN / name
    symbols = tool("nm", "-D", "--undefined-only", program)
    assert "__glibcxx_assert_fail" in symbols or "__replacement_assert" in tool("nm", program)
    if re.search("__[at]san_init", symbols):
        return
    assert re.search(r"Type:\s+DYN", tool("readelf", "-h", program))
    segments = tool("readelf", "-lW", program)
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK.* RW ", segments) and not re.search(r" RWE ", segments)
    dynamic = tool("readelf", "-dW", program)
    assert re.search(r"FLAGS_1.*NOW.*PIE", dynamic)
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__\w+_chk\b", symbols.replace("__stack_chk_fail", ""))
    if os.uname().machine == "x86_64":
        assert "endbr64" in tool("objdump", "-d", "--no-show-raw-insn", "--disassemble=main", program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_crash_leaves_no_core_with_secrets(name, tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    config = tmp_path / "config.json"
    os.mkfifo(config)  # it waits there, and has done what comes before
    environment = {key: value for key, value in os.environ.items() if key != "INOUT_DUMPABLE"}
    process = subprocess.Popen(
        [harness.BIN / name, "--config", config], cwd=tmp_path, env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)))

    def limited():
        with open(f"/proc/{process.pid}/limits") as limits:
            return re.search(r"Max core file size\s+0\s+0", limits.read())
    try:
        wait_for(limited, what="limit of core files")
    finally:
        process.send_signal(signal.SIGKILL if process.poll() is None else 0)
        process.wait()


NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


@pytest.fixture
def public():
    """A directory with the programs that everybody may read: neither a checkout nor pytest's is."""
    wan.require(os.geteuid() == 0, "another user's programs need root to start them")
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        for program in PROGRAMS:
            shutil.copy(harness.BIN / program, directory)
        yield directory


def user_can_read(pid, name):
    return subprocess.run(["cat", f"/proc/{pid}/{name}"], **NOBODY,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("dumpable", [False, True])
def test_others_of_its_user_can_not_read_a_programs_memory(public, name, dumpable):
    config = public / "config.json"
    os.mkfifo(config)
    os.chown(config, NOBODY["user"], NOBODY["group"])
    process = subprocess.Popen([public / name, "--config", config], **NOBODY, cwd=public,
                               env={**os.environ, "INOUT_DUMPABLE": str(int(dumpable))})
    try:
        def prepared():
            with open(f"/proc/{process.pid}/status") as status:
                return re.search(r"SigIgn:\s*[4-7c-f]\w{15}\s", status.read())  # SIGRTMAX - 1

        def owned():  # prctl(2): what is not dumpable belongs to root in /proc
            owner = os.stat(f"/proc/{process.pid}/environ").st_uid
            return (owner == NOBODY["user"]) == dumpable
        wait_for(prepared, what="a program that ignores real-time signals")
        wait_for(owned, what="owner in /proc")
        assert user_can_read(process.pid, "environ") == dumpable
        with open(f"/proc/{process.pid}/limits") as limits:
            cores = re.search(r"Max core file size\s+(\w+)", limits.read()).group(1)
        assert dumpable or cores == "0"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("processes", range(1, 5))
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_gets_no_threads_says_so_and_can_not_start(public, name, processes):
    """Of six: its first one, those of the log and of names, and three more workers."""
    config = public / "config.json"
    network = {"server_host": "127.0.0.1", "server_port": 1, "topic": "t"}
    more = {"in": {"networks": [{**network, "bind": "127.0.0.1", "port": 0}]},
            "out": {"networks": [{**network, "backend_host": "127.0.0.1", "backend_port": 1}]},
            "proxy": {"bind": "127.0.0.1", "port": 0}}
    config.write_text(json.dumps({"threads": 4, **more[name]}))
    done = subprocess.run(
        [public / name, "--config", config], **NOBODY, cwd=public, text=True,
        stderr=subprocess.PIPE, timeout=20 * harness.PATIENCE,
        # A tracer of leaks would be one thread more.
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes)))
    assert done.returncode == 1, done.stderr
    assert "cannot start" in done.stderr and "no threads" in done.stderr


def test_a_program_without_standard_descriptors_lends_their_numbers_to_nobody(run):
    """As some service managers and cron jobs start one: 0, 1 and 2 are closed."""
    port = free_port()
    process = subprocess.Popen(["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-',
                                harness.BIN / "proxy", "--bind", f"127.0.0.1:{port}"])
    try:
        def listens():
            try:
                connect(port).close()
                return True
            except ConnectionRefusedError:
                return False
        wait_for(listens, what="listener")
        for number in range(3):
            assert os.readlink(f"/proc/{process.pid}/fd/{number}") == "/dev/null"
        process.terminate()
        assert process.wait(10 * harness.PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
