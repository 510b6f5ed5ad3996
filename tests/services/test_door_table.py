"""The table of docs/doors.md: each entry of these clients is tried, with a name that only in knows."""
import re

import pytest

from doors import PAGE, Doors
from harness import ROOT
from service import need

pytestmark = pytest.mark.plain_only

PROXY = "127.0.0.1:1080"
SSH = "ssh -o ProxyCommand='{} %h %p' ssh-web1.inout echo the page"
SSH_SOCKET = "ssh -o ProxyCommand='{}' ssh-web1.inout echo the page"
GIT = "git {} clone -q {}/project.git copy && cat copy/a && rm -r copy"
CHAINS = r"printf 'strict_chain\nproxy_dns\nquiet_mode\n[ProxyList]\n{} 127.0.0.1 1080\n' >chain && proxychains4 -q -f chain"
APT = "apt-get -o Acquire::{0}::Proxy={1} -o Acquire::https::CaInfo=/run/ca.crt" \
      " -o Dir::Etc::sourcelist=$PWD/{0}.list update"
FILES = "rsync://files.inout/all/index.html copy && cat copy && rm copy"
COLUMNS = ["SOCKS5", "SOCKS4a", "CONNECT", "plain HTTP proxy", "PAC", "UNIX socket", "a program"]
TRIED = {
    "curl": {"SOCKS5": f"curl -x socks5h://{PROXY} http://web.inout/",
             "SOCKS4a": f"curl -x socks4a://{PROXY} http://web.inout/",
             "CONNECT": f"curl --cacert ca.crt -x http://{PROXY} https://webs.inout/",
             "plain HTTP proxy": f"curl -x http://{PROXY} http://web.inout/",
             "UNIX socket": "curl --unix-socket /run/inout/web.sock http://web/"},
    "OpenSSH with `nc`": {"SOCKS5": SSH.format(f"nc -X 5 -x {PROXY}"),
                          "CONNECT": SSH.format(f"nc -X connect -x {PROXY}"),
                          "UNIX socket": SSH_SOCKET.format("nc -U /run/inout/ssh.sock"),
                          "a program": SSH_SOCKET.format("in --config stdio.json --topic ssh-web1 --stdio")},
    "OpenSSH with `ncat`": {
        **{column: SSH.format(f"ncat --proxy {PROXY} --proxy-type {kind} --proxy-dns remote")
           for column, kind in (("SOCKS5", "socks5"), ("SOCKS4a", "socks4"), ("CONNECT", "http"))},
        "UNIX socket": SSH_SOCKET.format("ncat -U /run/inout/ssh.sock"),
        "a program": SSH_SOCKET.format("in --config stdio.json --topic ssh-web1 --stdio")},
    "git": {"SOCKS5": GIT.format(f"-c http.proxy=socks5h://{PROXY}", "http://web.inout"),
            "SOCKS4a": GIT.format(f"-c http.proxy=socks4a://{PROXY}", "http://web.inout"),
            "CONNECT": GIT.format(f"-c http.proxy=http://{PROXY} -c http.sslCAInfo=$PWD/ca.crt", "https://webs.inout"),
            "plain HTTP proxy": GIT.format(f"-c http.proxy=http://{PROXY}", "http://web.inout"),
            "a program": GIT.format("-c core.gitProxy=$PWD/git-proxy", "git://git.inout")},
    "proxychains4": {column: f"{CHAINS.format(kind)} curl http://web.inout/"
                     for column, kind in (("SOCKS5", "socks5"), ("SOCKS4a", "socks4"), ("CONNECT", "http"))},
    "wget": {"CONNECT": f"https_proxy=http://{PROXY} wget -qO- --ca-certificate=ca.crt https://webs.inout/",
             "plain HTTP proxy": f"http_proxy=http://{PROXY} wget -qO- http://web.inout/"},
    "rsync": {"CONNECT": f"RSYNC_PROXY={PROXY} rsync {FILES}",
              "a program": f"RSYNC_CONNECT_PROG='/usr/local/bin/in --config stdio.json --topic files --stdio' rsync {FILES}"},
    "apt": {"SOCKS5": APT.format("http", f"socks5h://{PROXY}"), "plain HTTP proxy": APT.format("http", f"http://{PROXY}"),
            "CONNECT": APT.format("https", f"http://{PROXY}")},
}
IN_VAIN = [f"curl -x socks5://{PROXY} http://web.inout/", GIT.format(f"-c http.proxy=socks5://{PROXY}", "http://web.inout"),
           SSH.format(f"nc -X 4 -x {PROXY}"), f"ALL_PROXY=socks5h://{PROXY} redis-cli -h redis.inout ping"]


