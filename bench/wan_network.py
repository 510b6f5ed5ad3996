"""The network of bench/wan: the namespaces of the tests, with paced lines, a direct path and load.

A network lives for one sample, so that neither what TCP remembers of a path (tcp_metrics(8)) nor
what an earlier sample left in the queues reaches the next one.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))

import harness  # noqa: E402
import wan  # noqa: E402

# The kernel's defaults, not the machine's choice: they decide the figures over long or lossy lines.
CONGESTION_CONTROL = "cubic"
BUFFERS = {"tcp_rmem": "4096 131072 6291456", "tcp_wmem": "4096 16384 4194304"}
# Under loss the largest ones are capped: at 1 % a window stays below 64 KiB, and what lies in the
# buffers when the time is over must drain at a few Mbit/s, which counts.
LOSSY_BUFFERS = {"tcp_rmem": "4096 131072 262144", "tcp_wmem": "4096 16384 131072"}
# Far below what one processor can carry through both wanlinks, far above 10 packets a round trip.
LINE_MBIT = 100
# Packets: more than the largest window below, so that nothing is lost but what a figure asks for.
LINE_QUEUE = 10_000


class Process:
    """A program of a system under test that is not ours; its output is kept for a complaint."""

    def __init__(self, prefix, command, **options):
        self.name = pathlib.Path(command[0]).name
        self.output = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen([*prefix, *map(str, command)],
                                        stdin=subprocess.DEVNULL, stderr=self.output,
                                        **{"stdout": self.output, **options})

    def tail(self):
        self.output.seek(0)
        return self.output.read()[-500:].strip()

    def close(self):
        """Ends it; RuntimeError if it had ended by itself."""
        code = self.process.poll()
        self.process.terminate()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        with self.output:
            if code is not None:
                raise RuntimeError(f"{self.name} ended with {code}: {self.tail()}")


class Network(wan.Wan):
    """a – r – c, owned by a Runner; round_trip_ms is that of each line."""

    def __init__(self, run, round_trip_ms, loss=0, seed=1):
        super().__init__(run, seed, delay_ms=round_trip_ms / 2, loss=loss, mbit=LINE_MBIT,
                         queue=LINE_QUEUE)
        for place in self.namespaces:
            for name, value in (LOSSY_BUFFERS if loss else BUFFERS).items():
                self._set(place, name, value)
        for place, device, own, other in (
                ("a", "ara", wan.A, wan.R_FROM_A), ("r", "arb", wan.R_FROM_A, wan.A),
                ("r", "rca", wan.R_FROM_C, wan.C), ("c", "rcb", wan.C, wan.R_FROM_C)):
            self._route(place, device, own, other)

    def _set(self, place, name, value):
        self.inside(place, pathlib.Path(f"/proc/sys/net/ipv4/{name}").write_text, value)

    def _route(self, place, device, own, other):
        # by route, because the sysctl of a namespace takes none that the machine restricts
        subprocess.run([*self.prefix(place), "ip", "route", "replace", other, "dev", device, "src",
                        own, "congctl", CONGESTION_CONTROL], check=True)

    def join(self):
        """Lets the kernel of r carry packets between a and c: the path of a direct connection."""
        self._set("r", "ip_forward", "1")
        self._route("a", "ara", wan.A, wan.C)
        self._route("c", "rcb", wan.C, wan.A)

    def process(self, place, *command, **options):
        return self.run.own(Process(self.prefix(place), command, **options))

    def file(self, text):
        """A file for a program's configuration, and its name."""
        file = self.run.own(tempfile.NamedTemporaryFile("w"))
        file.write(text)
        file.flush()
        return file.name

    def backend(self):
        """The port of a load backend in c, on all its addresses."""
        server = self.process("c", harness.BIN / "load", "serve", "0.0.0.0:0",
                              stdout=subprocess.PIPE, text=True)
        words = server.process.stdout.readline().split()
        if words[:1] != ["listening"]:
            raise RuntimeError(f"load serve said {words}: {server.tail()}")
        return int(words[1])

    def load(self, command, address, timeout_s, **options):
        """What a load client in a has measured."""
        flags = [text for name, value in options.items()
                 for text in ("--" + name.replace("_", "-"), str(value))]
        done = subprocess.run([*self.prefix("a"), str(harness.BIN / "load"), command, address,
                               *flags], capture_output=True, text=True, timeout=timeout_s)
        if done.returncode != 0:
            raise RuntimeError(f"load {command}: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout)

    def sockets(self, place, *what):
        """The lines of ss(8) there."""
        table = self.inside(place, subprocess.run, ["ss", "-Htn", *what], capture_output=True,
                            text=True, check=True)
        return table.stdout.splitlines()

    def wait_listening(self, place, port):
        harness.wait_for(lambda: self.sockets(place, "-l", f"sport = :{port}"),
                         what=f"listener on {port}")
