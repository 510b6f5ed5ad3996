"""What is measured: every figure is one command of `load` against a chain that was just started.

A measurement returns its metrics by name; units are the last part of the name.
"""
import dataclasses
import json
import resource
import subprocess
import time

from process import Failed
from systems import HOST, Chain, inout_start

LOAD_PATIENCE_S = 60.0
# One load gives up after 30 s, and the slowest peers open some 100 streams in a second.
STREAMS_PER_LOAD = 1000
# Descriptors of a process that are not streams: listeners, control and parked connections, files.
SPARE_DESCRIPTORS = 500
# Opening is measured for no less, and warmed up as long: 32 TLS handshakes at a time may need half
# of it until the first is done.
LEAST_OPENS_S = 0.4
HALF_CLOSE_S = 0.1
# What a system or a measurement ends with that can not be had.
FAILURES = (Failed, OSError, ValueError, subprocess.SubprocessError)


@dataclasses.dataclass(frozen=True)
class Settings:
    seconds: float  # of load per sample
    idle_seconds: float  # of watching idle processes
    most_streams: int  # that are held idle
    many_outs: int


FULL = Settings(2.0, 10.0, 9000, 1000)
SMOKE = Settings(0.2, 0.3, 100, 50)


def raise_descriptor_limit():
    """Takes what the kernel allows, for every process started from here; returns the number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def streams_that_fit(count):
    """A relay holds two descriptors for a stream."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(count, (limit - SPARE_DESCRIPTORS) // 2)


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    measure: callable  # (Settings, Chain, System) -> {metric: value}
    connections: int = 1
    starts_itself: bool = False  # the measurement starts its own chain
    most_rounds: int = 1_000  # figures that hardly vary need not be repeated as often
    of: callable = lambda system: True  # whether it means something there
    of_encrypted: bool = False  # asked of the systems that encrypt too
    needs_half_close: bool = False

    def means_something(self, system):
        return self.of(system) and (self.of_encrypted or not system.encrypted)

    def reason_against(self, system, keeps_half_close):
        """Why this system can not have this figure, or None if it can."""
        if self.connections > system.most_connections:
            return f"not asked for {self.connections} connections"
        if self.needs_half_close and not keeps_half_close:
            return "loses the backend's answer to a client that has ended its sending"
        return None


def run_load(chain, command, seconds, **options):
    words = [word for key, value in options.items()
             for word in (f"--{key.replace('_', '-')}", value)]
    load = chain.helper("load", ["load", command, f"{HOST}:{chain.port}", *words,
                                 "--seconds", seconds])
    answer = json.loads(load.read_line(seconds + LOAD_PATIENCE_S))
    if load.popen.wait(5):
        raise Failed(load.last_words())
    if answer.get("count") == 0:
        raise Failed(f"not one within {seconds:g} s")
    return answer


def cpu_seconds(chain):
    """Of each process of the system, by its name."""
    return {name: hop.cpu_seconds() for name, hop in chain.hops.items()}


def cpu_metrics(before, after, work, metric):
    """Seconds per unit of work: of all processes together, and of each."""
    each = {f"{name}_{metric}": (after[name] - before[name]) / work for name in before}
    return {metric: sum(each.values())} | each if each else {}


def keeps_half_close(programs, system):
    """False if clients that have ended their sending do not get the backend's answer.

    Tried and not declared: peers learn it with a version. A system that does not start is not said
    to lose it; its figures tell what is wrong.
    """
    with Chain(programs) as chain:
        try:
            chain.start(system)
        except FAILURES:
            return True
        try:
            run_load(chain, "bulk", HALF_CLOSE_S, connections=3, direction="up")
        except FAILURES:
            return False
    return True


def bulk(direction, connections):
    def measure(settings, chain, _system):
        before = cpu_seconds(chain)
        answer = run_load(chain, "bulk", settings.seconds, connections=connections,
                          direction=direction)
        return {"gbit_per_s": answer["gbit_per_s"]} | cpu_metrics(
            before, cpu_seconds(chain), answer["bytes"] / 1e9, "cpu_s_per_gb")
    # The backend's count of what it got is its answer to the client's end.
    return Figure(f"bulk_{direction}_{connections}", measure, connections,
                  needs_half_close=direction == "up", of_encrypted=connections <= 8)


