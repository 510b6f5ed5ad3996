"""A chain with a man in the middle."""
import threading

import harness
from attack import holder, protected, secret_file
from harness import connect, read_exactly, wait_for
from tunnel import Tunnel, unchanged


class Held:
    """A chain with a man in the middle on one leg, and a backend in the test's hands."""

    def __init__(self, run, leg, protection, on_data=unchanged):
        self.accepted = []
        self.over = threading.Event()
        self.backend = run.own(harness.Server(self._hold))
        run.own(self)
        tls = protection == "tls"
        own = holder() if tls else {}
        self.proxy = run.proxy(protected() if tls else {})
        self.tunnel = run.own(Tunnel(self.proxy.port(), on_data))
        paths = {"in": self.proxy, "out": self.proxy, leg: self.tunnel.port}
        e2e = {} if tls else {"e2e": {"key_file": secret_file("fedcba9876543210" * 4)}}

        def network(name, **more):
            return {"server_host": "127.0.0.1", "server_port": harness.port_of(paths[name]),
                    "topic": "default", **e2e, **more}
        self.out = run.program("out", {**own, "networks": [network(
            "out", backend_host="127.0.0.1", backend_port=self.backend.port)]})
        self.out.wait_event("registered")
        self.in_ = run.program("in", {**own, "networks": [network("in", port=0)]})
        self.port = self.in_.port()

    def _hold(self, s):
        s.settimeout(20 * harness.PATIENCE)
        self.accepted.append(s)
        self.over.wait()

    def pair(self):
        """(client, backend) of an open stream that has carried something both ways."""
        client = connect(self.port)
        client.sendall(b"?")
        backend = wait_for(lambda: self.accepted and self.accepted[-1], what="stream")
        assert read_exactly(backend, 1) == b"?"
        backend.sendall(b"!")
        assert read_exactly(client, 1) == b"!"
        return client, backend

    def wait_idle(self):
        for program in (self.in_, self.proxy, self.out):
            program.wait_idle()

    def close(self):
        self.over.set()
