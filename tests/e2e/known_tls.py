"""TLS with an exporter value that a test can see, which Python's ssl does not give."""
import os
import re
import select
import subprocess

import harness
import secure


class KnownTls:
    """A TLS connection of openssl's s_client, which tells what proofs are bound to. Used like a
    socket; owned by a Runner."""

    def __init__(self, run, proxy):
        # With TLS 1.3 it would write what it says of tickets between what comes.
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{harness.port_of(proxy)}", "-tls1_2",
             "-ign_eof", "-CAfile", secure.certificates() / "ca.crt", "-keymatexport",
             "EXPORTER-inout-proof-1", "-keymatexportlen", "32"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        run.own(self)
        said = b""
        while not (found := re.search(rb"Keying material: ([0-9A-F]{64})\n(.*\n)*?---\n", said)):
            part = self._read(65536)
            assert part, said
            said += part
        self.exporter = bytes.fromhex(found[1].decode())
        self.unread = said[found.end():]

    def _read(self, size):
        out = self.process.stdout.fileno()
        if not select.select([out], [], [], 20 * harness.PATIENCE)[0]:
            raise TimeoutError("the proxy says nothing")
        return os.read(out, size)

    def sendall(self, data):
        self.process.stdin.write(data)

    def recv(self, size):
        data = self.unread[:size] or self._read(size)
        self.unread = self.unread[size:]
        return data

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()
