"""scripts/certs.sh: what it makes is accepted by OpenSSL where it should be, and nowhere else."""
import base64
import hashlib
import os
import ssl
import stat

import pytest

from harness import ROOT
from service import command, need

SCRIPT = ROOT / "scripts/certs.sh"
DAY = 86400


def certs(directory, *args, check=True, **options):
    need("openssl", "openssl")
    return command(SCRIPT, directory, *args, check=check, **options)


def verified(directory, name, *options):
    """Whether OpenSSL's strict verification accepts this certificate for this use."""
    done = command("openssl", "verify", "-x509_strict", "-CAfile", directory / "ca.crt", *options,
                   directory / f"{name}.crt", check=False)
    return done.returncode == 0


def valid_for(path, days):
    return command("openssl", "x509", "-in", path, "-noout", "-checkend", days * DAY,
                   check=False).returncode == 0


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def shake_hands(server, client, name):
    """A TLS handshake in memory; returns what the server sees of the client's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=name),
            server.wrap_bio(to_server, to_client, server_side=True)]
    waiting = list(ends)
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return ends[1].getpeercert()


def contexts(directory, server_name, client_name, client_directory=None):
    """(server, client) that demand each other's certificate."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=directory / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=directory / "ca.crt")
    for context, place, name in ((server, directory, server_name),
                                 (client, client_directory or directory, client_name)):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_cert_chain(place / f"{name}.crt", place / f"{name}.key")
    return server, client


@pytest.fixture
def pki(tmp_path):
    certs(tmp_path / "pki", "server", "relay.example.com", "relay", "192.0.2.7", "2001:db8::7")
    certs(tmp_path / "pki", "client", "site-a")
    return tmp_path / "pki"


def test_a_server_is_accepted_under_each_of_its_names_and_no_other(pki):
    for option, name in (("-verify_hostname", "relay.example.com"), ("-verify_hostname", "relay"),
                         ("-verify_ip", "192.0.2.7"), ("-verify_ip", "2001:db8::7")):
        assert verified(pki, "relay.example.com", "-purpose", "sslserver", option, name), name
    for option, name in (("-verify_hostname", "example.com"), ("-verify_ip", "192.0.2.8"),
                         ("-verify_hostname", "192.0.2.7")):
        assert not verified(pki, "relay.example.com", option, name), name


def test_a_certificate_serves_only_the_purpose_that_it_was_made_for(pki):
    assert not verified(pki, "relay.example.com", "-purpose", "sslclient")
    assert verified(pki, "site-a", "-purpose", "sslclient")
    assert not verified(pki, "site-a", "-purpose", "sslserver")


def test_server_and_client_know_each_other_and_refuse_another_ca(pki, tmp_path):
    seen = shake_hands(*contexts(pki, "relay.example.com", "site-a"), "relay.example.com")
    assert seen["subjectAltName"] == (("DNS", "site-a"),)

    other = tmp_path / "other"
    certs(other, "client", "site-a")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(*contexts(pki, "relay.example.com", "site-a", other), "relay.example.com")


def test_lifetimes_are_ten_years_for_the_ca_and_825_days_for_the_rest(pki):
    for name, days in (("ca", 3650), ("relay.example.com", 825), ("site-a", 825)):
        assert valid_for(pki / f"{name}.crt", days - 1)
        assert not valid_for(pki / f"{name}.crt", days + 1)


def test_private_keys_are_for_their_owner_whatever_the_umask_is(tmp_path):
    before = os.umask(0)
    try:
        certs(tmp_path, "client", "site-a")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ca.key": 0o600, "site-a.key": 0o600, "ca.crt": 0o644, "site-a.crt": 0o644}


def test_nothing_is_overwritten_and_nothing_half_made_is_left(pki):
    before = content(pki)
    for args in (("server", "relay.example.com"), ("client", "site-a"), ("client", "ca"),
                 ("client", "../outside"), ("client", "192.0.2.7:1"), ("server", "300.1.2.3"),
                 ("server", "x", "injected,IP:1.2.3.4"), ("pin", "nobody"), ("client",),
                 ("client", "two", "names"), ("unknown", "name")):
        assert certs(pki, *args, check=False).returncode != 0, args
        assert content(pki) == before, args
    assert not (pki.parent / "outside.key").exists()


def test_a_renewed_certificate_keeps_its_key_and_its_pin(pki):
    # from the private key here, from the certificate there
    key = command("openssl", "pkey", "-in", pki / "relay.example.com.key", "-pubout")
    der = base64.b64decode("".join(key.stdout.splitlines()[1:-1]))
    pin = "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()
    assert certs(pki, "pin", "relay.example.com").stdout.strip() == pin

    old = (pki / "relay.example.com.crt").rename(pki / "old.crt").read_bytes()
    assert pin in certs(pki, "server", "relay.example.com").stdout
    assert (pki / "relay.example.com.crt").read_bytes() != old
    assert verified(pki, "relay.example.com")
