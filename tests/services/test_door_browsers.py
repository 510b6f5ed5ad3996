"""docs/doors.md as printed: Chromium and Firefox, by flags, by a policy and by their own settings."""
import shlex

import pytest

from doors import PAGE, Doors
from harness import wait_for
from printed import block, lines
from service import need

pytestmark = pytest.mark.plain_only

# It says which browser has loaded it by which host's name.
BEACON = """<!doctype html><title>web</title><script>
fetch("/loaded?" + location.host + "," + (navigator.userAgent.match(/Firefox|Chrome/) ?? ["?"])[0])
</script>"""


@pytest.fixture
def doors(run, tmp_path):
    doors = Doors(run, tmp_path)
    doors.web()
    (doors.www / "index.html").write_text(BEACON)
    doors.offer(web=8000)
    doors.listen()
    return doors


def browse(doors, line):
    """Runs the browser until the page has said that it is there."""
    profile = doors.directory / "profile"
    profile.mkdir(exist_ok=True)
    name, *flags = shlex.split(line)
    if name == "chromium":
        need("chromium", "chromium")
        flags += ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                  "--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    else:
        need(name, "firefox-esr")
        flags = ["--headless", "--no-remote", "--profile", str(profile), *flags]
    doors.machine.background([name, *flags], None, env={"HOME": str(doors.directory)})
    wait_for(lambda: "/loaded?" in doors.requests(), 30, f"page of {line}")
    browser = "Chrome" if name == "chromium" else "Firefox"
    assert f"/loaded?web.inout,{browser}" in doors.requests()
    doors.in_.wait_event("stream", topic="web")


@pytest.mark.parametrize("way", ["--proxy-pac-url", "--proxy-server"])
def test_chromium_with_a_flag(doors, way):
    [line] = lines(PAGE, "Browser", f"chromium {way}=")
    browse(doors, line)


def test_chromium_with_a_policy(doors):
    doors.write("/etc/chromium/policies/managed/inout.json", block(PAGE, "Browser", '{"ProxySettings"'))
    browse(doors, "chromium http://web.inout/")


def test_firefox_with_a_policy(doors):
    doors.write("/etc/firefox/policies/policies.json", block(PAGE, "Browser", '{"policies"'))
    browse(doors, "firefox-esr http://web.inout/")


@pytest.mark.parametrize("place", ["port", "unix"])
def test_firefox_with_settings_of_its_own(doors, place):
    profile = doors.directory / "profile"
    profile.mkdir()
    settings = block(PAGE, "Browser", 'user_pref("network.proxy.type"')
    if place == "unix":
        doors.in_.stop()
        doors.listen(block(PAGE, "Browser", '{"server_host"'))
        [line] = lines(PAGE, "Browser", "curl")
        assert doors.shell(line).stdout == BEACON
        settings += block(PAGE, "Browser", 'user_pref("network.proxy.socks", "file:')  # the last one counts
    (profile / "user.js").write_text(settings)
    browse(doors, "firefox-esr http://web.inout/")
