"""The proxy's status page in a browser, with real traffic through the three programs."""
import re

import pytest

from admin import ADMIN, admin_port
from browser import Browser, Keys
from cluster_site import Member, Nats, needs_nats
from ext_peer import Ask
from harness import (ROOT, connect, echo_server, expect_echo, expect_failed_open, expect_reset,
                     free_port, refusing_port, reset, wait_for)
from secure import proxy_tls, secret

pytestmark = pytest.mark.plain_only

TOKEN = "0123456789abcdef" * 4
WITH_TOKEN = {"admin": {"port": 0, "token_file": secret("token", TOKEN + "\n")}}
EVIL = ["<img src=x onerror='window.hit=1'>", '"><script>window.hit=1</script>',
        "</title></style><svg/onload=window.hit=1>", "javascript:window.hit=1", "{{window.hit=1}}",
        "x" * 255]
EVIL_CLIENT = "1.2.3.4<b onclick=hit=1>&lt;\u05d0" + "\u0301" * 8


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


def show(browser, program):
    """Opens a proxy's page, and waits until it has read all for the first time."""
    browser.open(f"http://127.0.0.1:{admin_port(program)}")
    browser.wait_js("document.getElementById('read').textContent.startsWith('Read at')")


def rows(browser, table):
    """[{head of the column: text}]"""
    return browser.js("""return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map(tr =>
        Object.fromEntries([...tr.cells].map(td => [td.dataset.head ?? "", td.innerText])))""", table)


def wait_rows(browser, table, condition, what):
    return wait_for(lambda: (there := rows(browser, table)) is not None and condition(there) and there,
                    what=what)


def search(browser, text):
    field = browser.one("#search")
    field.clear()
    field.send_keys(text or " ")


def test_what_a_peer_has_chosen_is_text_and_nothing_else(run, browser):
    backend = echo_server(run)
    proxy = run.proxy(ADMIN)
    run.out(proxy, {topic: backend.port for topic in EVIL}).wait_event("registered", count=len(EVIL))
    asks = [Ask(run, proxy, topic, client=EVIL_CLIENT) for topic in EVIL]
    for ask in asks:
        assert ask.response()["message"] == ""
        expect_echo(ask.sock)
    run.in_(proxy, ["</td><script>hit=1</script>"]).port()
    show(browser, proxy)
    told = wait_rows(browser, "topics", lambda all: len(all) == len(EVIL), "topics")
    assert sorted(row["Topic"] for row in told) == sorted(EVIL)
    told = wait_rows(browser, "streams", lambda all: len(all) == len(EVIL), "streams")
    assert {row["Topic"] for row in told} == set(EVIL)
    for row in told:
        assert row["Client"].startswith("1.2.3.4<b onclick=hit=1>&lt;\u05d0"), row
    names = browser.js("[...document.querySelectorAll('td button')].map(b => b.ariaLabel)")
    assert f"Kick topic {EVIL[0]}" in names
    search(browser, "onerror")
    wait_rows(browser, "streams", lambda all: len(all) == 1, "one hit")
    browser.one("#streams td button").click()
    assert EVIL[0] in browser.one("#kick-facts").text and "&lt;" in browser.one("#kick-facts").text
    # The proxy takes no controls and no characters that turn the direction; the page would show them.
    assert browser.js("seen_text(arguments[0])", "a\u202eb\u200b\n\u2066\ufeff") \
        == "aU+202EbU+200BU+000AU+2066U+FEFF"
    assert browser.js("[typeof window.hit, document.images.length, document.scripts.length, "
                      "document.querySelectorAll('svg').length]") == ["undefined", 0, 1, 1]
    browser.expect_clean()


