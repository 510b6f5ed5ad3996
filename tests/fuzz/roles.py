"""The roles that the session fuzzer plays: an in, an out, a client of ours, and a proxy.

Each plays one conversation of docs/protocol.md on connections of its own, leaves it at any point,
and says at each point the right thing, the right thing damaged, or another message altogether.
"""
import json
import random
import socket
import threading

import harness
import wire
from peers import VERSION, encode

TOPICS = ["fuzz.a", "fuzz.b"]  # few, so that peers displace each other
STEPS_MAX = 12  # of one conversation
NUMBERS = [-2 ** 63, -1, 0, 1, 2, 100, 2 ** 31, 2 ** 53, 2 ** 63 - 1, 2 ** 64, 1e308]


class Role:
    """What all of them have: dice, and the messages of the protocol with plausible members."""

    def __init__(self, dice):
        self.dice = dice
        self.ticket = "00" * 16

    def id(self, size=16):
        return self.dice.randbytes(size).hex()

    def ext(self, **members):
        """Sometimes none, as 0.0.1 has it, and sometimes with a member of a wrong kind."""
        if self.dice.random() < 0.15:
            return {}
        members = {"v": 1, **members}
        if self.dice.random() < 0.15:
            name = self.dice.choice(list(members))
            members[name] = self.dice.choice([*NUMBERS, None, [], {}, "", "x" * 300, "\x1b[2J"])
        return {"ext": members}

    def message(self, kind, **payload):
        dice, topic = self.dice, self.dice.choice(TOPICS)
        first = {"magic": self.id(), "version": VERSION, "type": topic}
        stream = {"id": self.id(8), "client": "192.0.2.1:1234"}
        members = {
            "InRequest": {**first, **self.ext(**stream)},
            "InWarmRequest": {"magic": self.id(), "version": VERSION,
                              **self.ext(probe=dice.choice([0, 0, 1]), framed=dice.choice([0, 1]))},
            "ProbeRequest": {"magic": self.id(), "type": topic,
                             **self.ext(serves=dice.choice([0, 1]), pattern=dice.choice([0, 1]))},
            "OutRequest": {**first, **self.ext(
                instance=self.id(), mode=dice.choice(["takeover", "standby"]),
                heartbeat_timeout=dice.choice([5000, 20000, *NUMBERS]))},
            "OutDataRequest": {**first, **self.ext(
                ticket=self.ticket, quiet=dice.choice([0, 1]), framed=dice.choice([0, 1]))},
            "NewDataRequest": {"magic": self.id(), "type": topic,
                               **self.ext(count=dice.choice([1, 2, 3, *NUMBERS]))},
            "DataActiveRequest": {"magic": self.id(), "type": topic, **self.ext(**stream)},
            "Response": {"magic": self.id(), "message": dice.choice(["", "", "no", "x" * 900]),
                         "request": dice.choice(["InRequest", "OutRequest", "DataActiveRequest"]),
                         **self.ext(code=dice.choice(["limit", "draining", "nonsense"]))},
            "Ping": {}, "Pong": {},
            "Notice": {"code": dice.choice(["displaced", "promoted", "draining", "unready", "x"]),
                       "message": "fuzz"},
        }
        return encode(kind, {**members[kind], **payload})

    def say(self, wire_, kind, **payload):
        """The right message most of the time."""
        if self.dice.random() < 0.1:
            kind, payload = self.dice.choice(["Ping", "Response", "NewDataRequest", "Notice",
                                              "ProbeRequest", "InRequest", "OutRequest", "OutDataRequest"]), {}
        data = self.message(kind, **payload)
        wire_.send(data if wire_.records else wire.damaged(data, self.dice))

    def bytes(self, wire_):
        """A stream's bytes."""
        wire_.send(self.dice.randbytes(self.dice.choice([1, 100, 5000, 70000])))

    def goes_on(self):
        return self.dice.random() < 0.85

    @staticmethod
    def heard(wire_):
        """(type, payload) of what the other side says; neither need be there."""
        try:
            message = json.loads(wire_.read_frame())
            return message.get("Type", ""), message.get("Payload", {})
        except (ValueError, AttributeError):
            return "", {}


