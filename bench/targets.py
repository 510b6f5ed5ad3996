"""What our chain is to reach, plain and encrypted, and whether it does."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Target:
    metric: str  # FIGURE.METRIC
    relation: str  # "≥" or "≤"
    limit: float
    reference: str = ""  # the system that the limit is a factor of; "" for an absolute limit
    unit: str = ""
    system: str = "inout"

    def text(self):
        what = f"× {self.reference}" if self.reference else self.unit
        return f"{self.relation} {self.limit:g} {what}"

    def reached(self, results):
        """What was reached, or None where there is nothing to compare."""
        if self.reference:
            return results.ratio(self.system, self.metric, self.reference)
        return results.median(self.system, self.metric)

    def verdict(self, results):
        reached = self.reached(results)
        if reached is None:
            return "not measured"
        met = reached >= self.limit if self.relation == "≥" else reached <= self.limit
        return "met" if met else "**missed**"


def _plain():
    for connections in 1, 8, 64:
        for direction in "up", "down":
            figure = f"bulk_{direction}_{connections}"
            yield Target(f"{figure}.gbit_per_s", "≥", 0.95, "raw")
            if direction == "down":  # the original loses the answer that ends a measurement up
                yield Target(f"{figure}.gbit_per_s", "≥", 1.2, "original")
            yield Target(f"{figure}.cpu_s_per_gb", "≤", 1.10, "raw")
    for size in 64, 4096:
        for connections in 1, 50, 1000:
            figure = f"pingpong_{size}_{connections}"
            yield Target(f"{figure}.per_s", "≥", 0.95, "asio")
            yield Target(f"{figure}.per_s", "≥", 0.85, "raw")
            yield Target(f"{figure}.p99_us", "≤", 1.2, "asio")
    for at_once in 1, 32:
        # Two hops, where ours are three.
        yield Target(f"opens_{at_once}.per_s", "≥", 1, "rathole")
        yield Target(f"opens_{at_once}.per_s", "≥", 1.1, "raw")
        yield Target(f"opens_{at_once}.cpu_s_per_10k", "≤", 1, "raw")
    for program in "in", "proxy", "out":
        yield Target(f"idle_9000.{program}_kb", "≤", 3, unit="kB per stream")
        # A pipe has two ends; those that a pool keeps for the next burst are no stream's.
        yield Target(f"idle_9000.{program}_pipe_ends", "≤", 0.01, unit="pipe ends per stream")
        yield Target(f"idle_9000.{program}_core_percent", "≤", 0.5, unit="% of a core")
    yield Target("many_outs.proxy_core_percent", "≤", 3, unit="% of a core")


def _encrypted():
    for connections in 1, 8:
        for direction in "up", "down":
            metric = f"bulk_{direction}_{connections}.gbit_per_s"
            yield Target(metric, "≥", 1.3, "ssh", system="inout-tls")
            # One that loses the answer that ends a measurement up is not measured there.
            yield Target(metric, "≥", 2, "chisel", system="inout-tls")
        for direction in "up", "down":
            # The proxy splices what it can not read.
            yield Target(f"bulk_{direction}_{connections}.proxy_cpu_s_per_gb", "≤", 1.1, "inout",
                         system="inout-e2e")
    yield Target("opens_32.per_s", "≥", 0.8, "inout", system="inout-tls")
    for peer in "frp-stcp-tls", "chisel":  # they shake hands once for all streams
        yield Target("opens_32.per_s", "≥", 1.5, peer, system="inout-tls")
    yield Target("opens_32.per_s", "≥", 0.35, "inout", system="inout-e2e")
    for program in "in", "proxy", "out":
        yield Target(f"idle_1000.{program}_kb", "≤", 25, unit="kB per stream", system="inout-tls")
    for program in "in", "out":
        yield Target(f"idle_1000.{program}_kb", "≤", 25, unit="kB per stream", system="inout-e2e")


TARGETS = [*_plain(), *_encrypted()]
