"""The results as Markdown: a table for each kind of figure, the targets, and what is missing."""
import targets

# Title, what the columns say, and their metrics as (heading, FIGURE.METRIC).
TABLES = [
    ("Bulk, Gbit/s", "Goodput at the receiving end, by direction and number of connections.", [
        (f"{direction} {n}", f"bulk_{direction}_{n}.gbit_per_s")
        for direction, counts in (("up", (1, 8, 64)), ("down", (1, 8, 64)), ("both", (8,)))
        for n in counts]),
    ("CPU of bulk, seconds per GB", "All processes of the system, without the load's.", [
        (f"{direction} {n}", f"bulk_{direction}_{n}.cpu_s_per_gb")
        for direction in ("up", "down") for n in (1, 8, 64)]),
    *((f"Ping-pong of {size} bytes", "One message in flight on each connection.", [
        (f"{n}: {heading}", f"pingpong_{size}_{n}.{metric}") for n in (1, 50, 1000)
        for heading, metric in (("round trips/s", "per_s"), ("p50 µs", "p50_us"),
                                ("p99 µs", "p99_us"))]) for size in (64, 4096)),
    ("New connections", "Connect, a byte and its echo, both ends; so many at a time. The "
     "latency is that from connect to the byte.", [
         (f"{n}: {heading}", f"opens_{n}.{metric}") for n in (1, 32)
         for heading, metric in (("per s", "per_s"), ("p50 µs", "p50_us"), ("p99 µs", "p99_us"),
                                 ("CPU s per 10,000", "cpu_s_per_10k"))] +
     [("32, ended by RST: per s", "opens_rst_32.per_s")]),
    ("Idle streams and start", "User memory (PSS) that each idle stream adds, in kB, all "
     "processes; from the first fork to the first byte through all of them.", [
         ("streams", "idle_1000.streams"), ("kB", "idle_1000.kb"),
         ("streams", "idle_9000.streams"), ("kB", "idle_9000.kb"),
         ("start, ms", "start.first_byte_ms")]),
]
PROGRAMS = ("in", "proxy", "out")
PROGRAM_ROWS = [*((f"{text}, {streams:,} idle streams", f"idle_{streams}.{{}}_{metric}")
                  for streams in (1000, 9000)
                  for text, metric in (("memory per stream, kB", "kb"),
                                       ("pipe ends per stream", "pipe_ends"),
                                       ("CPU, % of a core", "core_percent"))),
                *((f"CPU s per GB, bulk {direction} {n}", f"bulk_{direction}_{n}.{{}}_cpu_s_per_gb")
                  for direction in ("up", "down") for n in (1, 8)),
                ("CPU s per 10,000 new connections, 32 at a time", "opens_32.{}_cpu_s_per_10k"),
                ("CPU with 1,000 outs and no stream, % of a core", "many_outs.{}_core_percent"),
                ("from its fork to its listening port, ms", "start.{}_ms")]


def number(value):
    """Three significant digits, thousands apart."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def ratio_text(ratio):
    """Two places, and more where those would say nothing."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def spread(results, system, metric):
    values = results.values(system, metric)
    if not values:
        return "–"
    middle = number(results.median(system, metric))
    low, high = number(values[0]), number(values[-1])
    return middle if low == high else f"{middle} ({low}–{high})"


def cell(results, system, metric, reference):
    ratio = results.ratio(system, metric, reference)
    if ratio is None or system == reference or metric.endswith("streams"):
        return spread(results, system, metric)
    return f"{spread(results, system, metric)} {ratio_text(ratio)}×"


def table(headings, rows, others="---:"):
    """The first column is flush left, the others as told."""
    yield "| " + " | ".join(headings) + " |"
    yield "|---|" + f"{others}|" * (len(headings) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def markdown(results, picture):
    yield "# Three hops, side by side"
    yield ""
    yield ("{cpu}, {cores} cores, Linux {kernel} with TCP {congestion}, {descriptors:,} descriptors "
           "per process. "
           "Interleaved rounds: {repeat}; {seconds:g} s of load a figure."
           .format(**results.machine, **results.settings))
    yield ("Each cell: median (least–greatest), and the ratio in the same round, median of the "
           "rounds: of plain systems to raw, of those that encrypt to inout-tls.")
    yield ""
    if picture:
        yield from [f"![Ratio to raw]({picture})", ""]
    for title, names, _ in results.groups():
        yield from table([title, "what it is"],
                         [[name, results.systems[name]] for name in names], "---")
    for title, explanation, columns in TABLES:
        if tables := list(_figures(results, columns)):
            yield from [f"## {title}", "", explanation, "", *tables]
    yield from _programs(results)
    yield from _targets(results)
    yield from _missing(results)


def _figures(results, columns):
    """A table for each group that has any of these figures."""
    for title, names, reference in results.groups():
        had = [(heading, metric) for heading, metric in columns
               if any(results.values(system, metric) for system in names)]
        rows = [[system, *(cell(results, system, metric, reference) for _, metric in had)]
                for system in names if any(results.values(system, metric) for _, metric in had)]
        if rows:
            yield from table([title, *(heading for heading, _ in had)], rows)


def _programs(results):
    for system in results.systems:
        rows = [[text, *(spread(results, system, metric.format(program)) for program in PROGRAMS)]
                for text, metric in PROGRAM_ROWS
                if any(results.values(system, metric.format(program)) for program in PROGRAMS)]
        if system.startswith("inout") and rows:
            yield from [f"## {system}, program by program", ""]
            yield from table(["", *PROGRAMS], rows)


def _targets(results):
    if results.settings["smoke"]:
        yield from ["## Targets", "", "This was a smoke test, too short to judge by.", ""]
        return
    rows = [[target.system, f"`{target.metric}`", target.text(),
             spread(results, target.system, target.metric), number(target.reached(results)),
             target.verdict(results)]
            for target in targets.TARGETS if results.values(target.system, target.metric)]
    if rows:
        yield from ["## Targets", "", "What `bench/wan` measures has its own table.", ""]
        yield from table(["system", "figure", "target", "value", "reached", "verdict"], rows)


def _missing(results):
    if results.skipped or results.failures:
        yield from ["## Not measured, or not in every round", ""]
        for system, reason in results.skipped.items():
            yield f"- {system}: {reason}"
        for (system, reason), figures in results.failures_by_reason().items():
            yield f"- {system}, {', '.join(figures)}: {reason}"
        yield ""
