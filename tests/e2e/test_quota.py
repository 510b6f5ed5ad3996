"""Quotas of keys: what they end, what they refuse, and that a restart gives nobody one anew."""
import json
import pathlib
import subprocess
import time

import pytest

import harness
import secure
from admin import ADMIN, differences, get, metrics
from harness import (BIN, Server, connect, echo_server, expect_echo, expect_failed_open, free_port,
                     read_exactly, wait_for)
from reloads import changed, reload
from test_identity import key, own_key
from test_upgrade import Line
from wall_clock import WallClock

pytestmark = pytest.mark.plain_only  # quotas know no protection

DAY_S = 86_400


def quota_of(size, per="total"):
    return {"quota": {"bytes": size, "per": per}}


class Site:
    """A proxy, key a that asks, key b that serves an echo."""

    def __init__(self, run, folder, a=None, b=None, **options):
        self.run = run
        self.file = pathlib.Path(folder) / "used.json"
        self.options = options
        self.config = {"port": free_port(), **ADMIN, "auth": self.auth(a, b)}
        self.start()
        self.out = run.out(self.config["port"], {"t": echo_server(run).port}, own_key("b"),
                           **options)
        self.out.wait_event("registered")
        self.in_ = run.in_(self.config["port"], ["t"], own_key("a"), **options)
        self.port = self.in_.port()

    def auth(self, a=None, b=None):
        return {"quota_file": str(self.file),
                "keys": [key("a", **{"in": ["#"]}, **(a or {})),
                         key("b", **{"out": ["#"]}, **(b or {}))]}

    def start(self):
        self.proxy = self.run.proxy(self.config, **self.options)
        self.proxy.wait_event("listening")

    def again(self):
        registered = len(self.out.find("registered"))
        self.start()
        self.out.wait_event("registered", count=registered + 1)

    def used(self):
        return {q["key"]: q["used"] for q in get(self.proxy, "/api/status").json.get("quotas", [])}

    def saved(self):
        return {e["who"]: e["total"] for e in json.loads(self.file.read_text())["used"]}

    def move(self, size, ends=False):
        """So many bytes there, and the same back."""
        with connect(self.port) as client:
            expect_echo(client, bytes(size))
        wait_for(lambda: self.proxy.wait_idle(), what="its end")

    def is_refused(self):
        failures = len(self.in_.find("open_failed"))
        expect_failed_open(self.port)
        return self.in_.wait_event("open_failed", count=failures + 1)


def test_streams_end_and_opens_are_refused_when_it_is_used_up(run, tmp_path):
    site = Site(run, tmp_path, a=quota_of("100kB"))
    with connect(site.port) as idle, connect(site.port) as client:
        expect_echo(idle)
        with pytest.raises(ConnectionResetError):
            client.sendall(bytes(1_000_000))
            while client.recv(65536):
                pass
        with pytest.raises(ConnectionResetError):
            while idle.recv(1):
                pass
    wait_for(lambda: len(site.proxy.find("stream")) == 2, what="their ends")
    for line in site.proxy.find("stream"):
        assert line["reason"] == "quota of key a is used up"
    assert site.used() == {"key a": 100_000}, "and no byte more"
    assert site.proxy.find("quota used up", identity="key a")
    line = site.is_refused()
    assert (line["code"], line["detail"]) == ("quota", "quota of key a is used up")
    status = get(site.proxy, "/api/status")
    assert list(differences(status.json, {"$ref": "#/components/schemas/Status"})) == []
    assert status.json["quotas"] == [{"key": "key a", "bytes": 100_000, "used": 100_000,
                                      "per": "total", "closed": False}]
    assert metrics(site.proxy)['inout_quota_used_bytes{key="key a"}'] == 100_000


def test_both_directions_count_once_for_who_asks_and_once_for_who_serves(run, tmp_path):
    site = Site(run, tmp_path, a=quota_of("1GB"), b=quota_of("1GB", "month"))
    site.move(30_000)
    assert site.used() == {"key a": 60_000, "key b": 60_000}
    month = get(site.proxy, "/api/status").json["quotas"][1]
    assert time.time() * 1000 < month["resets_ms"] < (time.time() + 31 * DAY_S) * 1000


def test_one_of_who_serves_refuses_who_asks(run, tmp_path):
    site = Site(run, tmp_path, b=quota_of("20kB"))
    with connect(site.port) as client:
        with pytest.raises(ConnectionResetError):
            client.sendall(bytes(1_000_000))
            while client.recv(65536):
                pass
    line = site.is_refused()
    assert (line["code"], line["detail"]) == (
        "quota", "the quota of who serves this topic is used up")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_survives_a_restart(run, tmp_path, how):
    site = Site(run, tmp_path, a=quota_of("1MB"))
    site.move(50_000)
    if how == "kill":
        # 10 s are the most that is lost; after them all of it is there.
        wait_for(lambda: site.file.exists() and site.saved().get("key a") == 100_000, 10,
                 what="it in the file")
        site.proxy.kill()
    else:
        assert site.proxy.stop() == 0
    assert site.saved() == {"key a": 100_000}
    assert site.file.stat().st_mode & 0o777 == 0o600
    site.again()
    assert site.used() == {"key a": 100_000}
    site.move(5_000)
    assert site.used() == {"key a": 110_000}