def test_it_lives_sorts_finds_and_can_be_used_by_keyboard(run, browser):
    backend = echo_server(run)
    proxy = run.proxy(ADMIN)
    names = ["alpha", "beta", "gamma"]
    run.out(proxy, {name: backend.port for name in names}).wait_event("registered", count=3)
    in_ = run.in_(proxy, names)
    clients = {name: run.own(connect(in_.port(topic=name))) for name in names}
    for size, client in enumerate(clients.values(), 1):
        expect_echo(client, b"x" * 1000 * size)
    show(browser, proxy)
    sizes = {f"{size}.00\u00a0kB" for size in (1, 2, 3)}
    wait_rows(browser, "streams", lambda all: {r["Up"] for r in all} == sizes, "bytes")
    # Its row stays the same element while its figures change.
    first = rows(browser, "streams")[0]["Topic"]
    browser.js("return (window.row = document.querySelector('#streams tbody tr'), 0)")
    expect_echo(clients["alpha"], b"x" * 10_000)
    told = wait_rows(browser, "streams", lambda all: "11.0\u00a0kB" in {r["Up"] for r in all}, "news")
    assert told[0]["Topic"] == first and all(row["Rate"].endswith("B/s") for row in told)
    assert browser.js("window.row === document.querySelector('#streams tbody tr')")

    # Sorting by keyboard; the button keeps the focus, and whoever can not see it is told.
    browser.js("return document.getElementById('streams').querySelectorAll('th button')[4].focus()")
    browser.press(Keys.ENTER)
    wait_rows(browser, "streams", lambda all: [r["Topic"] for r in all] == ["alpha", "gamma", "beta"],
              "order by bytes")
    assert browser.js("document.activeElement.parentElement.ariaSort") == "descending"
    browser.press(Keys.SPACE)
    wait_rows(browser, "streams", lambda all: [r["Topic"] for r in all] == ["beta", "gamma", "alpha"],
              "the other order")
    assert browser.js("document.querySelectorAll('#streams [aria-sort]').length") == 1

    # A search looks through all tables and is told to a screen reader.
    search(browser, "GAM")
    wait_rows(browser, "streams", lambda all: [r["Topic"] for r in all] == ["gamma"], "one stream")
    assert [row["Topic"] for row in rows(browser, "topics")] == ["gamma"]
    browser.wait_js("document.getElementById('hits').textContent.includes('1 running stream')")
    search(browser, "")
    wait_rows(browser, "topics", lambda all: len(all) == 3, "all topics")

    # The first Tab leads past the head, and on from there to the figures.
    show(browser, proxy)
    browser.press(Keys.TAB)
    assert browser.focused().text == "Skip to the figures"
    browser.press(Keys.ENTER)
    assert browser.js("document.activeElement.id") == "main"
    browser.press(Keys.TAB)
    assert browser.focused().accessible_name == "Throughput over the last hour"
    browser.press(Keys.TAB)
    assert browser.focused().accessible_name == "Topic"

    # A stream that ends at a button with the focus leaves it nearby.
    browser.js("return document.querySelector('#streams [aria-label$=\" to beta\"]').focus()")
    clients["beta"].close()
    wait_rows(browser, "streams", lambda all: len(all) == 2, "two streams")
    assert browser.js("document.activeElement.id") == "streams-title"
    browser.wait_js("/3 streams were opened and 0 failed/.test("
                    "document.getElementById('throughput-text').textContent)", timeout=20,
                    what="a point of the plot")
    browser.js("return document.querySelector('#plot svg').focus()")
    browser.press(Keys.ARROW_LEFT)
    assert "opened" in browser.one("#throughput-there").text
    browser.expect_clean()


def test_why_a_stream_failed_or_ended_is_told(run, browser):
    proxy = run.proxy({**ADMIN, "open_timeout": 1000})
    out = run.out(proxy, {"live": echo_server(run).port, "dead": refusing_port(run)})
    out.wait_event("registered", count=2)
    in_ = run.in_(proxy, ["live", "dead", "nobody"])
    show(browser, proxy)
    with connect(in_.port(topic="live")) as client:
        expect_echo(client)
    client = connect(in_.port(topic="live"))
    expect_echo(client)
    reset(client)
    expect_failed_open(in_.port(topic="dead"))
    expect_failed_open(in_.port(topic="nobody"))
    told = wait_rows(browser, "ended", lambda all: len(all) == 4, "four ended streams")
    reasons = {(row["Topic"], row["Reason"].split("\n")[0]) for row in told}
    assert reasons == {("live", "done"), ("live", "reset"), ("dead", "failed: backend_refused"),
                       ("nobody", "failed: no_topic")}
    assert [row["When"] for row in told] == sorted((row["When"] for row in told), reverse=True)
    explained = wait_rows(browser, "reasons", lambda all: len(all) == 4, "explanations")
    assert {row["Reason"]: row["Streams"] for row in explained} == dict.fromkeys(
        ["failed: backend_refused", "failed: no_topic", "done", "reset"], "1")
    assert all(len(row["What it means, and what to do"]) > 20 for row in explained)
    browser.one("[aria-label='Search backend_refused']").click()
    wait_rows(browser, "ended", lambda all: [r["Topic"] for r in all] == ["dead"], "the one that failed")
    browser.expect_clean()


