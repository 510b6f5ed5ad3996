"""The Markdown of bench/wan: medians with their spread, and the targets."""
import os
import platform
import statistics

import wan_network

AT_ONCE = (1, 20, 200)
ANSWERS = ("answer: first", "answer: next", "answer: rested")
# Bulk figures in the order of their columns: (name, loss, direction, connections).
BULK = [("up", 0, "up", 1), ("down", 0, "down", 1), ("down, 1 % loss", 0.01, "down", 1),
        ("16 × down, 1 % loss", 0.01, "down", 16)]


def first_byte_figures():
    """Their names, in the order of the columns; times in ms."""
    for count in AT_ONCE:
        yield from (f"{count}: first", f"{count}: later", f"{count}: worst")


def spread(values, digits):
    """"median (min–max)"."""
    middle, low, high = (f"{value:.{digits}f}" for value in (
        statistics.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low}–{high})"


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def figures_table(samples, figures, digits):
    rows = []
    for system in samples:
        cells = [spread(samples[system][name], digits) if samples[system].get(name) else "–"
                 for name in figures]
        rows.append([system, *cells])
    return table(["system", *figures], rows)


def targets_table(samples, round_trip_ms):
    """Ours against the targets; ratios to `direct` are taken round by round."""
    ours = {name: statistics.median(values) for name, values in samples["inout"].items()}
    # the cold dial and its answer, and DataActiveRequest with the first byte and its echo
    cold, warm = 1.1 * 3 * round_trip_ms, 1.05 * 2 * round_trip_ms
    rows = []

    def at_most(what, value, limit, unit):
        rows.append([what, f"≤ {limit:.3g}{unit}", f"{value:.3g}{unit}",
                     "met" if value <= limit else "**missed**"])
    at_most("first byte alone, cold", ours["1: first"], cold, " ms")
    at_most("first byte alone, warm", ours["1: later"], warm, " ms")
    at_most("20 at once, first burst, p50 ÷ alone", ours["20: first"] / ours["1: first"], 2.2, "")
    at_most("20 at once, later, p50 ÷ alone", ours["20: later"] / ours["1: later"], 1.3, "")
    at_most("100 kB, one after another", ours["answer: next"], 1.15 * 2 * round_trip_ms, " ms")
    for name, *_ in BULK:
        ratio = statistics.median(a / b for a, b in zip(samples["inout"][name],
                                                        samples["direct"][name]))
        rows.append([f"{name} ÷ direct", "≥ 0.95", f"{ratio:.2f}",
                     "met" if ratio >= 0.95 else "**missed**"])
    return table(["figure", "target", "measured", ""], rows)


def markdown(samples, notes, settings):
    """samples: {system: {figure: [value of each round]}}."""
    rtt = settings.round_trip_ms
    parts = [
        "# Over a WAN",
        f"client → in ══ r ══ out → backend: {rtt:g} ms round trip and {wan_network.LINE_MBIT} "
        f"Mbit/s on each of the two lines; `direct` is one TCP connection over both, {2 * rtt:g} "
        f"ms, routed by the kernel in the middle. `raw` is three bare relays in a row, which dial "
        f"from client to backend. Median of {settings.repeat} (lowest–highest); congestion control "
        f"{wan_network.CONGESTION_CONTROL}; {platform.system()} {platform.release()}, "
        f"{os.cpu_count()} processors.",
        "## Time to first byte",
        f"ms from a client's connect to the echo of its first byte: the median client of N that "
        f"come at once. *First*: in a fresh system. *Later*: {settings.bursts - 1} more bursts, "
        f"{settings.pause_ms / 1000:g} s apart, their median; *worst*: the slowest client of "
        f"these.",
        figures_table(samples, list(first_byte_figures()), 0),
        "## Answers",
        f"ms from a client's connect to the last byte of an answer of 100,000, one client after "
        f"another: the first one in a fresh system, the median of the *next* {settings.answers - 1}, "
        f"and of those that come after {settings.rest_ms / 1000:g} s of *rest*.",
        figures_table(samples, ANSWERS, 0),
        "## Bulk",
        f"Mbit/s from connect on, which includes slow start, until all that was sent in "
        f"{settings.seconds:g} s ({settings.lossy_seconds:g} s with loss) has arrived. Loss is of "
        f"each packet on each line, independently.",
        figures_table(samples, [name for name, *_ in BULK], 1),
    ]
    if not settings.smoke:  # too short to be judged
        parts += ["## Targets", targets_table(samples, rtt)]
    if notes:
        parts += ["## Missing and failed", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(parts) + "\n"
