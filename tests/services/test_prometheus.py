"""Prometheus scrapes the three programs under traffic: every rule and every expression of the
dashboard that are in packaging/ is answered with figures of theirs."""
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from admin import ADMIN, admin_port
from harness import (ROOT, connect, echo_server, expect_echo, expect_failed_open, free_port,
                     wait_for)
from reloads import changed, reload
from secure import client_tls, proxy_tls
from service import Service, need

RULES = ROOT / "packaging/prometheus/alerts.yml"
DASHBOARD = json.loads((ROOT / "packaging/grafana/inout.json").read_text())
# What Grafana puts in.
VARIABLES = {"$instance": ".*", "$__rate_interval": "1m"}


class Prometheus:
    """A throw-away one that scrapes these ports every second."""

    def __init__(self, run, ports, folder):
        shutil.copy(RULES, folder / "alerts.yml")
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            "rule_files: [alerts.yml]\n"
            "scrape_configs:\n"
            "  - job_name: inout\n"
            f"    static_configs: [{{targets: [{targets}]}}]\n")
        self.port = free_port()
        run.own(Service([need("prometheus", "prometheus"), "--config.file=prometheus.yml",
                         "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{self.port}"],
                        self.port, folder))
        wait_for(self._is_ready, 30, "Prometheus")

    def _is_ready(self):
        """It listens before that, and answers 503."""
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=20).close()
            return True
        except urllib.error.HTTPError:
            return False

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{query}: {e.read().decode()}") from e

    def value(self, expression):
        """[[labels, value]] as it is now."""
        return [(each["metric"], float(each["value"][1]))
                for each in self.ask("query", query=expression)["result"]]

    def wait_value(self, expression):
        return wait_for(lambda: self.value(expression), 30, f"a value of {expression}")


def dashboard_expressions():
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            assert "$" not in expression
            yield expression


@pytest.fixture
def chain(run):
    """All three answer over HTTP; a stream runs, some have ended, and one has failed."""
    chain = run.chain(echo_server(run).port, topic="t",
                      proxy={**ADMIN, "tls": proxy_tls(), "open_timeout": 1_000},
                      out={**ADMIN, "tls": client_tls()}, in_={**ADMIN, "tls": client_tls()})
    stream = run.own(chain.connect())
    expect_echo(stream)
    for _ in range(5):
        with connect(chain.port) as client:
            expect_echo(client)
    return chain


@pytest.mark.plain_only
def test_every_rule_and_every_panel_is_answered_with_figures(run, chain, tmp_path):
    ports = [admin_port(program) for program in (chain.proxy, chain.out, chain.in_)]
    prometheus = Prometheus(run, ports, tmp_path)
    for port in ports:
        prometheus.wait_value(f'up{{instance="127.0.0.1:{port}"}} == 1')
    for expression in dashboard_expressions():
        prometheus.wait_value(expression)

    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == RULES.read_text().count("alert: ")
    for rule in rules:
        # A comparison says only what it is true for; this one says 0 for all others.
        prometheus.wait_value(re.sub(r" (==|>|<) ", r" \1 bool ", rule["query"]))
        assert rule["health"] == "ok", rule
        assert rule["state"] == "inactive", rule
    assert not prometheus.ask("targets")["droppedTargets"]
    assert {t["lastError"] for t in prometheus.ask("targets")["activeTargets"]} == {""}


@pytest.mark.plain_only
def test_what_goes_wrong_is_pending_or_fires(run, chain, tmp_path):
    ports = [admin_port(program) for program in (chain.proxy, chain.out, chain.in_)]
    prometheus = Prometheus(run, ports, tmp_path)

    def states():
        return {rule["name"]: rule["state"] for group in prometheus.ask("rules")["groups"]
                for rule in group["rules"] if rule["state"] != "inactive"}
    reload(chain.in_, changed(chain.in_, connect_timeout=0), fails=True)
    wait_for(lambda: states().get("InoutReloadFailed") == "firing", 30, "alarm of the reload")
    assert states() == {"InoutReloadFailed": "firing"}
    chain.proxy.kill()
    expect_failed_open(chain.port)
    wait_for(lambda: states().items() >= {"InoutDown": "pending", "InoutNotReady": "pending",
                                          "InoutTopicsUnregistered": "pending"}.items(), 60,
             "alarms")


def test_promtool_finds_nothing_wrong(tmp_path):
    for command in (["check", "rules", RULES],
                    ["check", "config", ROOT / "packaging/prometheus/prometheus.yml"]):
        done = subprocess.run([need("promtool", "prometheus"), *map(str, command)],
                              capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
