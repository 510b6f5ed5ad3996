"""Peers of our proxy that speak ext, driven step by step by the test that holds them.

No threads: a test reads the next message when it expects one, and may send anything.
"""
import os
import select
import time

from harness import PATIENCE, connect, port_of, reset
from peers import VERSION, encode, read_frame


def new_id(size=8):
    return os.urandom(size).hex()


class Connection:
    """One connection to the proxy; .answer is the payload of the Response to the first message."""

    def __init__(self, run, proxy, kind, topic, ext):
        self.sock = run.own(connect(port_of(proxy)))
        self.topic = topic
        self.send(kind, magic=new_id(16), version=VERSION, type=topic, ext={"v": 1, **ext})

    def send(self, kind, **payload):
        self.sock.sendall(encode(kind, payload))

    def read(self, kind):
        """The payload of the next message, which must be of this kind."""
        got, payload = read_frame(self.sock)
        assert got == kind, f"{got} instead of {kind}: {payload}"
        return payload

    def readable(self, timeout):
        return bool(select.select([self.sock], [], [], timeout)[0])

    def ended(self):
        """Waits for the end, of either kind, and tells whether nothing came before it."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def reset(self):
        reset(self.sock)


class Control(Connection):
    """A registration; .asked counts the data connections that the proxy wants, .notices lists
    the codes of its Notices."""

    def __init__(self, run, proxy, topic, instance=None, **ext):
        self.instance = instance or new_id()
        super().__init__(run, proxy, "OutRequest", topic, {"instance": self.instance, **ext})
        self.run, self.proxy = run, proxy
        self.answer = self.read("Response")
        self.asked = 0
        self.notices = []

    def ticket(self):
        return self.answer["ext"]["ticket"]

    def position(self):
        return self.answer["ext"]["position"]

    def _note(self, kind, payload):
        if kind == "NewDataRequest":
            self.asked += payload.get("ext", {}).get("count", 1)
        elif kind == "Notice":
            self.notices.append(payload["code"])
        else:
            assert kind == "Pong", f"{kind} on control: {payload}"

    def settle(self):
        """Takes what the proxy has sent so far: a Ping's answer comes behind it."""
        self.send("Ping")
        kind = None
        while kind != "Pong":
            kind, payload = read_frame(self.sock)
            self._note(kind, payload)

    def wait_asked(self, count):
        self._wait(lambda: self.asked >= count, f"request number {count}")

    def wait_notice(self, code):
        self._wait(lambda: code in self.notices, f"notice {code}")

    def _wait(self, condition, what):
        end = time.monotonic() + 10 * PATIENCE
        while not condition():
            assert self.readable(max(0, end - time.monotonic())), f"no {what}"
            self._note(*read_frame(self.sock))

    def park(self, **ext):
        return Data(self.run, self.proxy, self.topic, {"ticket": self.ticket(), **ext})


class Data(Connection):
    """A data connection of an out."""

    def __init__(self, run, proxy, topic, ext):
        super().__init__(run, proxy, "OutDataRequest", topic, ext)
        self.answer = self.read("Response")
        self.activation = None

    def activated(self):
        """Waits for the stream that wants this connection."""
        self.activation = self.read("DataActiveRequest")
        return self.activation

    def respond(self, message="", **ext):
        """Answers the activation; on success .sock carries raw bytes from here."""
        self.send("Response", magic=self.activation["magic"], request="DataActiveRequest",
                  message=message, ext={"v": 1, **ext})


class Ask(Connection):
    """An in connection for one stream; on success .sock carries raw bytes after its answer."""

    def __init__(self, run, proxy, topic, **ext):
        super().__init__(run, proxy, "InRequest", topic,
                         {"id": new_id(), "client": "192.0.2.1:1234", **ext})

    def response(self):
        return self.read("Response")

    def ended_or_refused(self):
        try:
            return self.response()["message"] != ""
        except (EOFError, ConnectionResetError):
            return True


def first_activated(*connections):
    """The one of these parked connections that the proxy has chosen for a stream."""
    ready = select.select([c.sock for c in connections], [], [], 10 * PATIENCE)[0]
    assert ready, "no parked connection was activated"
    chosen = next(c for c in connections if c.sock is ready[0])
    chosen.activated()
    return chosen
