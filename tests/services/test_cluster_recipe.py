"""Three relays behind nginx (docs/scale.md): proxies, and servers of NATS with TLS, as printed.

All run on one machine, a network namespace that has the addresses of all of them; so each listens at
its own one where the page says "everywhere". And what NATS knows the proxies by instead: .creds.
"""
import json
import re
import socket
import subprocess

import pytest

from cluster_site import Member, Nats, needs_nats
from harness import BIN, PATIENCE, ROOT, Server, connect, echo_server, expect_echo, wait_for
from nats_users import site_with_users
from service import command, need
from wan import inside, new_namespace, prefix, require

pytestmark = [pytest.mark.plain_only, needs_nats()]

RELAYS = ["10.0.0.5", "10.0.0.6", "10.0.0.7"]
NGINX = "10.0.0.4"


def printed():
    """{name: text} of the section's files, as they stand there for the first relay."""
    section = (ROOT / "docs/scale.md").read_text().split("\n### Three relays behind nginx\n")[1]
    files, name = {}, None
    for line in section.split("\n### ")[0].splitlines():
        head = re.match(r"    (?:#|//) (\S+\.(?:conf|json))\b", line)
        if head:
            name = head[1]
            files[name] = ""
        elif name and line and not line.startswith("    "):
            break
        elif name:
            files[name] += line + "\n"
    assert set(files) == {"nats.conf", "proxy.json", "nginx.conf"}, files.keys()
    return files


def of_relay(text, place):
    """The same of another relay, which changes places with the first."""
    swapped = {RELAYS[0]: place, place: RELAYS[0]}
    return re.sub(r"10\.0\.0\.[567]\b", lambda m: swapped.get(m[0], m[0]), text)


class Daemon:
    """One in the foreground, whose output is pytest's."""

    def __init__(self, line, folder):
        self.process = subprocess.Popen([str(part) for part in line], cwd=folder)

    def close(self):
        self.process.kill()
        self.process.wait()


class Site:
    def __init__(self, run, folder):
        self.run, self.folder, self.proxy_file = run, folder, {}
        try:
            self.place = new_namespace()
        except OSError as error:
            require(False, f"no network namespace: {error}")
        inside(self.place, subprocess.run, ["ip", "-batch", "-"], text=True, check=True,
               input="link set lo up\n"
               + "".join(f"addr add {each}/24 dev lo\n" for each in [NGINX, *RELAYS]))
        command(ROOT / "scripts/certs.sh", folder, "server", "relay.example.com")
        for end in ("crt", "key"):
            (folder / f"relay.example.com.{end}").rename(folder / f"relay.{end}")
        self._certificate("nats", "nats", "serverAuth,clientAuth",
                          ",".join(f"IP:{each}" for each in RELAYS))
        (folder / "nats.crt").rename(folder / "nats.pem")
        self._certificate("nats-client", "relay", "clientAuth", "DNS:relay")
        for name in ("cluster", "office"):
            command(BIN / "in", "--new-key", folder / f"{name}.key")
        self.files = printed()
        self.nats = {place: self._start_nats(place) for place in RELAYS}
        self.proxies = {place: self._start_proxy(place) for place in RELAYS}
        for proxy in self.proxies.values():
            proxy.wait_event("cluster connected", timeout=30)
        self._start_nginx()

    def _certificate(self, name, subject, use, names):
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-CA", "ca.crt", "-CAkey",
                "ca.key", "-subj", f"/CN={subject}", "-keyout", f"{name}.key", "-out",
                f"{name}.crt", "-addext", f"extendedKeyUsage={use}", "-addext",
                f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE",
                cwd=self.folder)

    def _file(self, name, place, everywhere, here):
        file = self.folder / f"{place}-{name}"
        text = of_relay(self.files[name], place)
        assert everywhere in text
        file.write_text(text.replace(everywhere, here))
        return file

    def _start(self, *line):
        return self.run.own(Daemon([*prefix(self.place), *line], self.folder))

    def _start_nats(self, place):
        return self._start(need("nats-server", "nats-server"), "-c",
                           self._file("nats.conf", place, "0.0.0.0", place))

    def _start_proxy(self, place):
        self.proxy_file[place] = self._file("proxy.json", place, '"bind": "*"',
                                            f'"bind": "{place}"')
        return self.program("proxy", self.proxy_file[place])

    def program(self, name, file):
        return self.run.program(name, args=["--config", str(file)], prefix=prefix(self.place))

    def _start_nginx(self):
        module = need("/usr/lib/nginx/modules/ngx_stream_module.so", "libnginx-mod-stream")
        file = self.folder / "nginx.conf"
        file.write_text(f"load_module {module}; daemon off; pid {self.folder}/nginx.pid; user root;\n"
                        "error_log stderr; events {}\n"
                        + self.files["nginx.conf"].replace("listen 40001", f"listen {NGINX}:40001"))
        self._start(need("nginx", "nginx"), "-e", "stderr", "-c", file)
        wait_for(self._nginx_listens, 20, "nginx")

    def _nginx_listens(self):
        try:
            inside(self.place, socket.create_connection, (NGINX, 40001)).close()
            return True
        except OSError:
            return False

    def client(self, name, networks):
        """in or out of the office, which know nothing but nginx."""
        file = self.folder / f"{name}.json"
        common = {"server_host": NGINX, "server_port": 40001}
        file.write_text(json.dumps({
            "networks": [{**common, **network} for network in networks],
            "tls": {"ca": "ca.crt", "server_name": "relay.example.com"},
            "auth": {"id": "office", "secret_file": "office.key"}}))
        return self.program(name, file)

    def doctor(self, place):
        done = command(*prefix(self.place), BIN / "proxy", "--doctor", "--json", "--config",
                       self.proxy_file[place], check=False)
        return done.returncode, json.loads(done.stdout)["checks"]


