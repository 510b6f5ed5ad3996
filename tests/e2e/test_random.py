"""Hundreds of random streams at once through the three programs: every byte, every end, no leak."""
import os
import time

from harness import PATIENCE, wait_for
from traffic import Traffic

SEED = int(os.environ.get("INOUT_TEST_SEED", time.time_ns() % 1_000_000))
CONCURRENT = 300 if PATIENCE == 1 else 100
SECONDS = 30
# 300 streams with blocked directions of 16 KiB are 5 MiB; the rest is the program and its buffers.
# Sanitizers keep freed memory and shadow it.
RSS_MAX_KIB = 64 * 1024 * (1 if PATIENCE == 1 else 16)


def resident_kib(program):
    """Peak resident memory (VmHWM, proc(5))."""
    with open(f"/proc/{program.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def settled_descriptors(program):
    """Open descriptors, without the parked connections: how many those are follows the load."""
    return program.descriptors() - program.wait_idle()["parked"]


def test_random_streams_arrive_whole_end_as_planned_and_leave_nothing_behind(run):
    print(f"seed {SEED}: repeat with INOUT_TEST_SEED={SEED}")
    traffic = run.own(Traffic(SEED))
    chain = run.chain(traffic.port)
    traffic.run(chain.port, concurrent=1, seconds=1)
    before = {p.name: settled_descriptors(p) for p in chain.all()}

    traffic.run(chain.port, CONCURRENT, SECONDS)

    assert traffic.peak == CONCURRENT
    print(f"{traffic.started} streams, {traffic.bytes >> 20} MiB, {dict(traffic.ends)}")
    for program in chain.all():
        assert program.wait_idle()["sockets"] == 0
        wait_for(lambda: settled_descriptors(program) <= before[program.name],
                 what=f"{before[program.name]} descriptors of {program.name}")
        assert resident_kib(program) < RSS_MAX_KIB
