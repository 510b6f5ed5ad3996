"""A wall clock of some programs, which a test moves while they run (tests/issues/moved_clock.cpp)."""
import re
import struct
import subprocess
import tempfile

from harness import BIN


class WallClock:
    """`env` gives it to programs."""

    def __init__(self, run, start=0):
        self.file = run.own(tempfile.NamedTemporaryFile())
        self.move(start)
        runtimes = re.findall(r"=> (\S*/lib[at]san\S*)",
                              subprocess.check_output(["ldd", BIN / "in"], text=True))
        self.env = {"MOVED_CLOCK": self.file.name,
                    # A sanitizer's runtime wants to be the first.
                    "LD_PRELOAD": " ".join([*runtimes, str(BIN / "moved_clock.so")])}

    def move(self, seconds):
        """To this much after the true time. In place: the programs have mapped it."""
        with open(self.file.name, "r+b") as file:
            file.write(struct.pack("=q", seconds))
