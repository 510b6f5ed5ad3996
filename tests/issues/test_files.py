"""Files of certificates, keys and secrets: what is wrong with one is said with its name and what to
do, at the start and by --check; nothing of it hangs, and time is watched."""
import json
import os
import subprocess

import pytest

import harness
import secure
from harness import echo_server, expect_failed_open
from test_tls import expired, issue

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves


def end_of(program, config, *args, tmp_path, **env):
    """Its end; the configuration may name files of tmp_path."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    return subprocess.run([harness.BIN / program, "--config", file, *args], capture_output=True,
                          text=True, timeout=10 * harness.PATIENCE, env={**os.environ, **env})


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture
def pki(tmp_path):
    """localhost.crt, localhost.key, ca.crt in a folder that a test may spoil."""
    for name in ("localhost.crt", "localhost.key", "in.crt", "ca.crt"):
        (tmp_path / name).write_bytes((secure.certificates() / name).read_bytes())
    (tmp_path / "localhost.key").chmod(0o600)
    return tmp_path


def same(pki, name):
    return pki / f"localhost.{name}"


def missing(pki):
    same(pki, "crt").unlink()


def empty(pki):
    same(pki, "crt").write_text("\n")


def directory(pki):
    same(pki, "crt").unlink()
    same(pki, "crt").mkdir()


def der_certificate(pki):
    openssl("x509", "-in", same(pki, "crt"), "-outform", "DER", "-out", pki / "new")
    (pki / "new").rename(same(pki, "crt"))


def der_key(pki):
    openssl("pkey", "-in", same(pki, "key"), "-outform", "DER", "-out", pki / "new")
    same(pki, "key").write_bytes((pki / "new").read_bytes())


def pkcs12(pki):
    openssl("pkcs12", "-export", "-in", same(pki, "crt"), "-inkey", same(pki, "key"), "-passout",
            "pass:", "-out", pki / "new")
    same(pki, "crt").write_bytes((pki / "new").read_bytes())


def passphrase(pki):
    openssl("pkey", "-in", same(pki, "key"), "-aes256", "-passout", "pass:x", "-out", pki / "new")
    same(pki, "key").write_bytes((pki / "new").read_bytes())


def exchanged(pki):
    cert, key = same(pki, "crt").read_bytes(), same(pki, "key").read_bytes()
    same(pki, "crt").write_bytes(key)
    same(pki, "key").write_bytes(cert)


def leaf_not_first(pki):
    same(pki, "crt").write_bytes((pki / "ca.crt").read_bytes() + same(pki, "crt").read_bytes())


def another_key(pki):
    same(pki, "crt").write_bytes((pki / "in.crt").read_bytes())


def spoiled(pki):
    lines = same(pki, "crt").read_text().splitlines()
    same(pki, "crt").write_text("\n".join([lines[0], "nonsense!", *lines[2:], ""]))


def readable_key(pki):
    same(pki, "key").chmod(0o644)


def fifo_key(pki):
    same(pki, "key").unlink()
    os.mkfifo(same(pki, "key"), 0o600)


def ca_without_certificate(pki):
    (pki / "ca.crt").write_text("# none yet\n")


FAULTS = {  # and what is said: of which key, and what of it
    missing: ("tls.cert", "No such file"), empty: ("tls.cert", "is empty"),
    directory: ("tls.cert", "is a directory"), spoiled: ("tls.cert", "base64"),
    der_certificate: ("tls.cert", "openssl x509 -inform DER"),
    der_key: ("tls.key", "openssl pkey -inform DER"), pkcs12: ("tls.cert", "openssl pkcs12"),
    passphrase: ("tls.key", "passphrase"), exchanged: ("tls.cert", "cert and key exchanged"),
    leaf_not_first: ("tls.key", "certificate number 2"),
    another_key: ("tls.key", "does not belong to the certificate"),
    readable_key: ("tls.key", "chmod 600"), fifo_key: ("tls.key", "not a regular file"),
    ca_without_certificate: ("tls.client_ca", "has no certificate")}


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_what_is_wrong_with_a_file_of_tls_is_said_with_its_name_and_the_way_out(pki, spoil):
    spoil(pki)
    key, told = FAULTS[spoil]
    config = {"port": 0, "tls": {"cert": "localhost.crt", "key": "localhost.key",
                                 "client_ca": "ca.crt"}}
    name = {"tls.client_ca": "ca.crt", "tls.cert": "localhost.crt", "tls.key": "localhost.key"}[key]
    for check in ([], ["--check"]):
        done = end_of("proxy", config, *check, tmp_path=pki)
        assert done.returncode == 2, done.stderr
        assert f"{key}: {pki / name}: " in done.stderr and told in done.stderr


def test_a_link_is_followed_as_kubernetes_mounts_its_secrets(pki):
    (pki / "..data").mkdir()
    for name in ("localhost.crt", "localhost.key"):
        (pki / name).rename(pki / "..data" / name)
        (pki / name).symlink_to(f"..data/{name}")
    done = end_of("proxy", {"tls": {"cert": "localhost.crt", "key": "localhost.key"}}, "--check",
                  tmp_path=pki)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_secret_that_belongs_to_somebody_else_is_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef" * 4)
    secret.chmod(0o600)
    os.chown(secret, 12345, -1)
    done = end_of("proxy", {"auth": {"keys": [{"id": "a", "secret_file": "secret", "in": ["#"]}]}},
                  "--check", tmp_path=tmp_path)
    assert done.returncode == 2 and "belongs to the user 12345" in done.stderr


# --- keys that a person made up ---

NETWORK = {"server_host": "127.0.0.1", "server_port": 1, "port": 0, "topic": "t"}


def e2e(**more):
    return {"networks": [{**NETWORK, "e2e": {"key_file": "key", **more}}]}


@pytest.mark.parametrize("text", ["correct horse battery staple", "0" * 64, "x" * 64, "0123" * 8])
def test_an_end_to_end_key_that_can_be_guessed_is_refused_unless_one_insists(tmp_path, text):
    (tmp_path / "key").write_text(text)
    (tmp_path / "key").chmod(0o600)
    done = end_of("in", e2e(), "--check", tmp_path=tmp_path)
    assert done.returncode == 2 and "in --new-key" in done.stderr
    assert f"networks[0].e2e.key_file: {tmp_path / 'key'}: " in done.stderr
    assert text not in done.stderr
    done = end_of("in", e2e(key_format="any"), "--check", tmp_path=tmp_path)
    assert done.returncode == 0 and "weak secret" in done.stderr and text not in done.stderr


def test_a_new_key_is_taken_without_a_word(tmp_path):
    subprocess.run([harness.BIN / "in", "--new-key", tmp_path / "key"], check=True)
    done = end_of("in", e2e(), "--check", tmp_path=tmp_path)
    assert done.returncode == 0 and "weak secret" not in done.stderr


def test_a_guessable_secret_of_auth_is_warned_of(tmp_path):
    for text, warned in (("our office secret", True), ("0123456789abcdef" * 4, False)):
        (tmp_path / "key").write_text(text)
        (tmp_path / "key").chmod(0o600)
        config = {"networks": [NETWORK], "auth": {"id": "a", "secret_file": "key"}}
        done = end_of("in", config, "--check", tmp_path=tmp_path)
        assert done.returncode == 0
        assert ("weak secret" in done.stderr) == warned
        assert text not in done.stderr


# --- time ---

def valid_for(days):
    return issue(f"days{days}", "localhost", "localhost",
                 "subjectAltName=DNS:localhost,IP:127.0.0.1", days=days)


@pytest.mark.parametrize("days, told", [(3, "ends in "), (13, "ends in 1"), (20, None)])
def test_a_certificate_that_ends_soon_is_warned_of_at_start_and_by_check(run, tmp_path, days, told):
    config = {"port": 0, "tls": valid_for(days)}
    done = end_of("proxy", config, "--check", tmp_path=tmp_path)
    assert done.returncode == 0 and ("certificate" in done.stderr) == bool(told)
    proxy = run.proxy(config)
    proxy.port()
    if told:
        proxy.wait_event("certificate", level="warning")  # the line behind "listening"
    warnings = proxy.find("certificate", level="warning")
    assert len(warnings) == (1 if told else 0)
    if told:
        assert warnings[0]["key"] == "tls.cert" and told in warnings[0]["reason"]
        assert warnings[0]["file"] == config["tls"]["cert"]


def test_a_certificate_that_has_ended_is_warned_of(tmp_path):
    done = end_of("proxy", {"tls": expired()}, "--check", tmp_path=tmp_path)
    assert done.returncode == 0
    assert "tls.cert" in done.stderr and "days ago (2020-01-02" in done.stderr


def test_a_ca_that_ends_soon_is_warned_of_but_not_one_of_many(tmp_path):
    """One that lasts longer may stand in the same file."""
    ca = (secure.certificates() / "ca.crt").read_text()
    (tmp_path / "ca.crt").write_text(ca)
    config = {"networks": [NETWORK], "tls": {"ca": "ca.crt"}}
    assert "tls.ca" not in end_of("in", config, "--check", tmp_path=tmp_path).stderr
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=brief", "-days", "2", "-keyout", tmp_path / "brief.key", "-out",
            tmp_path / "brief.crt")
    brief = (tmp_path / "brief.crt").read_text()
    (tmp_path / "ca.crt").write_text(brief)
    done = end_of("in", config, "--check", tmp_path=tmp_path)
    assert "tls.ca" in done.stderr and "ends in" in done.stderr
    (tmp_path / "ca.crt").write_text(brief + ca)
    assert "tls.ca" not in end_of("in", config, "--check", tmp_path=tmp_path).stderr


# --- OpenSSL's own configuration ---

CNF = {"garbage": "garbage [[[ =\n",
       "no default provider": "openssl_conf=a\n[a]\nproviders=b\n[b]\nlegacy=c\n[c]\nactivate=1\n",
       "an unknown provider": "openssl_conf=a\n[a]\nproviders=b\n[b]\nnone=c\n[c]\nactivate=1\n",
       "no such algorithms": "openssl_conf=a\n[a]\nalg_section=b\n[b]\n"
                             "default_properties=fips=yes\n"}


@pytest.mark.parametrize("program", ["in", "proxy"])
@pytest.mark.parametrize("fault", CNF)
def test_a_broken_configuration_of_openssl_is_the_reason_why_nothing_starts(tmp_path, program,
                                                                            fault):
    cnf = tmp_path / "broken.cnf"
    cnf.write_text(CNF[fault])
    config = {"port": 0} if program == "proxy" else {"networks": [NETWORK]}
    done = end_of(program, config, tmp_path=tmp_path, OPENSSL_CONF=str(cnf))
    assert done.returncode == 1, done.stderr
    assert "cannot start" in done.stderr and str(cnf) in done.stderr
    if program == "in":
        done = subprocess.run([harness.BIN / "in", "--new-key", tmp_path / "new"], text=True,
                              env={**os.environ, "OPENSSL_CONF": str(cnf)}, capture_output=True)
        assert done.returncode == 1 and str(cnf) in done.stderr
        assert not (tmp_path / "new").exists()


# --- a certificate that is not shown ---

@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_who_shows_no_certificate_where_one_is_demanded_is_told_which_key_is_missing(run, version):
    """Over TLS 1.3 the alert comes when our handshake is done."""
    proxy = run.proxy({"tls": {**secure.proxy_tls(
        client_ca=str(secure.certificates() / "ca.crt")), "min_version": "1.2"}})
    cnf = "/dev/null"
    if version == "1.2":
        cnf = str(secure.folder() / "old.cnf")
        with open(cnf, "w", encoding="ascii") as file:
            file.write("openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n"
                       "[c]\nMaxProtocol=TLSv1.2\n")
    own = {"tls": secure.client_tls()}
    out = run.out(proxy, {"t": echo_server(run).port}, own, env={"OPENSSL_CONF": cnf})
    in_ = run.in_(proxy, ["t"], own, env={"OPENSSL_CONF": cnf})
    assert "tls.cert" in out.wait_event("not registered")["reason"]
    expect_failed_open(in_.port())
    assert "tls.cert" in in_.wait_event("open_failed")["detail"]


def test_a_certificate_of_another_ca_is_called_that(run):
    proxy = run.proxy({"tls": secure.proxy_tls(client_ca=str(secure.certificates() / "ca.crt"))})
    other = secure.certificates("other-ca")
    own = {"tls": {**secure.client_tls(), "cert": str(other / "in.crt"),
                   "key": str(other / "in.key")}}
    in_ = run.in_(proxy, ["t"], own)
    expect_failed_open(in_.port())
    assert "does not trust our certificate" in in_.wait_event("open_failed")["detail"]
