"""What the programs are made with, and what they hide and reserve when they start."""
import os
import re
import resource
import signal
import subprocess

import pytest

import harness
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
