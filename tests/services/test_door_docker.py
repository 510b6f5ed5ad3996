"""docs/doors.md as printed: docker with the daemon of another machine, and a daemon that pulls."""
import pathlib

import pytest

from doors import PAGE, SERVER, Doors
from printed import block, blocks, config, lines
from service import need

pytestmark = pytest.mark.plain_only


@pytest.fixture
def doors(run, tmp_path):
    """With a daemon at its usual path, which has its proxy from the page."""
    daemon = need("dockerd", "docker.io")
    need("docker", "docker.io, or of Debian 13 docker-cli")
    doors = Doors(run, tmp_path)
    doors.shell("useradd alice")
    [proxy] = [line.removeprefix("Environment=") for line in lines(PAGE, "Docker", "Environment=")]
    doors.machine.background(
        [daemon, "--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=vfs",
         f"--data-root={tmp_path}/docker", "--exec-root=/run/docker", f"--pidfile={tmp_path}/docker.pid"],
        "/run/docker.sock", env=dict([proxy.split("=", 1)]))
    doors.docker = lambda line: doors.shell(line, env={"HOME": str(tmp_path)}).stdout
    return doors


def test_the_daemon_of_another_machine_by_its_socket_and_by_ssh(doors):
    doors.sshd()
    sockets = config(block("recipes.md", "UNIX sockets", "// out.json"), **SERVER)["networks"]
    doors.offer(*sockets, ssh_web1=22)
    in_ = doors.listen(block("recipes.md", "UNIX sockets", "// in.json"))
    commands = lines(PAGE, "Docker", "docker -H", "docker context", "docker --context")
    assert [doors.docker(line).split()[0] for line in commands] == ["Client:", "site-b", "REPOSITORY"]
    # A body that ends by a half-close or its length: docker's own choice.
    doors.docker("echo a >file && tar c file | docker --context site-b import - from:1")
    assert "from" in doors.docker("docker images")
    in_.stop()

    doors.listen()
    doors.ssh_config(next(text for text in blocks(PAGE, "ssh, scp, git") if "ProxyCommand nc " in text))
    [line] = lines(PAGE, "ssh, scp, git", "docker ")
    assert "Server:" in doors.docker(line)


def test_a_daemon_pulls_from_a_registry_that_is_a_topic(doors):
    folder = "/etc/docker/certs.d/registry.inout"
    doors.shell(f"""mkdir -p {folder}
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=registry \\
        -addext subjectAltName=DNS:registry.inout -keyout {folder}/../key -out {folder}/ca.crt""")
    registry = pathlib.Path(__file__).with_name("registry.py")
    doors.machine.background(["/usr/bin/python3", registry, f"{folder}/ca.crt", f"{folder}/../key"], 443)
    doors.offer(registry=443)
    doors.listen()
    [line] = lines(PAGE, "Docker", "docker pull")
    doors.docker(line)
    assert "registry.inout/app" in doors.docker("docker images")