class Guest(Role):
    """An in or an out at the real proxy."""

    def __init__(self, dice, port, tls):
        super().__init__(dice)
        self.port = port
        self.tls = tls if dice.random() < 0.5 else None

    def connect(self):
        sock = harness.connect(self.port, 5)
        return wire.Wire(sock, self.dice, self.tls, records=self.dice.random() < 0.2)

    def play(self):
        self.dice.choice([self.be_in, self.be_out])()

    def be_in(self):
        w = self.connect()
        if self.dice.random() < 0.3:
            self.say(w, "InWarmRequest")
            self.heard(w)
        while self.dice.random() < 0.2:
            self.say(w, "ProbeRequest")
            self.heard(w)
        self.say(w, "InRequest")
        while self.goes_on():
            self.dice.choice([self.bytes, self.heard])(w)
        w.end()

    def be_out(self):
        control = self.connect()
        topic = self.dice.choice([*TOPICS, self.dice.randbytes(4).hex()])
        self.say(control, "OutRequest", type=topic)
        kind, payload = self.heard(control)
        self.ticket = payload.get("ext", {}).get("ticket", self.ticket) if kind else self.ticket
        data = []
        for _ in range(STEPS_MAX):
            if not self.goes_on():
                break
            step = self.dice.random()
            if step < 0.3 and len(data) < 4:
                data.append(self.connect())
                self.say(data[-1], "OutDataRequest", type=topic)
            elif step < 0.8 and data:
                asked = self.connect()  # most meet their own in, or few streams would ever begin
                self.say(asked, "InRequest", type=topic)
                self.bytes(asked)
                self.serve(data.pop())
                self.heard(asked)
                self.bytes(asked)
                asked.end()
            else:
                self.say(control, self.dice.choice(["Ping", "Ping", "Response", "Notice"]))
        for w in [*data, control]:
            w.end()

    def serve(self, data):
        """A parked connection, perhaps with a stream for it."""
        for _ in range(3):
            kind, payload = self.heard(data)
            if kind == "DataActiveRequest":
                self.say(data, "Response", request=kind, magic=payload.get("magic", ""),
                         message=self.dice.choice(["", "", "backend refused"]))
                self.bytes(data)
        data.end()


class Host(Role):
    """A proxy for a real in or out: one connection."""

    def __init__(self, dice, sock, tls):
        super().__init__(dice)
        self.wire = wire.Wire(sock, dice, tls, server=True, records=dice.random() < 0.3)

    def play(self):
        w = self.wire
        kind, payload = self.heard(w)
        if kind:
            self.say(w, "Response", request=kind, magic=payload.get("magic", ""),
                     message=self.dice.choice(["", "", "", "no"]),
                     **self.ext(proxy="00" * 8, ticket=self.id(), position=0, quiet=1, warm=60000))
        said = {"OutRequest": ["NewDataRequest", "NewDataRequest", "Pong", "Notice"],
                "OutDataRequest": ["DataActiveRequest"]}.get(kind, ["Response"])
        for _ in range(STEPS_MAX):
            if not self.goes_on():
                break
            if kind == "InRequest" or self.dice.random() < 0.2:
                self.bytes(w)
            else:
                self.say(w, self.dice.choice(said))
            self.heard(w)
        w.end()


class FakeProxy:
    """Listens as a proxy, plain or with TLS, and plays Host on every connection. Owned by a
    Runner."""

    def __init__(self, seed, tls=None):
        self.seed, self.tls, self.count, self.over = seed, tls, 0, False
        self.places = threading.BoundedSemaphore(16)  # conversations at a time
        self.server = harness.Server(self.handle)
        self.port = self.server.port

    def handle(self, sock):
        self.count += 1
        dice = random.Random(f"{self.seed} host {self.count}")
        try:
            with self.places:
                if not self.over:
                    Host(dice, sock, self.tls).play()
        except (OSError, EOFError):
            pass
        sock.close()

    def close(self):
        self.over = True
        self.server.close()


def be_client(dice, port):
    """One of in's, whose stream the fake proxy may or may not open."""
    with harness.connect(port, 5) as sock:
        sock.settimeout(wire.PATIENCE_S)
        for _ in range(dice.randrange(3)):
            sock.sendall(dice.randbytes(dice.choice([1, 1000, 40000])))
            sock.recv(65536)
        if dice.random() < 0.3:
            sock.shutdown(socket.SHUT_WR)
            sock.recv(65536)
        elif dice.random() < 0.5:
            harness.reset(sock)
