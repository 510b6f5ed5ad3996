"""What the service tests share: finding a service, starting a throw-away instance, comparing.

Every instance has its own data under the test's tmp_path, listens on loopback only, and is ended
by its pid through the `run` fixture.
"""
import hashlib
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

from harness import PATIENCE, wait_for

AS_ROOT = os.geteuid() == 0
# Debian keeps daemons where a user's PATH does not look.
SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
MIB = 1 << 20


def need(name, package):
    """The path of a program, or of a file named by an absolute path; a skip if it is missing.

    With INOUT_REQUIRE_ALL=1 (CI) nothing may be skipped: a missing one is a failure.
    """
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None and os.path.isabs(name) and os.path.exists(name):
        path = name
    if path is None:
        message = f"{name} is missing: apt-get install {package}"
        if os.environ.get("INOUT_REQUIRE_ALL") == "1":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return path


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Service:
    """A daemon in the foreground, its output in a file; ready when its port accepts."""

    def __init__(self, command, port, directory):
        self.port = port
        self.log = pathlib.Path(directory) / f"{pathlib.Path(command[0]).name}-{port}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, cwd=directory)
        try:
            wait_for(self._ready, 30, f"service on port {port}")
        except BaseException:
            self.close()
            raise

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.log.stem} ended with {self.process.returncode}:\n"
                                 + self.log.read_text(errors="replace")[-4000:])
        return accepts(self.port)

    def close(self):
        if self.process.poll() is None:
            end(self.process)


def end(process):
    """Asks it, and does not ask for long."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def command(*parts, timeout=60, check=True, **options):
    """Runs a client to its end and returns it; a failure shows what the client said."""
    done = subprocess.run([str(part) for part in parts], timeout=timeout * PATIENCE,
                          capture_output=True, text=True, **options)
    if check:
        assert done.returncode == 0, f"{parts[0]} ended with {done.returncode}:\n{done.stderr}"
    return done


def random_file(path, size):
    """A file that no one can compress or guess."""
    with open(path, "wb") as f:
        for _ in range(0, size, MIB):
            f.write(os.urandom(min(MIB, size - f.tell())))
    return path


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def streams(chain, count):
    """Waits until in, proxy and out have told the end of `count` streams, checks that they tell
    the same (ids, topics, bytes each way), and returns in's lines."""
    told = []
    for program in chain.all():
        program.wait_event("stream", count=count, timeout=20)
        told.append({line["id"]: line for line in program.find("stream")})
    for line in told[0].values():
        for other in told[1:]:
            for field in ("topic", "client", "bytes_up", "bytes_down"):
                assert other[line["id"]][field] == line[field], (field, line, other[line["id"]])
    assert [len(lines) for lines in told] == [count] * 3
    return list(told[0].values())
