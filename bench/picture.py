"""The results as one SVG: a panel for each figure, a bar for each system, its ratio to raw."""
import html
import math

from report import ratio_text

PANELS = [  # title, FIGURE.METRIC, True if less is better
    ("bulk up, 1 connection", "bulk_up_1.gbit_per_s", False),
    ("bulk down, 1 connection", "bulk_down_1.gbit_per_s", False),
    ("bulk down, 8 connections", "bulk_down_8.gbit_per_s", False),
    ("bulk down, 64 connections", "bulk_down_64.gbit_per_s", False),
    ("64 B ping-pong, 1 connection", "pingpong_64_1.per_s", False),
    ("64 B ping-pong, 50 connections", "pingpong_64_50.per_s", False),
    ("64 B ping-pong, 1,000", "pingpong_64_1000.per_s", False),
    ("4 KiB ping-pong, 50 connections", "pingpong_4096_50.per_s", False),
    ("opens, 1 at a time", "opens_1.per_s", False),
    ("opens, 32 at a time", "opens_32.per_s", False),
    ("CPU per GB, down 8", "bulk_down_8.cpu_s_per_gb", True),
    ("memory per idle stream", "idle_9000.kb", True),
]
COLUMNS = 4
LABELS, PANEL, GAP = 92, 220, 34  # widths in pixels
ROW, TITLE, MARGIN, HEADER = 17, 38, 14, 46  # heights
TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
# Both sets are drawn on a ground of their own, so the page behind does not matter.
STYLE = """
svg { --ground: #ffffff; --text: #24292f; --faint: #6e7781; --line: #d0d7de;
      --ours: #0969da; --reference: #8250df; --peer: #8c959f; }
@media (prefers-color-scheme: dark) {
svg { --ground: #0d1117; --text: #e6edf3; --faint: #8b949e; --line: #30363d;
      --ours: #58a6ff; --reference: #bc8cff; --peer: #6e7681; } }
text { font: 11px system-ui, sans-serif; fill: var(--text); }
.title { font-weight: 600; font-size: 12px; } .faint { fill: var(--faint); font-size: 9px; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.ground { fill: var(--ground); } .line { stroke: var(--line); } .one { stroke: var(--faint); }
.ours { fill: var(--ours); } .reference { fill: var(--reference); } .peer { fill: var(--peer); }
"""


def svg(results, reference="raw"):
    """The whole picture as text, or None if there is nothing to compare with."""
    panels = []
    for title, metric, less in PANELS:
        ratios = {}
        for system in results.systems:
            ratio = results.ratio(system, metric, reference)
            if ratio:
                ratios[system] = 1 / ratio if less else ratio
        if ratios.keys() - {reference}:
            panels.append((title + (", inverse" if less else ""), ratios))
    if not panels:
        return None
    lines = []  # text and kind of each: the title of a group, and its systems
    for title, names, _ in results.groups():
        drawn = [name for name in names if any(name in ratios for _, ratios in panels)]
        lines += [(title, "faint end"), *((name, "end") for name in drawn)] if drawn else []
    scale = _Scale([ratio for _, ratios in panels for ratio in ratios.values()])
    height = TITLE + ROW * len(lines) + 2 * MARGIN
    rows = math.ceil(len(panels) / COLUMNS)
    width = LABELS + COLUMNS * (PANEL + GAP) + 2 * MARGIN
    total = HEADER + rows * height + MARGIN
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" '
             f'width="{width}" height="{total}" role="img" aria-label="ratio to {reference}">',
             f"<style>{STYLE}</style>", '<rect class="ground" width="100%" height="100%" rx="8"/>',
             _text(MARGIN, 24, f"Ratio to {reference} (log scale): right of 1 is better", "title")]
    for index, (title, ratios) in enumerate(panels):
        row, column = divmod(index, COLUMNS)
        top = HEADER + row * height
        left = MARGIN + LABELS + column * (PANEL + GAP)
        if column == 0:
            for place, (text, kind) in enumerate(lines):
                parts.append(_text(left - 8, top + TITLE + ROW * place + 11, text, kind))
        systems = [text if kind == "end" else None for text, kind in lines]
        parts += _panel(left, top, title, ratios, systems, reference, scale)
    return "\n".join([*parts, "</svg>", ""])


class _Scale:
    """Ratios to pixels within a panel; the same for all, so that panels compare."""

    def __init__(self, ratios):
        # 1 is never at an edge: the values stand on its other side.
        below = [tick for tick in TICKS if tick <= min(*ratios, 0.99)]
        above = [tick for tick in TICKS if tick >= max(*ratios, 1.01)]
        self.low = max(below, default=TICKS[0])
        self.high = min(above, default=TICKS[-1])
        self.ticks = [tick for tick in TICKS if self.low <= tick <= self.high]

    def __call__(self, ratio):
        inside = min(max(ratio, self.low), self.high)
        return PANEL * math.log(inside / self.low) / math.log(self.high / self.low)


def _panel(left, top, title, ratios, systems, reference, scale):
    bottom = top + TITLE + ROW * len(systems)
    yield _text(left, top + 12, title, "title")
    for tick in scale.ticks:
        x = left + scale(tick)
        kind = "one" if tick == 1 else "line"
        yield (f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top + TITLE - 6}" '
               f'y2="{bottom}"/>')
        yield _text(x, top + TITLE - 10, f"{tick:g}", "faint middle")
    for place, system in enumerate(systems):
        y = top + TITLE + ROW * place
        if not system:
            continue
        if system not in ratios:
            yield _text(left + scale(1) + 4, y + 11, "–", "faint")
            continue
        start, stop = sorted((scale(1), scale(ratios[system])))
        kind = ("ours" if system.startswith("inout") else
                "reference" if system in (reference, "asio", "direct") else "peer")
        yield (f'<rect class="{kind}" x="{left + start:.1f}" y="{y + 2}" '
               f'width="{max(stop - start, 2):.1f}" height="{ROW - 6}" rx="1">'
               f"<title>{html.escape(system)}: {ratios[system]:.3g}</title></rect>")
        # The value stands where the bar is not: beyond 1 on the other side.
        side, x = ("end", start - 4) if ratios[system] >= 1 else ("", stop + 4)
        yield _text(left + x, y + 11, ratio_text(ratios[system]), f"faint {side}")


def _text(x, y, text, kind=""):
    return f'<text class="{kind}" x="{x:.1f}" y="{y}">{html.escape(text)}</text>'
