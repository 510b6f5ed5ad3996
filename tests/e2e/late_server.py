"""Backends that can not be reached, yet or at all: what a client sends meanwhile is early."""
import socket
import threading

from harness import echo


def silent_port(run):
    """A port that never answers: the listener's queue of one is full, so the kernel drops SYNs."""
    listener = run.own(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    while True:
        s = run.own(socket.socket())
        s.settimeout(0.2)
        try:
            s.connect(("127.0.0.1", port))
        except TimeoutError:
            return port


class LateServer:
    """Its queue of one connection is full, so the kernel drops every SYN until open(); the next
    one comes a second later. Then it calls handler(socket) for the first connection."""

    def __init__(self, handler=echo):
        self.handler = handler
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.filler = socket.create_connection(("127.0.0.1", self.port))

    def open(self):
        self.listener.accept()[0].close()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            self.handler(self.listener.accept()[0])
        except OSError:
            pass  # the test has ended

    def close(self):
        # shutdown wakes the accept; close alone would leave it waiting
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.filler.close()
