"""A site of docs/doors.md: a machine where its lines work as they are printed, with relay, out and in."""
import json

from machine_of_printed import OwnMachine
from printed import block, config
from service import need

HTTPS = """import functools, http.server, ssl, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[3])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()"""
SERVER = {"server_host": "relay.example.com", "server_port": 40001}
PAGE = "doors.md"


class Doors:
    def __init__(self, run, directory, is_safe=False):
        """is_safe: the relay is that of proxy --setup, its files in the folder relay."""
        self.machine = OwnMachine(run, directory)
        self.directory = directory
        self.shell, self.write = self.machine.shell, self.machine.write
        if is_safe:
            self.shell("proxy --setup relay --host relay.example.com")
        options = ["--config", directory / "relay/proxy.json"] if is_safe else ["--bind", "0.0.0.0:40001"]
        self.relay = self.machine.program("proxy", *map(str, options))
        self.relay.wait_event("listening")

    def offer(self, *networks, **ports):
        """An out with these networks, and these topics of ports here."""
        networks = [*networks, *({"topic": topic.replace("_", "-"), "backend_host": "127.0.0.1",
                                  "backend_port": port} for topic, port in ports.items())]
        out = self._start("out", {"networks": [{**SERVER, **network} for network in networks]})
        out.wait_event("registered", count=len(networks))
        return out

    def listen(self, text=None):
        """An in with the page's listeners, or others that a page prints."""
        printed = config(text or block(PAGE, "The listeners", "// in.json"), **SERVER)
        self.in_ = self._start("in", {**printed, "first_look": "off"})
        self.in_.wait_event("listening", count=len(printed["networks"]))
        return self.in_

    def _start(self, name, text):
        file = self.directory / f"{name}.json"
        file.write_text(json.dumps(text))
        return self.machine.program(name, "--config", file)

    def web(self):
        """A web server at port 8000; .www is its folder, .requests() what it was asked."""
        self.www = self.directory / "www"
        self.www.mkdir()
        (self.www / "index.html").write_text("the page")
        server = self.machine.background(
            ["/usr/bin/python3", "-u", "-m", "http.server", "8000", "--bind", "127.0.0.1", "--directory",
             self.www], 8000)
        self.requests = lambda: server.log.read_text(errors="replace")

    def https(self, *names):
        """The same folder at port 443; the certificate in its folder, ca.crt, has these names."""
        where = ",".join(f"DNS:{name}" for name in names)
        self.shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x"
                   f" -addext subjectAltName={where} -keyout https.key -out ca.crt")
        self.machine.background(["/usr/bin/python3", "-c", HTTPS, "ca.crt", "https.key", "www"], 443,
                                folder=self.directory)

    def rsync_daemon(self):
        """Of the web server's folder, as the module all."""
        file = self.directory / "rsyncd.conf"
        file.write_text(f"address=127.0.0.1\nuse chroot=no\nuid=0\ngid=0\n[all]\npath={self.www}\n")
        self.machine.background([need("rsync", "rsync"), "--daemon", "--no-detach", "--config", file], 873)

    def repository(self, bare, text):
        """A bare one with one commit, a file `a` of this text, also for plain HTTP."""
        self.shell(f"""git init -q work && cd work && echo '{text}' >a && git add a
            git -c user.name=a -c user.email=a@b commit -q -m a && cd .. && git clone -q --bare work {bare}
            git -C {bare} update-server-info""")

    def sshd(self):
        """At port 22, for whoever runs the test, with the client's options in /etc/ssh/ssh_config."""
        sshd, d = need("sshd", "openssh-server"), self.directory
        for key in ("host_key", "user_key"):
            self.shell(f"ssh-keygen -q -t ed25519 -N '' -f {key}")
        (d / "known_hosts").write_text("tunnelled " + (d / "host_key.pub").read_text())
        (d / "sshd_config").write_text(
            f"HostKey {d}/host_key\nAuthorizedKeysFile {d}/user_key.pub\nPidFile none\nStrictModes no\n"
            "PasswordAuthentication no\nSubsystem sftp internal-sftp\n")
        self.machine.background([sshd, "-D", "-e", "-f", d / "sshd_config", "-o", "ListenAddress=127.0.0.1"], 22)

    def ssh_config(self, text):
        """What a page prints for ~/.ssh/config, for everybody, and the test's keys."""
        d = self.directory
        self.write("/etc/ssh/ssh_config", text + f"""
Host *
    IdentityFile {d}/user_key
    IdentitiesOnly yes
    BatchMode yes
    HostKeyAlias tunnelled
    StrictHostKeyChecking yes
    UserKnownHostsFile {d}/known_hosts
""")
