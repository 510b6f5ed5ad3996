"""docs/doors.md as printed: programs of the command line, ssh and databases."""
import pathlib

import pytest

from doors import PAGE, SERVER, Doors
from printed import block, blocks, config, lines
from service import need

pytestmark = pytest.mark.plain_only


@pytest.fixture
def doors(run, tmp_path):
    return Doors(run, tmp_path)


# --- Command line ---

def test_programs_of_the_command_line(doors):
    for name in ("curl", "git", "wget"):
        need(name, name)
    doors.web()
    doors.rsync_daemon()
    doors.repository(doors.www / "project.git", "a")
    (doors.www / "Packages").write_text("")
    doors.write("/etc/apt/sources.list", "deb [trusted=yes] http://web.inout/ ./\n")
    for folder in ("/etc/apt/sources.list.d", "/etc/apt/apt.conf.d", "/var/lib/apt/lists"):
        doors.shell(f"mount -t tmpfs -o mode=755 none {folder}")
    doors.offer(web=8000, files=873)
    doors.listen()
    said = {}
    for line in lines(PAGE, "Command line", "curl", "ALL_PROXY", "git", "http_proxy", "RSYNC_PROXY", "apt-get"):
        said[line] = doors.shell(line).stdout
    assert [text for line, text in said.items() if "curl" in line] == ["the page"] * 3
    assert (doors.directory / "page").read_text() == (doors.directory / "copy").read_text() == "the page"
    assert (doors.directory / "project/a").read_text() == "a\n"
    assert "GET /./Packages" in doors.requests()
    assert len(said) == 7
    doors.in_.wait_event("stream", topic="files")


# --- ssh, scp, git ---

@pytest.mark.parametrize("way", ["nc", "ncat", "in"])
def test_ssh_and_all_that_use_it(doors, way):
    doors.sshd()
    doors.repository("/srv/project.git", "a")
    doors.offer(ssh_web1=22)
    if way == "in":  # which listens nowhere then
        home = doors.directory / ".config/inout"
        home.mkdir(parents=True)
        text = block("recipes.md", "OpenSSH", "// in").replace("// in\n", "")
        (home / "in.json").write_text(f'{{"networks": [{text}]}}')
        [printed] = [b for b in blocks("recipes.md", "Without a port") if "Host web1" in b and "--config" in b]
        name = "web1"
    else:
        need({"nc": "nc.openbsd"}.get(way, way), {"nc": "netcat-openbsd"}.get(way, way))
        doors.listen()
        [printed] = [b for b in blocks(PAGE, "ssh, scp, git") if f"ProxyCommand {way} " in b]
        name = "web1.inout"
    doors.ssh_config(printed)
    (doors.directory / "file").write_text("all of it")
    copied = doors.directory / "copied"
    commands = lines(PAGE, "ssh, scp, git", "ssh ", "scp ", "rsync ", "git ")
    assert len(commands) == 4
    for line in commands:
        line = line.replace("web1.inout", name).replace("/tmp/inout-file", str(copied))
        done = doors.shell(line, env={"HOME": str(doors.directory)})
        if line.startswith("ssh "):
            assert done.stdout == "Linux\n"
        if "file" in line:
            assert copied.read_text() == "all of it"
            copied.unlink()
    assert (doors.directory / "project/a").read_text() == "a\n"


# --- Databases ---

@pytest.fixture
def databases(doors, tmp_path):
    """Three, each at its usual port and path."""
    doors.shell("mkdir -p /run/mysqld /run/postgresql /run/redis && chmod 755 /run/* && chown nobody /run/postgresql")
    data = "/run/data"  # which nobody can enter, unlike the test's folder
    doors.shell(f"mkdir -m 777 {data}")

    maria = need("mariadbd", "mariadb-server-core")
    need("mariadb", "mariadb-client-core")
    (tmp_path / "init.sql").write_text("CREATE USER app@'127.0.0.1';\nCREATE USER app@localhost;\n")
    doors.shell(f"{need('mariadb-install-db', 'mariadb-server-core')} --no-defaults --datadir={data}/maria"
                " --skip-test-db --user=root")
    doors.machine.background(
        [maria, "--no-defaults", f"--datadir={data}/maria", "--user=root", "--bind-address=127.0.0.1",
         "--socket=/run/mysqld/mysqld.sock", f"--init-file={tmp_path}/init.sql", "--skip-name-resolve",
         f"--pid-file={tmp_path}/maria.pid"], 3306)

    need("psql", "postgresql-client")
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    [*_, programs] = [None, *sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))]
    programs = pathlib.Path(need(f"{programs}/initdb", "postgresql")).parent
    doors.shell(f"cd / && {' '.join(as_nobody)} {programs}/initdb -D {data}/pg -U app -A trust --no-sync")
    doors.machine.background([*as_nobody, programs / "postgres", "-D", f"{data}/pg", "-c",
                              "listen_addresses=127.0.0.1"], 5432, cwd="/")

    doors.machine.background(
        [need("redis-server", "redis-server"), "--bind", "127.0.0.1", "--save", "", "--unixsocket",
         "/run/redis/redis-server.sock"], 6379)
    need("redis-cli", "redis-tools")
    return doors


def expect_answers(doors, commands):
    """Of these lines, in this order."""
    for line, words in zip(commands, ("1\n1\n", "(1 row)", "PONG"), strict=True):
        assert words in doors.shell(line).stdout, line


CLIENTS = "mariadb ", "psql ", "redis-cli "


def test_databases(databases):
    doors = databases
    doors.offer(mysql=3306, pg=5432, redis=6379)
    doors.listen()
    commands = lines(PAGE, "Databases", *CLIENTS)
    expect_answers(doors, commands[:3])
    need("proxychains4", "proxychains4")
    (doors.directory / "inout.conf").write_text(block(PAGE, "Databases", "strict_chain"))
    expect_answers(doors, lines(PAGE, "Databases", "proxychains4"))
    doors.in_.stop()
    sockets = config(block("recipes.md", "UNIX sockets", "// out.json"), **SERVER)["networks"]
    doors.offer(*sockets)
    doors.shell("useradd alice")
    doors.listen(block("recipes.md", "UNIX sockets", "// in.json"))
    expect_answers(doors, commands[3:])