@pytest.fixture
def doors(run, tmp_path):
    for name, package in (("nc.openbsd", "netcat-openbsd"), ("ncat", "ncat"), ("proxychains4", "proxychains4"),
                          ("redis-cli", "redis-tools"), *((name, name) for name in ("curl", "git", "wget", "rsync"))):
        need(name, package)
    doors = Doors(run, tmp_path)
    doors.web()
    (doors.www / "index.html").write_text("the page\n")
    (doors.www / "Packages").write_text("")
    doors.https("webs.inout")
    doors.shell("install -m 644 ca.crt /run")  # where apt's own user may read it
    doors.rsync_daemon()
    doors.sshd()
    doors.ssh_config("")
    doors.repository(doors.www / "project.git", "the page")
    doors.machine.background(["git", "daemon", "--export-all", "--listen=127.0.0.1", f"--base-path={doors.www}"], 9418)
    doors.write(f"{tmp_path}/git-proxy", "#!/bin/sh\nexec nc 127.0.0.1 10418\n", mode="755")
    for folder in ("/etc/apt/sources.list.d", "/etc/apt/apt.conf.d", "/var/lib/apt/lists"):
        doors.shell(f"mount -t tmpfs -o mode=755 none {folder}")
    (tmp_path / "http.list").write_text("deb [trusted=yes] http://web.inout/ ./\n")
    (tmp_path / "https.list").write_text("deb [trusted=yes] https://webs.inout/ ./\n")
    topics = {"web": 8000, "webs": 443, "files": 873, "ssh-web1": 22, "git": 9418}
    doors.offer(**{topic.replace("-", "_"): port for topic, port in topics.items()})
    where = '"server_host": "relay.example.com", "server_port": 40001'
    doors.write(f"{tmp_path}/stdio.json", '{"networks": [%s]}' % ", ".join(
        f'{{{where}, "port": 0, "topic": "{topic}"}}' for topic in ("ssh-web1", "files")))
    doors.listen(f"""{{"networks": [{{"port": 1080, "names": {{"suffix": ".inout"}}, ...}},
        {{"port": 10418, "topic": "git", ...}}, {{"bind_unix": "/run/inout/web.sock", "topic": "web", ...}},
        {{"bind_unix": "/run/inout/ssh.sock", "topic": "ssh-web1", ...}}]}}""")
    return doors


def table():
    """{client: {column: entry}} of those that are not empty."""
    rows = [re.findall(r"[^|]+", line) for line in (ROOT / "docs" / PAGE).read_text().splitlines()
            if line.startswith("| ")]
    header, *rows = [[cell.strip() for cell in row] for row in rows]
    assert header[1:] == COLUMNS
    return {row[0]: {column: cell for column, cell in zip(COLUMNS, row[1:], strict=True) if cell != "-"} for row in rows}


def test_each_entry_of_the_table_is_tried():
    told = table()
    assert {client: set(told[client]) for client in TRIED} == {client: set(ways) for client, ways in TRIED.items()}


def test_what_the_table_says_is_so(doors):
    for client, ways in TRIED.items():
        for column, line in ways.items():
            done = doors.shell(line, check=False)
            good = "Packages" in done.stdout if client == "apt" else "the page" in done.stdout
            assert done.returncode == 0 and good, (client, column, line, done.stdout, done.stderr)


def test_what_looks_names_up_by_itself_finds_nothing(doors):
    for line in IN_VAIN:
        done = doors.shell(line, check=False)
        assert done.returncode != 0 and "the page" not in done.stdout, line
