"""A write error never outranks what was received: an answer that has come is delivered.

A backend answers after the first bytes and closes with the rest unread, which is an RST behind the
answer (tcp(7)). Whoever is still writing then fails, and must read on.
"""
import contextlib
import os
import subprocess
import sys

import pytest

import secure
from harness import Server, connect, expect_reset, read_exactly

TRIES = 5
# Less than passes before the stream is open, and more: the rest waits for the relay.
SIZES = [12_000, 200_000]
ANSWER = b"413 too much\n"
# Programs of the lowest priority on a busy processor: whoever is woken by what they write comes
# first, so the answer and the RST behind it are there before they have sent everything. A write of
# several records was cut so in 19 of 20 streams.
SLOW = ["nice", "-n", "19"]


@contextlib.contextmanager
def busy_processor():
    """This process and its children on one processor, which has always something to do."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()
        os.sched_setaffinity(0, before)


def answer_early(s):
    """Reads a little, answers, and closes with the rest unread."""
    s.recv(100)
    s.sendall(ANSWER)
    s.close()


@pytest.mark.plain_only  # it has all modes itself
@pytest.mark.parametrize("mode", ["plain", "tls", "e2e", "tls-e2e"])
def test_an_answer_before_all_was_sent_arrives(run, monkeypatch, mode):
    monkeypatch.setattr(secure, "TLS", "tls" in mode)
    monkeypatch.setattr(secure, "E2E", "e2e" in mode)
    backend = run.own(Server(answer_early))
    with busy_processor():
        proxy = run.proxy({"threads": 1}, prefix=SLOW)
        out = run.out(proxy, {"t": backend.port}, {"threads": 1})
        out.wait_event("registered")
        in_ = run.in_(proxy, ["t"], {"threads": 1}, prefix=SLOW)
        for size in SIZES * TRIES:
            client = connect(in_.port())
            with contextlib.suppress(ConnectionError):  # the RST may be there already
                client.sendall(bytes(size))
            assert read_exactly(client, len(ANSWER)) == ANSWER
            expect_reset(client)  # and never a clean end, as not all was taken
    for program in (in_, proxy, out):
        program.wait_idle()
        assert not program.find("open_failed")