def test_three_relays(run, tmp_path):
    site = Site(run, tmp_path)
    topics = [f"t{i}" for i in range(6)]
    backend = run.own(inside(site.place, Server, lambda s: s.sendall(s.recv(100))))
    out = site.client("out", [{"topic": topic, "backend_host": "127.0.0.1",
                               "backend_port": backend.port} for topic in topics])
    in_ = site.client("in", [{"topic": topic, "port": 0} for topic in topics])

    def works(topic):
        with inside(site.place, connect, in_.port(topic=topic)) as s:
            expect_echo(s)
        return True

    def all_work():
        try:
            return all(works(topic) for topic in topics for _ in range(3))
        except (OSError, EOFError):
            return False
    out.wait_event("registered", count=len(topics), timeout=30)
    assert all(works(topic) for topic in topics for _ in range(3))
    code, checks = site.doctor(RELAYS[1])
    assert (code, [row for row in checks if row["state"] != "ok"]) == (0, [])
    assert sum(row["check"] == "nats" for row in checks) == 3
    assert sum(row["check"] == "identity" and row["found"] == "proxy prod" for row in checks) == 2

    site.nats[RELAYS[2]].close()
    site.proxies[RELAYS[0]].kill()
    wait_for(all_work, 60 * PATIENCE, "streams over the relays that are left")
    code, checks = site.doctor(RELAYS[1])
    assert code == 1
    assert [(row["check"], row["server"]) for row in checks if row["state"] == "wrong"] == [
        ("nats", f"tls://{RELAYS[2]}:4222")]


def test_proxies_that_nats_knows_by_their_credentials(run, tmp_path):
    settings, creds = site_with_users(tmp_path)
    config = tmp_path / "nats.conf"
    config.write_text(settings)
    nats = Nats(run, args=["-c", str(config)])
    known = {"nats_credentials": str(creds)}
    a, b = Member(run, nats, cluster=known), Member(run, nats, cluster=known)
    b.out(echo_server(run).port, "ssh")
    (port,), _ = a.in_(["ssh"])
    with connect(port) as s:
        expect_echo(s)
    stranger = run.proxy({**a.config, "port": 0, "cluster": {
        key: value for key, value in a.config["cluster"].items() if key != "nats_credentials"}})
    refused = stranger.wait_event("cluster unreachable")
    assert "uthorization" in refused["reason"]
