"""A machine of its own for what a page prints: its paths, ports and names are used as they are.

Network and mount namespaces with nothing but loopback, where relay.example.com is 127.0.0.1, /etc,
/opt, /usr and /var have a layer that takes all changes, /run and /srv are empty, and the programs are in
/usr/local/bin and where the package has them.
"""
import os
import re
import subprocess

import harness
from harness import wait_for
from service import command, end
from wan import require

BEGIN = """set -e
ip link set lo up
mount -t tmpfs none "$0"
for folder in etc opt usr var; do
    mkdir "$0/$folder" "$0/$folder.work"
    mount -t overlay -o "lowerdir=/$folder,upperdir=$0/$folder,workdir=$0/$folder.work" none "/$folder"
done
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /srv
mkdir -p /run/inout /run/sshd /usr/libexec/inout
mount --bind "$1" /usr/libexec/inout
mount --bind "$1" /usr/local/bin
echo "127.0.0.1 localhost relay.example.com" >/etc/hosts
echo "hosts: files" >/etc/nsswitch.conf
echo up
exec cat"""

# Who enters a mount namespace finds itself in its root.
ENTER = "sh", "-c", 'cd "$0" && exec "$@"'


def environment():
    """That of the test, without what tells programs of proxies and authorities."""
    return {key: value for key, value in os.environ.items()
            if not re.search("_proxy$|^GIT_|_CA|^DOCKER|CERT_FILE", key, re.IGNORECASE)}


class OwnMachine:
    """Processes enter it by the prefix of their command lines; its own are ended with it."""

    def __init__(self, run, directory):
        require(os.geteuid() == 0, "mounting layers over /etc and others needs root")
        self.run, self.directory = run, directory
        layer = directory / "layer"
        layer.mkdir()
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", BEGIN, str(layer), str(harness.BIN.resolve())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        run.own(self)
        is_up = self.holder.stdout.readline() == "up\n"
        require(is_up, "layers can not be mounted here: " + ("" if is_up else self.holder.stderr.read()))
        self.prefix = ["nsenter", f"--target={self.holder.pid}", "--net", "--mount"]

    def close(self):
        self.holder.communicate("", timeout=10)

    def path(self, path):
        """Of a file there, from here."""
        return f"/proc/{self.holder.pid}/root{path}"

    def write(self, path, text, mode="644"):
        self.shell(f'mkdir -p "$(dirname {path})" && cat >{path} && chmod {mode} {path}', input=text)

    def shell(self, text, check=True, folder=None, env=None, **options):
        """What bash makes of a printed line in this folder, by default the test's; it must not fail."""
        return command(*self.prefix, *ENTER, folder or self.directory, "bash", "-ec", text, check=check,
                       env={**environment(), **(env or {})}, **options)

    def background(self, command_line, ready, **options):
        """A daemon whose output is .log; ready is a path or a port to wait for, or None."""
        return self.run.own(Background(self, command_line, ready, **options))

    def program(self, name, *args, **options):
        return self.run.program(name, args=args, prefix=self.prefix, **options)


class Background:
    def __init__(self, machine, command_line, ready, folder="/", env=None, **options):
        self.log = machine.directory / f"{os.path.basename(str(command_line[0]))}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*machine.prefix, *ENTER, folder, *map(str, command_line)], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, env={**environment(), **(env or {})}, **options)
        if ready is None:
            return
        probe = f"exec 3<>/dev/tcp/127.0.0.1/{ready}" if isinstance(ready, int) else f"test -S {ready}"

        def is_ready():
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-4000:]
            return machine.shell(probe, check=False).returncode == 0
        try:
            wait_for(is_ready, 30, f"{command_line[0]} at {ready}")
        except BaseException:
            self.close()
            raise

    def close(self):
        end(self.process)
