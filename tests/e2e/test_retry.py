"""Opens that meet a program just as it ends: a client's first bytes go elsewhere where nothing was
begun with them, and nobody notices."""
import os
import socket
import threading

import pytest

import harness
import secure
from framed import In
from harness import read_to_end, wait_for

pytestmark = pytest.mark.plain_only  # the modes are chosen here


@pytest.fixture(params=["plain", "tls", "e2e", "tls-e2e"])
def mode(request, monkeypatch):
    monkeypatch.setattr(secure, "TLS", "tls" in request.param)
    monkeypatch.setattr(secure, "E2E", "e2e" in request.param)
    return request.param


class Crowd:
    """Clients that send at once and want all of it back, until the end of the block."""

    def __init__(self, chain, size):
        self.chain, self.size = chain, size
        self.over, self.served, self.failed = threading.Event(), [], []
        self.workers = [threading.Thread(target=self._work, daemon=True) for _ in range(size)]

    def _work(self):
        while not self.over.is_set():
            data = os.urandom(500)
            try:
                with self.chain.connect() as client:
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                    (self.served if read_to_end(client) == data else self.failed).append(data)
            except OSError as e:
                self.failed.append(e)

    def wait_served(self, more):
        goal = len(self.served) + more
        wait_for(lambda: len(self.served) >= goal or self.failed, what="streams")

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for worker in self.workers:
            worker.join(20 * harness.PATIENCE)


def test_outs_that_end_one_after_another_cost_no_client_its_stream(run, mode):
    backend = harness.echo_server(run).port
    chain = run.chain(backend)
    with Crowd(chain, 4) as crowd:
        crowd.wait_served(20)
        for count in range(1, 6):
            holder = run.out(chain.proxy, {"default": backend})
            chain.out.wait_event("displaced", count=count)
            crowd.wait_served(20)
            assert holder.stop() == 0
            crowd.wait_served(20)
    for program in (chain.in_, chain.proxy):
        assert not program.find("open_failed")
    assert not crowd.failed
    chain.wait_idle()
