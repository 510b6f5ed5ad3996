"""Forward proxies for tests: Debian's squid with logins, a SOCKS5 server with one."""
import hashlib
import pathlib
import shutil
import subprocess
import tempfile

from harness import free_port, read_exactly
from service import AS_ROOT, Service, need
from socks5 import Socks5

USER, PASSWORD, REALM = "lena", "s3 cret:wörd", "office"


def password_file(folder, text=PASSWORD):
    path = pathlib.Path(folder) / f"password-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


class Squid:
    """Permits CONNECT to every port, to who has logged in as `schemes` say: basic, digest, both,
    or nobody at all where there are none."""

    def __init__(self, *schemes):
        squid = need("squid", "squid")
        helpers = pathlib.Path(need("/usr/lib/squid/basic_ncsa_auth", "squid")).parent
        # It runs as another user, which does not get into a test's own folder.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="inout-squid-"))
        self.url = None
        port = free_port()
        lines = [f"http_port 127.0.0.1:{port}", "pid_filename none", "cache deny all", "cache_mem 1 MB",
                 f"access_log stdio:{self.folder}/access.log", f"cache_log {self.folder}/cache.log",
                 f"coredump_dir {self.folder}", "netdb_filename none", "pinger_enable off",
                 "shutdown_lifetime 0 seconds", "visible_hostname squid.invalid",
                 "half_closed_clients off"]
        if "digest" in schemes:
            ha1 = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
            (self.folder / "digest").write_text(f"{USER}:{REALM}:{ha1}\n")
            lines += [f"auth_param digest program {helpers}/digest_file_auth -c {self.folder}/digest",
                      "auth_param digest children 1 startup=1", f"auth_param digest realm {REALM}"]
        if "basic" in schemes:
            hashed = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=PASSWORD, text=True,
                                    check=True, capture_output=True).stdout.strip()
            (self.folder / "basic").write_text(f"{USER}:{hashed}\n")
            lines += [f"auth_param basic program {helpers}/basic_ncsa_auth {self.folder}/basic",
                      "auth_param basic children 1 startup=1", f"auth_param basic realm {REALM}",
                      "auth_param basic utf8 off"]
        if schemes:
            lines += ["acl known proxy_auth REQUIRED", "http_access deny !known"]
        lines += ["acl tunnels method CONNECT", "http_access allow tunnels", "http_access deny all"]
        config = self.folder / "squid.conf"
        config.write_text("\n".join(lines) + "\n")
        if AS_ROOT:
            shutil.chown(self.folder, "proxy")
            for file in self.folder.iterdir():
                shutil.chown(file, "proxy")
        self.service = Service([squid, "-N", "-f", config], port, self.folder)
        self.place = f"127.0.0.1:{port}"

    def access(self):
        """What it has logged so far, one line a request that is over."""
        log = self.folder / "access.log"
        return log.read_text().splitlines() if log.exists() else []

    def close(self):
        self.service.process.kill()  # its own way takes two seconds; its helpers end with it
        self.service.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Socks5WithLogin(Socks5):
    """Lets in who knows USER and PASSWORD (RFC 1929)."""

    def choose_method(self, client, methods):
        if 2 not in methods:
            client.sendall(b"\x05\xff")
            return False
        client.sendall(b"\x05\x02")
        version, size = read_exactly(client, 2)
        user = read_exactly(client, size)
        password = read_exactly(client, read_exactly(client, 1)[0])
        right = (version, user, password) == (1, USER.encode(), PASSWORD.encode())
        client.sendall(b"\x01\x00" if right else b"\x01\x01")
        return right