def test_every_reason_has_its_words():
    page = (ROOT / "src/proxy/status_page.html").read_text()
    codes = re.findall(r'\{Code::(\w+), "\1"', (ROOT / "src/common/rules/reason.cpp").read_text())
    causes = re.search(r"enum class Cause .*?\{(.*?)\};", (ROOT / "src/common/rules/stream_end.hpp")
                       .read_text(), re.DOTALL)[1]
    causes = re.findall(r"^ *(\w+), +///<", causes, re.MULTILINE)
    assert len(codes) > 15 and len(causes) > 10
    for kind, words in (("FAILED", codes), ("ENDED", causes)):
        there = re.search(rf"const {kind} = \{{(.*?)\n\}};", page, re.DOTALL)[1]
        assert sorted(re.findall(r'^  (\w+): "', there, re.MULTILINE)) == sorted(words)


def test_kick_asks_first_and_needs_the_token(run, browser):
    chain = run.chain(echo_server(run).port, topic="t", proxy=WITH_TOKEN)
    stays, goes = run.own(chain.connect()), chain.connect()
    for client in (stays, goes):
        expect_echo(client)
    port = goes.getsockname()[1]
    show(browser, chain.proxy)
    wait_rows(browser, "streams", lambda all: len(all) == 2, "two streams")
    button = browser.one(f"[aria-label='Kick stream of 127.0.0.1:{port} to t']")
    for leave in (lambda: browser.press(Keys.ESCAPE), lambda: browser.one("#kick-no").click()):
        button.send_keys(Keys.ENTER)
        assert browser.focused().text == "Cancel"
        assert browser.one("#kick").accessible_name == "Kick this stream?"
        leave()
        assert browser.focused() == button and not browser.one("#kick").is_displayed()
    expect_echo(goes)

    button.send_keys(Keys.ENTER)
    browser.one("#kick-token input").send_keys("wrong" * 10)
    browser.one("#kick-yes").click()
    wait_for(lambda: browser.one("#kick-problem").text != "", what="refusal")
    expect_echo(goes)
    browser.one("#kick-token input").send_keys(TOKEN, Keys.ENTER)
    expect_reset(goes)
    browser.wait_js("/was kicked/.test(document.getElementById('told-text').textContent)")
    told = wait_rows(browser, "ended", lambda all: len(all) == 1, "its end")
    assert told[0]["Reason"].startswith("kicked")
    expect_echo(stays)

    # The token is known now; the streams of the topic may stay.
    browser.one("[aria-label='Kick topic t']").click()
    assert not browser.one("#kick-token").is_displayed()
    browser.one("#kick-keep input").click()
    browser.one("#kick-yes").click()
    chain.out.wait_event("registered", count=2)
    expect_echo(stays)
    assert browser.js("[localStorage.length, document.cookie]") == [0, ""]
    browser.expect_clean("401")


def test_without_a_token_kick_says_what_is_missing(run, browser):
    chain = run.chain(echo_server(run).port, topic="t", proxy=ADMIN)
    client = run.own(chain.connect())
    expect_echo(client)
    show(browser, chain.proxy)
    browser.one("#streams td button").click()
    browser.one("#kick-yes").click()
    wait_for(lambda: "token_file" in browser.one("#kick-problem").text, what="reason")
    expect_echo(client)


def test_beyond_loopback_it_asks_for_the_token(run, browser):
    files = {key: value for key, value in proxy_tls().items() if key in ("cert", "key")}
    proxy = run.proxy({"admin": {"bind": "0.0.0.0", "port": 0, "tls": files,
                                 "token_file": WITH_TOKEN["admin"]["token_file"]}})
    browser.open(f"https://127.0.0.1:{admin_port(proxy)}")
    browser.wait_js("document.activeElement.id === 'login-token'")
    assert browser.js("[...document.querySelectorAll('section')].every(s => s.hidden)")
    browser.press("wrong" * 10, Keys.ENTER)
    browser.wait_js("document.getElementById('login-problem').textContent !== ''")
    browser.press(TOKEN, Keys.ENTER)
    browser.wait_js("document.getElementById('state').textContent === 'ready'")
    told = wait_rows(browser, "certificates", lambda all: all, "certificates")
    assert re.fullmatch(r"\d+ days", told[0]["Left"])
    assert browser.js("[localStorage.length, document.cookie]") == [0, ""]
    browser.one("#forget").click()
    browser.wait_js("!document.getElementById('login').hidden")
    browser.expect_clean("401")


