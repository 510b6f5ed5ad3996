"""Makes the pictures of the status page in docs/: `python3 tests/services/status_page_pictures.py`.

The page comes from a real proxy; what it asks for is answered here, with the figures of an hour
that nobody has to wait for. Needs python3-pil.
"""
import io
import json
import math
import os
import pathlib
import random
import sys
import time

os.environ.setdefault("INOUT_REQUIRE_ALL", "1")
from PIL import Image

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "e2e")]

from admin import ADMIN, admin_port  # noqa: E402
from browser import Browser  # noqa: E402
from harness import ROOT, Runner, wait_for  # noqa: E402

dice = random.Random(7)
MINUTE = 60_000


def topic(name, out, identity, minutes, streams, position=0, mode="takeover"):
    return {"topic": name, "out": out, "identity": identity, "tls": True, "mode": mode,
            "position": position, "state": "waits" if position else "holds",
            "age_ms": minutes * MINUTE, "parked": 0 if position else 2, "streams": streams}


TOPICS = [topic("git", "192.0.2.17:41200", "key site-b", 2900, 1),
          topic("mysql", "192.0.2.17:41204", "key site-b", 2900, 2),
          topic("mysql", "198.51.100.4:50812", "key site-c", 410, 0, 1, "standby"),
          topic("ssh", "192.0.2.17:41208", "key site-b", 37, 2),
          topic("web.intranet", "198.51.100.4:50820", "certificate site-c", 410, 2)]


def stream(name, client, peer, minutes, up, down):
    return {"number": str(dice.getrandbits(50)), "id": f"{dice.getrandbits(64):016x}", "topic": name,
            "client": client, "client_peer": peer, "service_peer": "192.0.2.17:41360",
            "state": "open", "age_ms": int(minutes * MINUTE), "bytes_up": up, "bytes_down": down}


STREAMS = [stream("mysql", "10.1.0.21:55212", "203.0.113.8:43090", 212, 18_400_000, 921_000_000),
           stream("ssh", "10.1.0.34:39822", "203.0.113.8:43102", 34, 210_300, 1_940_000),
           stream("mysql", "10.1.0.22:55380", "203.0.113.8:43110", 31, 4_100_000, 208_000_000),
           stream("web.intranet", "10.1.0.40:60112", "203.0.113.8:43144", 2.4, 41_200, 3_310_000),
           stream("ssh", "10.1.0.35:39910", "203.0.113.8:43150", 1.1, 9_400, 22_100),
           stream("git", "10.1.0.21:55420", "203.0.113.8:43166", 0.4, 88_000, 64_200_000),
           stream("web.intranet", "10.1.0.41:60120", "203.0.113.8:43170", 0.2, 2_900, 77_000)]

ENDS = [("done", "ended", "web.intranet", "done", 2_100), ("done", "ended", "git", "done", 31_400),
        ("backend_refused", "failed", "wiki", "127.0.0.1:8080: Connection refused", 12),
        ("done", "ended", "web.intranet", "done", 900),
        ("reset", "ended", "ssh", "reset by client", 1_840_000),
        ("no_topic", "failed", "ldap", "nobody has registered this topic", 3),
        ("done", "ended", "mysql", "done", 604_000),
        ("peer_timeout", "ended", "ssh", "peer timeout of in", 7_260_000)]


def ended(now):
    return [{**stream(name, f"10.1.0.{20 + i}:5{i}214", "203.0.113.8:43090", 0, dice.randrange(10 ** 6),
                      dice.randrange(10 ** 8)),
             "number": str(900 - i), "state": state, "reason": reason, "detail": detail,
             "age_ms": lasted, "ended_ms": now - 71_000 * (i + 1) * (i + 2) // 2}
            for i, (reason, state, name, detail, lasted) in enumerate(ENDS)]


def history(now):
    def point(i):
        busy = 1 + 0.5 * math.sin(i / 31) + 0.3 * math.sin(i / 7) + dice.random() / 4
        backup = 6 if 215 < i < 262 else 0
        return {"at_ms": now - 10_000 * (359 - i), "bytes_up": int(4e6 * busy),
                "bytes_down": int(1e7 * (1.2 * busy + backup)), "opened": dice.randrange(3),
                "failed": int(i in (61, 140, 143, 301))}
    return {"interval_ms": 10_000, "points": [point(i) for i in range(360)]}


def status(status, now):
    counters = {**status["counters"], "streams": 7, "topics": 4, "controls": 5, "parked": 8,
                "warm": 4, "streams_total": 4_312, "failed_total": 21, "sockets": 31}
    day = 86_400
    return {**status, "started_ms": now - 2_901 * MINUTE, "uptime_ms": 2_901 * MINUTE,
            "counters": counters,
            "ended": {"done": 4_218, "reset": 74, "peer_timeout": 9, "idle_timeout": 4},
            "failed": {"backend_refused": 14, "no_topic": 6, "denied": 1},
            "certificates": [{"key": "tls.cert", "file": "/etc/inout/relay.crt", "begins_s": 0,
                              "ends_s": now // 1000 + 61 * day + 7},
                             {"key": "admin.tls.cert", "file": "/etc/inout/admin.crt",
                              "begins_s": 0, "ends_s": now // 1000 + 212 * day + 7}]}


# In the page before its own script. Streams go on between two looks.
ANSWERS = """
const answers = %s, real = fetch;
let looks = 0;
window.fetch = async path => {
  const [where, query] = path.split("?");
  if (where === "/api/streams" && !query.includes("state=ended")) {
    ++looks;
    answers[where].streams.forEach((row, i) => { row.bytes_up += 900 * (i + 1); row.bytes_down += 71000 * (7 - i); });
  }
  const answer = query?.includes("state=ended") ? (query.includes("after") || query.includes("before") ? {streams: []} : answers.ended)
    : answers[where];
  return new Response(JSON.stringify(answer));
};
"""


def take(browser, file, *look):
    browser.look(*look)
    wait_for(lambda: browser.js("document.getElementById('streams').textContent.includes('B/s')"))
    picture = Image.open(io.BytesIO(browser.picture())).convert("RGB")
    # A page has few colours: a third of the size.
    picture.quantize(96, dither=Image.Dither.NONE).save(file, optimize=True)
    print(file, file.stat().st_size // 1000, "kB")


def main():
    run, browser = Runner(), Browser()
    try:
        port = admin_port(run.proxy(ADMIN))
        browser.open(f"http://127.0.0.1:{port}")
        real = browser.driver.execute_async_script(
            "fetch('/api/status').then(r => r.json()).then(arguments[0])")
        now = int(time.time() * 1000)
        answers = {"/api/status": status(real, now), "/api/topics": {"topics": TOPICS},
                   "/api/streams": {"streams": STREAMS}, "ended": {"streams": ended(now)},
                   "/api/history": history(now)}
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=ANSWERS % json.dumps(answers))
        browser.open(f"http://127.0.0.1:{port}")
        take(browser, ROOT / "docs/status-page-light.png", 1180, 1500, "light")
        take(browser, ROOT / "docs/status-page-dark.png", 390, 844, "dark", 2)
    finally:
        browser.close()
        run.end()


if __name__ == "__main__":
    main()
