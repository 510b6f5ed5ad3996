"""Hundreds of random streams at once through the three programs: every byte, every end, no leak."""
import os
import time

import secure
from harness import PATIENCE, wait_for
from traffic import Traffic

SEED = int(os.environ.get("INOUT_TEST_SEED", time.time_ns() % 1_000_000))
CONCURRENT = 300 if PATIENCE == 1 else 100
SECONDS = 30
# 600 blocked directions of 16 KiB are 10 MiB; the rest is the program and its buffers.
# A TLS session adds 15 KiB, and twice a record's 17 KiB while it is blocked: 600 of them 30 MiB.
# Sanitizers keep freed memory and shadow it.
RSS_MAX_KIB = (64 if secure.TLS else 32) * 1024 * (1 if PATIENCE == 1 else 32)


def resident_kib(program):
    """Peak resident memory (VmHWM, proc(5))."""
    with open(f"/proc/{program.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def at_rest(chain):
    """Sockets and descriptors of each program without any stream. Parked and spare connections are
    left out at both their ends: how many there are follows the load."""
    chain.wait_idle()
    parked, warm = (chain.proxy.status()[pool] for pool in ("parked", "warm"))
    shares = {"in": warm, "proxy": parked + warm, "out": parked}
    return {p.name: (p.status()["sockets"] - shares[p.name], p.descriptors() - shares[p.name])
            for p in chain.all()}


def test_random_streams_arrive_whole_end_as_planned_and_leave_nothing_behind(run):
    print(f"seed {SEED}: repeat with INOUT_TEST_SEED={SEED}")
    traffic = run.own(Traffic(SEED))
    chain = run.chain(traffic.port)
    traffic.run(chain.port, concurrent=1, seconds=1)
    # nothing but the control connection
    wait_for(lambda: [sockets for sockets, _ in at_rest(chain).values()] == [0, 1, 1],
             what="programs at rest")
    before = at_rest(chain)

    traffic.run(chain.port, CONCURRENT, SECONDS)

    assert traffic.peak == CONCURRENT and traffic.started > 2 * CONCURRENT
    print(f"{traffic.started} streams, {traffic.bytes >> 20} MiB, {dict(traffic.ends)}")
    wait_for(lambda: at_rest(chain) == before, what=f"rest as it was before: {before}")
    for program in chain.all():
        assert resident_kib(program) < RSS_MAX_KIB, program.name