def pingpong(size, connections):
    def measure(settings, chain, _system):
        answer = run_load(chain, "pingpong", settings.seconds,
                          connections=streams_that_fit(connections), size=size)
        return {metric: answer[metric] for metric in ("per_s", "p50_us", "p99_us")}
    return Figure(f"pingpong_{size}_{connections}", measure, connections,
                  of_encrypted=size == 64 and connections <= 50)


def opens(at_once, end="fin"):
    def measure(settings, chain, _system):
        run_load(chain, "opens", LEAST_OPENS_S, at_once=at_once, end=end)
        before = cpu_seconds(chain)
        answer = run_load(chain, "opens", max(settings.seconds, LEAST_OPENS_S), at_once=at_once,
                          end=end)
        return {metric: answer[metric] for metric in ("per_s", "p50_us", "p99_us")} | cpu_metrics(
            before, cpu_seconds(chain), answer["count"] / 10_000, "cpu_s_per_10k")
    name = f"opens_{at_once}" if end == "fin" else f"opens_{end}_{at_once}"
    return Figure(name, measure, at_once, of_encrypted=True)


def idle(streams):
    """Growth of memory and of pipes from no stream on, and the processor's time while all rest."""
    def measure(settings, chain, system):
        count = streams_that_fit(min(streams, settings.most_streams))
        memory = {name: hop.pss_bytes() for name, hop in chain.hops.items()}
        pipes = {name: hop.pipe_ends() for name, hop in chain.hops.items()}
        for held in range(0, count, STREAMS_PER_LOAD):
            holder = chain.helper(f"idle-{held}", ["load", "idle", f"{HOST}:{chain.port}",
                                                   "--connections",
                                                   min(STREAMS_PER_LOAD, count - held)])
            holder.read_line(LOAD_PATIENCE_S)
        metrics = {"streams": count}
        for name, hop in chain.hops.items():
            metrics[f"{name}_kb"] = (hop.pss_bytes() - memory[name]) / count / 1000
            metrics[f"{name}_pipe_ends"] = (hop.pipe_ends() - pipes[name]) / count
        metrics["kb"] = sum(metrics[f"{name}_kb"] for name in chain.hops)
        return metrics | (core_percent(chain, settings.idle_seconds) if system.ours else {})
    return Figure(f"idle_{streams}", measure, streams, most_rounds=3,
                  of=lambda system: system.needs, of_encrypted=streams <= 1000)


def core_percent(chain, seconds):
    """Share of one core that each program takes over this time, in which nothing is asked of it."""
    before = {name: hop.cpu_seconds() for name, hop in chain.hops.items()}
    started = time.monotonic()
    time.sleep(seconds)  # this is the time that is measured
    elapsed = time.monotonic() - started
    return {f"{name}_core_percent": 100 * (hop.cpu_seconds() - before[name]) / elapsed
            for name, hop in chain.hops.items()}


def many_outs(settings, chain, _system):
    """One proxy with so many registrations; no stream, only heartbeats every 2 s (the default)."""
    inout_start(chain, 1, [f"topic-{number}" for number in range(settings.many_outs)])
    out = chain.hops["out"]
    out.wait_for(lambda: out.log.read_text().count(" registered ") >= settings.many_outs,
                 f"{settings.many_outs} registrations", 60)
    return core_percent(chain, settings.idle_seconds)


def start(_settings, chain, _system):
    return {f"{name}_ms": value for name, value in chain.ready_ms.items()}


FIGURES = [
    *(bulk(direction, connections) for direction in ("up", "down") for connections in (1, 8, 64)),
    bulk("both", 8),
    *(pingpong(size, connections) for size in (64, 4096) for connections in (1, 50, 1000)),
    opens(1), opens(32), opens(32, "rst"),
    idle(1000), idle(9000),
    Figure("many_outs", many_outs, starts_itself=True, most_rounds=3,
           of=lambda system: system.ours),
    Figure("start", start, of=lambda system: system.needs, of_encrypted=True),
]
