"""The archive of the static programs: what is in it, that it tells of nothing but its sources, what its
list of ingredients says, and what its Dockerfile makes of it."""
import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile

import pytest

import harness
import wan
from harness import BIN, ROOT

PROGRAMS = ("inout", "in", "out", "proxy")
TIME = 1_700_000_000


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Of the programs that are tested."""
    folder = tmp_path_factory.mktemp("archive")
    subprocess.run([ROOT / "scripts/package.sh", "archive", "--no-install", "--from",
                    BIN.resolve().parent, "--output", folder], check=True, umask=0o077,
                   env={**os.environ, "SOURCE_DATE_EPOCH": str(TIME)})
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def unpacked(archive):
    file, = archive.glob("*[!g].tar.xz")
    with tarfile.open(file) as opened:
        for member in opened:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mtime == TIME
            is_program = member.name.split("/")[1:] in [[name] for name in PROGRAMS]
            assert member.mode == (0o755 if member.isdir() or is_program else 0o644), member.name
        opened.extractall(archive)
    return archive / file.name.removesuffix(".tar.xz")


def test_programs_pages_units_and_examples_are_in_it(unpacked):
    for file in (*PROGRAMS, "LICENSE", "README.md", "Dockerfile", "sbom.cdx.json", "configs/in.json",
                 "man/inout.1", "man/inout.json.5", "completions/_inout", "systemd/inout-in@.service"):
        assert (unpacked / file).is_file()
    done = subprocess.run([unpacked / "inout", "out", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("out ")


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_debugger_wants_is_apart_and_found_by_its_name(archive, unpacked, name):
    sections = subprocess.run(["readelf", "-SW", unpacked / name], check=True, capture_output=True,
                              text=True).stdout
    assert ".gnu_debuglink" in sections and ".debug_info" not in sections and ".symtab" not in sections
    file, = archive.glob("*-debug.tar.xz")
    with tarfile.open(file) as debug:
        assert any(member.name.endswith(f"/{name}.debug") for member in debug)


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_path_of_this_machine_is_in_a_program(unpacked, name):
    content = (unpacked / name).read_bytes()
    assert str(ROOT).encode() not in content and os.path.expanduser("~/").encode() not in content


def test_the_list_of_ingredients_has_each_library_with_its_version(unpacked):
    document = json.loads((unpacked / "sbom.cdx.json").read_text())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    found = {each["name"]: each["version"] for each in document["components"]}
    for package in ("libssl-dev", "libc-ares-dev", "libhttp-parser-dev", "libc6-dev", "libasio-dev",
                    "libspdlog-dev", "libfmt-dev", "nlohmann-json3-dev", "libcli11-dev", "libzstd-dev"):
        installed = subprocess.run(["dpkg-query", "-W", "-f${Version}\n", package], check=True,
                                   capture_output=True, text=True).stdout.split()
        assert found[package] in installed
    assert any(name.startswith("libstdc++") for name in found)
    assert not any("nats" in name for name in found)


def test_the_steps_of_the_dockerfile_make_a_root_that_works_for_nobody(unpacked, tmp_path):
    """Its few instructions, carried out here: an image from scratch has nothing else."""
    wan.require(os.geteuid() == 0, "a chroot needs root")
    steps = [line.split(None, 1) for line in (unpacked / "Dockerfile").read_text().splitlines()
             if line and not line.startswith("#")]
    assert [word for word, _ in steps] == ["FROM", "COPY", "USER", "ENTRYPOINT"]
    (_, base), (_, copied), (_, user), (_, entry) = steps
    assert base == "scratch" and re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)  # there is no /etc/passwd
    *sources, target = shlex.split(copied)
    place = tmp_path / "root" / target.strip("/")
    place.mkdir(parents=True)
    for source in sources:
        shutil.copy(unpacked / source, place)
    for name in PROGRAMS[1:]:
        done = subprocess.run(["chroot", f"--userspec={user}", tmp_path / "root", *json.loads(entry),
                               name, "--check"], capture_output=True, text=True,
                              timeout=10 * harness.PATIENCE)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
    shutil.rmtree(tmp_path / "root")
