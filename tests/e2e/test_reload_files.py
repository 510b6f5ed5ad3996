"""Files that in names in its configuration are taken into use when they change, without a signal."""
import subprocess
import time

import pytest

import secure
from harness import expect_failed_open
from reloads import (FILES_SEEN_S, Bulk, Topics, changed, reload, rename_into, stays_silent,
                     stream_of, who_serves, with_networks)
from secure import certificates

pytestmark = pytest.mark.plain_only  # these tests choose the protection themselves
FILES = ("ca.crt", "in.crt", "in.key")
OTHER = "other ca"


@pytest.fixture
def topics(run, monkeypatch):
    """Mutual TLS."""
    monkeypatch.setattr(secure, "TLS", True)
    return Topics(run)


def content(name, directory="ca"):
    return (certificates(directory) / name).read_bytes()


def renewed(path, days=2):
    """Another certificate of the same CA for another key: what is at path.crt and path.key now."""
    new = path.with_name("renewed")
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-x509", "-CA", certificates() / "ca.crt", "-CAkey",
                    certificates() / "ca.key", "-subj", "/CN=in", "-days", str(days), "-addext",
                    "subjectAltName=DNS:in", "-keyout", f"{new}.key", "-out", f"{new}.crt"],
                   check=True, capture_output=True)
    return [new.with_suffix(end).read_bytes() for end in (".crt", ".key")]


class Site:
    """A folder with the TLS files of in, and in with them."""

    def __init__(self, run, topics, folder, directory="ca", links=False):
        self.folder = folder
        for name in FILES:
            target = folder / "..data" / name if links else folder / name
            if links:
                (folder / name).symlink_to(target)
            else:
                rename_into(target, content(name, directory))
        if links:
            self.swap(directory)
        tls = {key: str(folder / name) for key, name in zip(("ca", "cert", "key"), FILES)}
        self.in_ = run.in_(topics.proxy, ["a"], {"tls": tls})
        self.port = self.in_.port()

    def swap(self, directory):
        """As Kubernetes does it: a new folder, and a link to it in place of the last one."""
        new = self.folder / f"..{time.monotonic_ns()}"
        new.mkdir()
        for name in FILES:
            rename_into(new / name, content(name, directory))
        (self.folder / "..new").symlink_to(new.name)
        (self.folder / "..new").rename(self.folder / "..data")

    def rename_in(self, *names):
        for name in names:
            rename_into(self.folder / name, content(name))

    def wait_reloaded(self, count=1):
        return self.in_.wait_event("reloaded", timeout=FILES_SEEN_S, cause="files", count=count)


def test_files_that_are_renamed_into_place_are_in_use_soon(run, topics, tmp_path):
    site = Site(run, topics, tmp_path, OTHER)
    expect_failed_open(site.port)
    site.rename_in(*FILES)
    line = site.wait_reloaded()
    assert line["changed"] == ""
    assert sorted(line["files"].split(", ")) == [str(tmp_path / name) for name in FILES]
    assert who_serves(site.port) == b"a"
    assert site.in_.status()["reloads_total"] == 1


def test_a_folder_that_is_exchanged_behind_links_is_in_use_soon(run, topics, tmp_path):
    site = Site(run, topics, tmp_path, OTHER, links=True)
    expect_failed_open(site.port)
    site.swap("ca")
    site.wait_reloaded()
    assert who_serves(site.port) == b"a"
    assert not site.in_.find("not reloaded")


def test_a_key_that_comes_half_a_second_behind_its_certificate_is_no_error(run, topics, tmp_path):
    site = Site(run, topics, tmp_path)
    bulk = Bulk(run, site.port, b"a")
    cert, key = renewed(tmp_path / "in")
    rename_into(tmp_path / "in.crt", cert)
    time.sleep(0.5)
    rename_into(tmp_path / "in.key", key)
    site.wait_reloaded()
    assert who_serves(site.port) == b"a"
    bulk.moves()
    bulk.end()
    assert not site.in_.find("not reloaded")


def test_a_pair_that_does_not_match_is_said_once_and_what_was_goes_on(run, topics, tmp_path):
    site = Site(run, topics, tmp_path)
    cert, key = renewed(tmp_path / "in")
    with stream_of(site.port, b"a"):
        rename_into(tmp_path / "in.crt", cert)
        line = site.in_.wait_event("not reloaded", timeout=FILES_SEEN_S)
        assert line["cause"] == "files" and "tls." in line["reason"]
        assert who_serves(site.port) == b"a"
        stays_silent(site.in_, "not reloaded", 12)
        rename_into(tmp_path / "in.key", key)
        site.wait_reloaded()
        assert who_serves(site.port) == b"a"
    status = site.in_.status()
    assert (status["reloads_total"], status["reloads_failed_total"]) == (1, 1)
    assert status["last_reload"] == "done"


def test_files_of_a_new_configuration_are_watched_and_of_the_old_one_no_longer(run, topics,
                                                                              tmp_path):
    site = Site(run, topics, tmp_path)
    new = tmp_path / "new"
    new.mkdir()
    for name in FILES:
        rename_into(new / name, content(name))
    tls = {key: str(new / name) for key, name in zip(("ca", "cert", "key"), FILES)}
    line = reload(site.in_, changed(site.in_, tls=tls))
    assert line["changed"] == "tls.ca, tls.cert, tls.key" and line["files"] == ""
    (tmp_path / "in.key").unlink()
    rename_into(new / "ca.crt", content("ca.crt") + content("ca.crt", OTHER))
    assert site.wait_reloaded()["files"] == str(new / "ca.crt")
    assert who_serves(site.port) == b"a"
    assert not site.in_.find("not reloaded")


def test_streams_go_on_byte_for_byte_while_all_of_their_tls_is_replaced(run, topics, tmp_path):
    site = Site(run, topics, tmp_path)
    bulk = Bulk(run, site.port, b"a")
    for i in range(5):
        for name, part in zip(("in.crt", "in.key"), renewed(tmp_path / "in", days=2 + i)):
            rename_into(tmp_path / name, part)
        reload(site.in_)
        bulk.moves()
        assert who_serves(site.port) == b"a"
    reload(site.in_, with_networks(site.in_, {**site.in_.config["networks"][0], "topic": "b"}))
    bulk.moves()
    bulk.end()
    assert not site.in_.find("open_failed")


def test_a_secret_that_is_missing_for_good_is_said_and_found_again(run, topics, tmp_path):
    site = Site(run, topics, tmp_path)
    rename_into(tmp_path / "secret", b"0123456789abcdef" * 4)
    auth = {"id": "x", "secret_file": str(tmp_path / "secret")}
    reload(site.in_, changed(site.in_, auth=auth))
    (tmp_path / "secret").unlink()
    assert "secret" in site.in_.wait_event("not reloaded", timeout=FILES_SEEN_S)["reason"]
    rename_into(tmp_path / "secret", b"fedcba9876543210" * 4)
    assert site.wait_reloaded()["files"] == str(tmp_path / "secret")
