"""A machine of the test's own: this one's files below a layer that takes all changes (overlayfs), in a
mount namespace, so that packages are installed there and nowhere else. systemd is not its first
process; what stands for it is a small systemctl that knows the test's units."""
import json
import os
import pathlib
import shlex
import subprocess

import harness
import wan

# Mounts the layers below argv 0, then waits for its end of input.
BEGIN = """set -e
mount -t tmpfs none "$0"
mkdir "$0/changes" "$0/work" "$0/root"
mount -t overlay -o "lowerdir=/,upperdir=$0/changes,workdir=$0/work" none "$0/root"
mount -t proc none "$0/root/proc"
mount --rbind /dev "$0/root/dev"
mount -t tmpfs none "$0/root/run"
mount -t tmpfs none "$0/root/tmp"
mkdir -p "$0/root/run/systemd/system"
echo ready
cat
"""

# Of `systemctl kill` it does what systemd does to the main process; it lists what is in its folder.
SYSTEMCTL = """#!/bin/sh
echo "$@" >>/run/systemctl.log
case "$1" in
    list-units) for unit in /run/units/*; do [ ! -e "$unit" ] || echo "${unit##*/} loaded active running x"; done ;;
    kill) kill -USR2 "$(cat "/run/units/$4")" ;;
esac
"""


class Machine:
    """Owned by a Runner."""

    def __init__(self, run, folder):
        wan.require(os.geteuid() == 0, "mounting needs root")
        self.runner = run
        folder.mkdir()
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", BEGIN, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        run.own(self)
        if self.holder.stdout.readline() != "ready\n":
            self.holder.stdin.close()
            wan.require(False, f"overlayfs can not be mounted here: {self.holder.stderr.read()}")
        self.root = folder / "root"
        self.prefix = ["nsenter", "--mount", f"--target={self.holder.pid}", "chroot", str(self.root)]
        self.write("/usr/local/bin/systemctl", SYSTEMCTL, mode="755")
        self.call("mkdir", "/run/units")

    def call(self, *command, check=True, **options):
        done = subprocess.run([*self.prefix, *map(str, command)], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120 * harness.PATIENCE, **options)
        assert not check or done.returncode == 0, f"{shlex.join(map(str, command))}:\n{done.stdout}"
        return done

    def write(self, path, text, mode="644"):
        self.call("sh", "-c", 'cat >"$0" && chmod "$1" "$0"', path, mode, input=text)

    def bring(self, file):
        """A file of this machine, in its /tmp."""
        place = f"/tmp/{pathlib.Path(file).name}"
        with open(file, "rb") as source:
            subprocess.run([*self.prefix, "sh", "-c", 'cat >"$0"', place], stdin=source, check=True)
        return place

    def unit(self, unit, name, config):
        """The program runs as the unit says, and the systemctl knows it as that."""
        file = f"/etc/inout/{unit.removeprefix('inout-').replace('@', '-')}.json"
        self.write(file, json.dumps(config))
        program = self.runner.program(name, args=("--config", file), prefix=self.prefix,
                                      folder=pathlib.Path("/usr/libexec/inout"))
        self.write(f"/run/units/{unit}.service", str(program.pid))
        return program

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()
