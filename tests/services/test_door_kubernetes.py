"""docs/doors.md as printed: the Pod with in as its sidecar. What a kubelet would do is done here: volumes
laid down as it lays them, containers with the users, groups, rights and mounts of the manifest."""
import json
import os
import pathlib

import pytest

from doors import PAGE, Doors
from printed import block
from service import command, need

try:
    import yaml
except ImportError:
    yaml = None

pytestmark = pytest.mark.plain_only

IMAGE_GROUP = 65534  # USER of packaging's Dockerfile
ENTRYPOINT = "/usr/libexec/inout/inout"
# A container's root file system is one mount; here it is these, and volumes are mounts below them.
READ_ONLY = "for place in / /etc /usr /run /srv; do mount -o remount,bind,ro $place; done; exec \"$@\""


class Pod:
    """.program is the sidecar; the rest of the manifest is looked at by name."""

    def __init__(self, run, directory):
        need("/usr/lib/python3/dist-packages/yaml", "python3-yaml")
        config, pod = yaml.safe_load_all(block(PAGE, "Kubernetes sidecar", "apiVersion: v1"))
        self.text = config["data"]["in.json"]
        self.spec = pod["spec"]
        [self.sidecar], [self.app] = self.spec["initContainers"], self.spec["containers"]
        self.group = self.spec["securityContext"]["fsGroup"]
        self.doors = Doors(run, directory, is_safe=True)
        self.machine = self.doors.machine

    def mount(self, default_mode="as printed", group="as printed"):
        """Lays the volumes down. Without a group they stay root's alone."""
        group = self.group if group == "as printed" else group
        site = self.doors.directory / "site"
        join = json.loads((site / "client.join").read_text())
        files = {"config": {"in.json": self.text.replace("sha256/…", join["pin"])},
                 "secret": {name: (site / name).read_text() for name in ("client.join", "sites.e2e")}}
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        for wanted in self.sidecar["volumeMounts"]:
            volume, place = volumes[wanted["name"]], wanted["mountPath"]
            self.doors.shell(f"mkdir -p {place} && mount -t tmpfs -o mode=755 none {place}", folder="/")
            root = pathlib.Path(self.machine.path(place))
            if "emptyDir" in volume:
                os.chown(root, 0, -1 if group is None else group)
                root.chmod(0o2777)
                continue
            source = volume.get("secret", {})
            mode = source.get("defaultMode", 0o644) if default_mode == "as printed" else default_mode
            lay_down(root, files[wanted["name"]], mode, group)

    def container(self, described, user_groups):
        """What a command line begins with to run in it."""
        context = described["securityContext"]
        own = described is self.sidecar
        user = context["runAsUser"]
        rights = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"] if own else []
        mounts = READ_ONLY if own else 'exec "$@"'
        groups = [f"--groups={','.join(map(str, user_groups))}"] if user_groups else ["--clear-groups"]
        return [*self.machine.prefix, "unshare", "--mount", "sh", "-ec", mounts, "sh",
                "setpriv", f"--reuid={user}", f"--regid={IMAGE_GROUP if own else user}", *groups, *rights]

    def in_sidecar(self, *words, check=True):
        return command(*self.container(self.sidecar, [self.group]), *words, check=check)

    def in_app(self, *words, groups=True, check=True):
        return command(*self.container(self.app, [self.group] if groups else []), *words, check=check)

    def start(self, run):
        name, *arguments = self.sidecar["args"]
        # The image's entry point, and its first argument says which program that becomes.
        self.program = run.program(name, args=arguments, folder=pathlib.Path(),
                                   prefix=[*self.container(self.sidecar, [self.group]), ENTRYPOINT])
        return self.program


def lay_down(root, files, mode, group):
    """As a kubelet does: files in a folder with a date, a link to that, and links through it. Of a read-only
    volume fsGroup becomes the group, and may read."""
    data = root / "..2026_11_29_12_00_00.1"
    data.mkdir()
    for name, text in files.items():
        file = data / name
        file.write_text(text)
        if group is not None:
            os.chown(file, 0, group)
        file.chmod(mode if group is None else mode | 0o440)
        (root / name).symlink_to(f"..data/{name}")
    (root / "..data").symlink_to(data.name)


@pytest.fixture
def pod(run, tmp_path):
    pod = Pod(run, tmp_path)
    pod.doors.web()
    pod.doors.shell("mkdir site && cp -p relay/*.join site")
    pod.out = pod.machine.program(
        "out", "--join", str(tmp_path / "site/service.join"),
        *"--topic mysql --backend 127.0.0.1:8000 --topic pg --backend 127.0.0.1:8000".split())
    pod.out.wait_event("registered", count=2)
    return pod


def test_the_app_of_a_pod_gets_through_its_sidecar(run, pod):
    pod.mount()
    pod.start(run).wait_event("listening", count=2)
    env = {entry["name"]: entry["value"] for entry in pod.app["env"]}
    curl = need("curl", "curl"), "--silent", "--show-error", "--max-time", "20"
    port = f"http://{env['MYSQL_HOST']}:{env['MYSQL_TCP_PORT']}/"
    socket = "--unix-socket", f"{env['PGHOST']}/.s.PGSQL.5432", "http://pg/"
    assert pod.in_app(*curl, port).stdout == pod.in_app(*curl, *socket).stdout == "the page"
    assert pod.in_app(*curl, *socket, groups=False, check=False).returncode == 7  # not permitted
    for line in (pod.program.wait_event("stream", topic=topic) for topic in ("mysql", "pg")):
        assert line["code"] == "done"
    for file in ("/file", "/etc/file", "/usr/file", "/tmp/file"):
        assert "Read-only" in pod.in_sidecar("touch", file, check=False).stderr

    probes = [pod.sidecar[name]["exec"]["command"] for name in ("startupProbe", "readinessProbe")]
    assert [pod.in_sidecar(*probe, check=False).returncode for probe in probes] == [0, 0]
    pod.out.stop()
    assert [pod.in_sidecar(*probe, check=False).returncode for probe in probes] == [1, 1]


@pytest.mark.parametrize("volumes, told", [
    ({"default_mode": 0o644}, "can be read by others (mode 0644)"),
    ({"group": None}, "can not be opened: Permission denied")])
def test_secrets_that_the_page_warns_of_are_told(pod, volumes, told):
    pod.mount(**volumes)
    done = pod.in_sidecar(ENTRYPOINT, *pod.sidecar["args"], check=False)
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