def test_a_proxy_that_goes_away_is_told_and_comes_back(run, browser):
    config = {"port": free_port(), "admin": {"port": free_port()}}
    proxy = run.proxy(config)
    run.out(proxy, {"first": 1}).wait_event("registered")
    show(browser, proxy)
    wait_rows(browser, "topics", lambda all: len(all) == 1, "topic")
    proxy.kill()
    browser.wait_js("document.title === 'away – inout proxy'")
    assert "What you see is from" in browser.one("#away-text").text
    assert len(rows(browser, "topics")) == 1
    again = run.proxy(config)
    browser.wait_js("document.getElementById('away').hidden", what="return")
    assert browser.js("document.title") == "0 streams – inout proxy"
    run.out(again, {"second": 1}).wait_event("registered")
    wait_rows(browser, "topics", lambda all: "second" in {r["Topic"] for r in all}, "new topic")
    browser.expect_clean("ERR_CONNECTION", "ERR_EMPTY_RESPONSE")


def test_many_rows_are_drawn_when_they_are_asked_for(run, browser):
    proxy = run.proxy(ADMIN)
    out = run.out(proxy, {f"t{i}": 1 for i in range(130)})
    out.wait_event("registered", count=130, timeout=20)
    show(browser, proxy)
    assert [row["Topic"] for row in rows(browser, "topics")] == [f"t{i}" for i in range(100)]
    assert browser.one("#topics-count").text == "100 of 130"
    more = browser.one("#topics button.small:not(td button)")
    more.click()
    assert len(rows(browser, "topics")) == 130 and not more.is_displayed()


def luminance(color):
    """Of a color as CSS computes it: WCAG 2.2, relative luminance."""
    parts = [int(part) / 255 for part in re.findall(r"[\d.]+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


# For each text on the page its color, and that of what is behind it.
COLORS = """return [...document.querySelectorAll('h1, h2, p, dt, dd, span, td, th button, button, li')]
  .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .map(e => {
    let behind = e;
    while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    return [e.className || e.tagName, getComputedStyle(e).color, getComputedStyle(behind).backgroundColor];
  })"""


def test_it_can_be_read_by_day_by_night_and_on_a_phone(run, browser):
    proxy = run.proxy(ADMIN)
    out = run.out(proxy, {"live": echo_server(run).port, "dead": refusing_port(run), "x" * 255: 1})
    out.wait_event("registered", count=3)
    run.out(proxy, {"live": 1}).wait_event("registered")
    in_ = run.in_(proxy, ["live", "dead"])
    expect_failed_open(in_.port(topic="dead"))
    asks = Ask(run, proxy, "dead", client="2001:db8:" * 20)
    assert asks.ended_or_refused()
    show(browser, proxy)
    wait_rows(browser, "topics", lambda all: len(all) == 4, "topics")
    grounds = set()
    for scheme in ("light", "dark"):
        browser.look(1280, 1000, scheme)
        colors = browser.js(COLORS)
        assert len(colors) > 50
        for name, color, behind in colors:
            assert contrast(color, behind) >= 4.5, (scheme, name, color, behind)
        grounds.add(browser.js("getComputedStyle(document.body).backgroundColor"))
        for width in (360, 768):
            browser.look(width, 740, scheme)
            assert browser.js("document.documentElement.scrollWidth") <= width
    assert len(grounds) == 2

    tree = browser.tree()
    roles = {role for role, _ in tree}
    assert roles >= {"banner", "main", "contentinfo", "search", "table", "columnheader", "image"}
    for role, name in tree:
        if role in ("table", "image", "button", "searchbox", "region", "columnheader", "heading"):
            assert name.strip(), role
    assert ("heading", "Running streams") in tree
    browser.expect_clean()


@needs_nats()
def test_the_way_over_two_proxies_of_a_cluster(run, browser):
    nats = Nats(run)
    a, b = Member(run, nats, ADMIN), Member(run, nats, ADMIN)
    b.out(echo_server(run).port, "ssh")
    (place,), _ = a.in_(["ssh"])
    with connect(place) as s:
        expect_echo(s)
        show(browser, a.proxy)
        told = wait_rows(browser, "streams", lambda all: len(all) == 1, "stream")
        assert f"proxy {b.address}" in told[0]["Client"]
        assert f"in cluster test by {nats.url}" in browser.one("#life").text
        show(browser, b.proxy)
        told = wait_rows(browser, "streams", lambda all: len(all) == 1, "stream")
        assert "over proxy test" in told[0]["Client"] and "for anonymous" in told[0]["Client"]
        nats.kill()
        wait_for(lambda: "NATS can not be reached" in browser.one("#attention").text, timeout=30,
                 what="the cluster's end")
    browser.expect_clean()
