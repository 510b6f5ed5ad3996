"""MariaDB's client over the topic `mysql`, against a server with its own data directory."""
import hashlib

import pytest

from harness import free_port
from service import AS_ROOT, MIB, Service, command, need, random_file, streams


class MariaDb:
    def __init__(self, run, directory):
        server = need("mariadbd", "mariadb-server-core")
        install = need("mariadb-install-db", "mariadb-server-core")
        self.client = need("mariadb", "mariadb-client-core")
        data = directory / "data"
        as_root = ["--user=root"] if AS_ROOT else []  # the server asks root to say so
        command(install, "--no-defaults", f"--datadir={data}", "--skip-test-db", *as_root)
        (directory / "init.sql").write_text(
            "CREATE DATABASE tunnel;\n"
            "CREATE USER tester@'127.0.0.1' IDENTIFIED BY 'secret';\n"
            "GRANT ALL ON tunnel.* TO tester@'127.0.0.1';\n")
        self.port = free_port()
        run.own(Service(
            [server, "--no-defaults", f"--datadir={data}", f"--port={self.port}", *as_root,
             "--bind-address=127.0.0.1", f"--socket={directory}/socket",
             f"--pid-file={directory}/pid", f"--init-file={directory}/init.sql",
             "--skip-name-resolve", "--max-allowed-packet=64M"], self.port, directory))

    def sql(self, port, statements):
        """What the client prints for these statements, bare."""
        return command(self.client, "--no-defaults", "--protocol=TCP", "--host=127.0.0.1",
                       f"--port={port}", "--user=tester", "--password=secret", "--batch",
                       "--skip-column-names", "--max-allowed-packet=64M", "tunnel",
                       input=statements).stdout


@pytest.fixture
def mariadb(run, tmp_path):
    return MariaDb(run, tmp_path)


def test_what_one_connection_writes_the_next_one_reads(run, mariadb):
    chain = run.chain(mariadb.port, "mysql")
    mariadb.sql(chain.port, "CREATE TABLE t (n INT PRIMARY KEY, word VARCHAR(20));"
                            "INSERT INTO t VALUES (1, 'out'), (2, 'proxy'), (3, 'in');")
    assert mariadb.sql(chain.port, "SELECT word FROM t ORDER BY n;") == "out\nproxy\nin\n"
    assert {line["topic"] for line in streams(chain, 2)} == {"mysql"}


def test_a_large_value_and_a_large_result_arrive_whole(run, mariadb, tmp_path):
    chain = run.chain(mariadb.port, "mysql")
    value = random_file(tmp_path / "value", 16 * MIB).read_bytes()
    told = mariadb.sql(chain.port, "CREATE TABLE big (v LONGBLOB);"
                                   f"INSERT INTO big VALUES (x'{value.hex()}');"
                                   "SELECT MD5(v) FROM big; SELECT HEX(v) FROM big;")
    digest, back = told.split()
    assert digest == hashlib.md5(value).hexdigest()
    assert bytes.fromhex(back) == value