def test_both_processes_of_an_upgrade_count_and_each_learns_of_the_other(run, tmp_path):
    site = Site(run, tmp_path, a=quota_of("1MB"))
    line = run.own(Line(site.proxy))
    with connect(site.port) as stream:
        expect_echo(stream, bytes(10_000))
        line.upgrade()
        for size in (20_000, 30_000):
            with connect(site.port) as client:
                expect_echo(client, bytes(size))
        expect_echo(stream, bytes(40_000))
        wait_for(lambda: site.file.exists() and site.saved().get("key a") == 200_000, 15,
                 what="both in the file")
    line.wait_end(line.pids[0])
    wait_for(lambda: site.used() == {"key a": 200_000}, 15, what="both at the next process")


def test_a_reload_raises_it_and_lowers_it(run, tmp_path):
    site = Site(run, tmp_path, a=quota_of("50kB"))
    with connect(site.port) as client:
        expect_echo(client, bytes(20_000))
        reload(site.proxy, changed(site.proxy, auth=site.auth(a=quota_of("100kB"))))
        expect_echo(client, bytes(20_000))
        reload(site.proxy, changed(site.proxy, auth=site.auth(a=quota_of("60kB"))))
        with pytest.raises(ConnectionResetError):
            client.sendall(b"x")
            while client.recv(1):
                pass
    assert site.is_refused()["code"] == "quota"
    reload(site.proxy, changed(site.proxy, auth=site.auth(a=quota_of("1GB"))))
    site.move(1_000)
    assert site.used() == {"key a": 82_000}
    reload(site.proxy, changed(site.proxy, auth=site.auth()))
    site.move(1_000)
    assert site.used() == {}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1, "used": [{"who": "key a"}]}'],
                         ids=["empty", "truncated", "other", "entry"])
def test_a_damaged_file_closes_quotas_and_nothing_else(run, tmp_path, damage):
    (tmp_path / "used.json").write_text(damage)
    (tmp_path / "used.json").chmod(0o600)
    site = Site(run, tmp_path, a=quota_of("1MB"))
    line = site.proxy.wait_event("quota closed")
    assert line["level"] == "error" and line["file"] == str(site.file), line
    refused = site.is_refused()
    assert refused["code"] == "quota" and "auth.quota_file" in refused["detail"]
    status = get(site.proxy, "/api/status").json
    assert "is damaged" in status["quota_problem"] and status["quotas"][0]["closed"]
    assert site.file.read_text() == damage, "it is never written over"
    reload(site.proxy, changed(site.proxy, auth=site.auth()))
    site.move(1_000)  # without its quota the key is served
    reload(site.proxy, changed(site.proxy, auth=site.auth(a=quota_of("1MB"))))
    assert site.is_refused()["code"] == "quota"
    site.file.unlink()
    reload(site.proxy)
    site.move(1_000)
    assert site.used() == {"key a": 2_000}
    assert site.proxy.stop() == 0
    assert site.saved() == {"key a": 2_000}


def test_a_month_begins_at_zero_and_never_twice(run, tmp_path):
    clock = WallClock(run)
    site = Site(run, tmp_path, a=quota_of("100kB", "month"), env=clock.env)
    site.move(40_000)
    assert site.used() == {"key a": 80_000}
    clock.move(40 * DAY_S)
    assert site.used() == {"key a": 0}
    clock.move(0)
    assert site.used() == {"key a": 0}, "that of the later month goes on"


def test_a_place_that_can_not_be_written_is_told_before_anything_starts(tmp_path):
    secret = secure.secret("quota.key")
    file = tmp_path / "proxy.json"
    file.write_text(json.dumps({"port": 0, "auth": {
        "quota_file": "nowhere/used.json",
        "keys": [{"id": "a", "secret_file": secret, "in": ["#"], **quota_of("1MB")}]}}))
    for flags in (["--check"], []):
        done = subprocess.run([BIN / "proxy", "--config", file, *flags], capture_output=True,
                              text=True, timeout=20 * harness.PATIENCE)
        assert done.returncode == 2
        assert f"auth.quota_file: {tmp_path}/nowhere/used.json" in done.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_a_check_leaves_nothing_behind(tmp_path):
    file = tmp_path / "proxy.json"
    file.write_text(json.dumps({"port": 0, "auth": {
        "quota_file": "used.json",
        "keys": [{"id": "a", "secret_file": secure.secret("quota.key"), "in": ["#"],
                  "rate": {"up": "1MB"}, **quota_of("1MB", "month")}]}}))
    done = subprocess.run([BIN / "proxy", "--config", file, "--check"], capture_output=True,
                          text=True, timeout=20 * harness.PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "in: every topic, up 1MB/s, 1MB per month" in done.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_when_the_place_is_gone_it_goes_on_counting_and_says_so(run, tmp_path):
    folder = tmp_path / "later gone"
    folder.mkdir()
    site = Site(run, folder, a=quota_of("1MB"))
    wait_for(site.file.exists, what="the file")
    folder.rename(tmp_path / "gone")
    site.move(1_000)
    line = site.proxy.wait_event("quota not saved", timeout=10)
    assert line["level"] == "error" and line["file"] == str(site.file)
    assert "can not be created" in get(site.proxy, "/api/status").json["quota_problem"]
    assert site.used() == {"key a": 2_000}
    (tmp_path / "gone").rename(folder)
    wait_for(lambda: site.saved() == {"key a": 2_000}, 10, what="it in the file")
    wait_for(lambda: "quota_problem" not in get(site.proxy, "/api/status").json, what="no problem")
