"""What the random streams of traffic.py do: which bytes, how many, and how each side ends."""
import dataclasses
import random

CHUNK = 64 * 1024
# Bytes repeat after a prime, so that no loss of whole buffers, pipes or pages can go unnoticed.
PERIOD = 1_000_003
PATTERN = random.Random(1).randbytes(PERIOD)
PATTERN += PATTERN[:CHUNK]
# A resetting side's bytes must all arrive if they were acknowledged before the RST. They stay
# below what reset_flush (5 s) can always move here.
RESET_MAX_BYTES = 256 * 1024
FIN, RESET, ABORT = "fin", "reset", "abort"


def pattern(key, offset, size):
    start = (key + offset) % PERIOD
    return PATTERN[start:start + size]


@dataclasses.dataclass(frozen=True)
class Side:
    """What one end of a stream does."""
    size: int          # bytes it sends
    end: str           # FIN; RESET: an RST once all is acknowledged; ABORT: an RST at any time
    waits: bool        # sends only after the other's FIN: the other direction is half-closed
    pause_at: int      # received bytes after which it stops reading …
    pause_s: float     # … for this long; 0: never
    window: int        # SO_RCVBUF; 0: the kernel's choice


@dataclasses.dataclass(frozen=True)
class Plan:
    number: int
    up: Side           # the client
    down: Side         # the backend


def random_size(rng, most):
    """1 byte to `most`, evenly over the orders of magnitude, often exactly a buffer's size."""
    if rng.random() < 0.1:
        return min(most, rng.choice([1, 4096, 16_384, 65_536]) + rng.randint(-1, 1) or 1)
    return max(1, int(most ** rng.random()))


def random_plan(rng, number, most):
    ends = rng.choices([(FIN, FIN), (RESET, FIN), (FIN, RESET), (ABORT, FIN), (FIN, ABORT)],
                       [70, 8, 8, 7, 7])[0]
    orderly = ends == (FIN, FIN)
    waits = rng.choices(["nobody", "up", "down"], [6, 2, 2])[0] if orderly else "nobody"
    limit = RESET_MAX_BYTES if RESET in ends else most
    sizes = [0 if orderly and rng.random() < 0.1 else random_size(rng, limit) for _ in ends]
    sides = []
    for end, name, size, incoming in zip(ends, ("up", "down"), sizes, reversed(sizes)):
        # pauses and small windows could hold a reset's bytes back for longer than reset_flush
        pauses = orderly and rng.random() < 0.2
        sides.append(Side(size, end, waits == name,
                          pause_at=rng.randint(0, incoming),
                          pause_s=rng.uniform(0.1, 2) if pauses else 0,
                          window=rng.choice([0, 0, 0, 32_768]) if orderly else 0))
    return Plan(number, *sides)
