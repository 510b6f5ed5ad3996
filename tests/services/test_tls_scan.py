"""sslscan against the proxy's port: what a stranger's TLS client may choose there."""
import xml.etree.ElementTree as xml

import pytest

from harness import ROOT
from service import command, need

TLS_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
# Forward secrecy and authenticated encryption, for the P-256 certificate that certs.sh makes.
TLS_1_2 = {f"ECDHE-ECDSA-{cipher}"
           for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")}


@pytest.fixture
def tls_proxy(run, tmp_path):
    """Starts a proxy with a certificate and these options of `tls`."""
    need("openssl", "openssl")
    command(ROOT / "scripts/certs.sh", tmp_path, "server", "127.0.0.1")
    files = {name: str(tmp_path / f"127.0.0.1.{end}") for name, end in (("cert", "crt"),
                                                                       ("key", "key"))}
    return lambda **tls: run.program("proxy", {"port": 0, "tls": {**files, **tls}})


def scan(proxy):
    """sslscan's report, {version: ciphers}; asserts what holds for every configuration."""
    report = xml.fromstring(command(need("sslscan", "sslscan"), "--no-colour", "--xml=-",
                                    f"127.0.0.1:{proxy.port()}").stdout).find("ssltest")
    proxy.wait_idle()

    enabled = {test.get("type") + test.get("version")
               for test in report.iter("protocol") if test.get("enabled") == "1"}
    heartbleed = {test.get("sslversion"): test.get("vulnerable")
                  for test in report.iter("heartbleed")}
    ciphers = {}
    for cipher in report.iter("cipher"):
        ciphers.setdefault(cipher.get("sslversion"), set()).add(cipher.get("cipher"))
    assert {version.lower().replace("v", "") for version in ciphers} == enabled
    assert heartbleed == dict.fromkeys(ciphers, "0")
    assert report.find("renegotiation").get("supported") == "0"
    # A key share of 8192 bits would let a stranger buy 200 times the work of a curve's.
    groups = {group.get("name") for group in report.iter("group")}
    assert groups and not [name for name in groups if name.startswith("ffdhe")], groups
    return ciphers


def test_by_default_a_proxy_speaks_tls_1_3_and_nothing_else(tls_proxy):
    assert scan(tls_proxy()) == {"TLSv1.3": TLS_1_3}


def test_a_port_that_takes_plain_and_tls_is_no_weaker(tls_proxy):
    assert scan(tls_proxy(mode="optional")) == {"TLSv1.3": TLS_1_3}


def test_with_1_2_allowed_only_forward_secrecy_and_authenticated_encryption_are(tls_proxy):
    assert scan(tls_proxy(min_version="1.2")) == {"TLSv1.3": TLS_1_3, "TLSv1.2": TLS_1_2}


def test_a_forced_downgrade_is_refused(tls_proxy):
    proxy = tls_proxy(min_version="1.2")

    def connect_with_1_2(*options):
        return command("openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port()}", "-tls1_2",
                       *options, check=False, input="")
    assert connect_with_1_2().returncode == 0
    refused = connect_with_1_2("-fallback_scsv")  # I can do better, but somebody hinders me
    assert refused.returncode != 0 and "inappropriate fallback" in refused.stderr
