"""A site of docs/doors.md: a machine where its lines work as they are printed, with relay, out and in."""
import json

from machine_of_printed import OwnMachine
from printed import block, config
from service import need

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
