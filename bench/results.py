"""The samples of a run, and what is computed from them: medians, spreads, ratios."""
import dataclasses
import statistics

# A figure that failed so often and never succeeded is not tried again.
TRIES = 3


@dataclasses.dataclass
class Results:
    machine: dict
    settings: dict
    systems: dict  # name: what it is, in the order of the tables
    encrypted: list  # those of them that encrypt: the last ones, a group of their own
    skipped: dict = dataclasses.field(default_factory=dict)  # system: why it did not run at all
    failures: list = dataclasses.field(default_factory=list)
    samples: list = dataclasses.field(default_factory=list)

    def groups(self):
        """(title, names, name of the system that its ratios are to)"""
        plain = [name for name in self.systems if name not in self.encrypted]
        return [group for group in (("plain", plain, "raw"),
                                    ("encrypted", self.encrypted, "inout-tls")) if group[1]]

    def add(self, round_, system, figure, metrics):
        self.samples.append({"round": round_, "system": system, "figure": figure,
                             "metrics": metrics})

    def fail(self, round_, system, figure, reason):
        self.failures.append({"round": round_, "system": system, "figure": figure,
                              "reason": reason})

    def is_hopeless(self, system, figure):
        """True if another try would most likely fail too."""
        def count(records):
            return sum((record["system"], record["figure"]) == (system, figure)
                       for record in records)
        return not count(self.samples) and count(self.failures) >= TRIES

    def failures_by_reason(self):
        """{(system, reason): its figures in order}"""
        found = {}
        for failure in self.failures:
            figures = found.setdefault((failure["system"], failure["reason"]), [])
            if failure["figure"] not in figures:
                figures.append(failure["figure"])
        return found

    def by_round(self, system, metric):
        """{round: value}; a metric is named FIGURE.METRIC."""
        figure, _, name = metric.partition(".")
        return {sample["round"]: sample["metrics"][name] for sample in self.samples
                if sample["system"] == system and sample["figure"] == figure
                and name in sample["metrics"]}

    def values(self, system, metric):
        return sorted(self.by_round(system, metric).values())

    def median(self, system, metric):
        values = self.values(system, metric)
        return statistics.median(values) if values else None

    def ratio(self, system, metric, reference):
        """The median of the rounds' ratios: what both met in one round cancels out."""
        own, other = self.by_round(system, metric), self.by_round(reference, metric)
        ratios = [own[round_] / other[round_] for round_ in own if other.get(round_)]
        return statistics.median(ratios) if ratios else None
