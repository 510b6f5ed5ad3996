"""What a page of docs prints: its indented blocks, to be used as they are."""
import json

from harness import ROOT


def blocks(page, heading):
    """Those of a section, in its order; an empty line parts two."""
    text = (ROOT / "docs" / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [[]]
    for line in text.splitlines():
        if line.startswith("    "):
            found[-1].append(line[4:])
        elif found[-1]:
            found.append([])
    return ["\n".join(block) + "\n" for block in found if block]


def block(page, heading, *begins):
    """The one that begins with one of these words."""
    [one] = [text for text in blocks(page, heading) if text.startswith(begins)]
    return one


def lines(page, heading, *begins):
    """The lines of a section's blocks that begin so: commands."""
    return [line for text in blocks(page, heading) for line in text.splitlines()
            if line.startswith(begins)]


def config(text, **more):
    """The JSON behind a comment that says whose it is; {…, ...} gets these."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
    rest = json.dumps(more)[1:-1]
    found = json.loads(text.replace("...", rest))
    return found if "networks" in found else {"networks": [found]}
