"""Go's own test of a network connection (golang.org/x/net/nettest), and ends in its style, through
the programs: a stream is to be a net.Conn like any other. tests/conn has the Go side.
"""
import os
import pathlib
import re
import subprocess

import pytest

import secure
from harness import PATIENCE, free_port
from service import need

SOURCES = pathlib.Path(__file__).resolve().parents[1] / "conn"
# What nettest.TestConn consists of; each is told in the output of a run that passed it.
OF_NETTEST = ["BasicIO", "PingPong", "RacyRead", "RacyWrite", "ReadTimeout", "WriteTimeout",
              "PastTimeout", "PresentTimeout", "FutureTimeout", "CloseTimeout", "ConcurrentMethods"]
OURS = ["TestHalfClose", "TestReset", "TestResetAfterHalfClose", "TestAnswerBeforeAReset",
        "TestTLSInside"]


@pytest.fixture(scope="module")
def conn_test(tmp_path_factory):
    """The Go program, built of Debian's packages alone: nothing is downloaded."""
    go = "/usr/bin/go"
    need(go, "golang-go")
    need("/usr/share/gocode/src/golang.org/x/net/nettest/conntest.go", "golang-golang-x-net-dev")
    folder = tmp_path_factory.mktemp("conn")
    program = folder / "conn.test"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                   "GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0",
                   "GOCACHE": str(folder / "cache")}
    subprocess.run([go, "test", "-c", "-o", program, "."], cwd=SOURCES, env=environment, check=True)
    return program


@pytest.mark.parametrize("mode", ["plain", "tls", "e2e", "tls-e2e"])
def test_a_stream_is_a_connection_like_any_other(run, monkeypatch, conn_test, mode):
    monkeypatch.setattr(secure, "TLS", "tls" in mode)
    monkeypatch.setattr(secure, "E2E", "e2e" in mode)
    backend = free_port()
    chain = run.chain(backend)
    done = subprocess.run([conn_test, "-test.v", "-test.timeout", f"{200 * PATIENCE:.0f}s"],
                          env={**os.environ, "INOUT_IN": f"127.0.0.1:{chain.port}",
                               "INOUT_BACKEND": f"127.0.0.1:{backend}"},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = set(re.findall(r"--- PASS: (\S+)", done.stdout))
    expected = {f"{test}/{part}" for test in ("TestConnUp", "TestConnDown")
                for part in OF_NETTEST}
    expected |= {f"{test}/{way}" for test in OURS for way in ("up", "down")}
    assert expected <= passed, f"not run: {sorted(expected - passed)}"
    chain.wait_idle()
