"""What the attack tests share: strangers, proofs, and the legitimate stream that has to run all
the while.

Run as a program it is a crowd of strangers, so that an attack does not share its interpreter with
what measures it.
"""
import collections
import contextlib
import functools
import hashlib
import hmac
import json
import os
import re
import resource
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

# A legitimate stream gets each echo within this many seconds, whatever is going on.
ECHO_WITHIN = 4
# Where sources matter: strangers, and others that they must not concern.
STRANGER, OTHER = "127.0.0.2", "127.0.0.3"

KEY, SECRET = "site", hashlib.sha256(b"attack").hexdigest()

# What strangers say before they fall silent.
SAYINGS = {
    "nothing": b"",
    "half a header": b"\x40\0\0\0",
    "a header": struct.pack("<q", 500),
    "half a ClientHello": bytes([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]),
}


# --- a crowd of strangers ---

class Crowd:
    """Strangers in a process of their own, who hold `places` connections and open each anew as
    soon as it ends; they take turns in what they say. Who is refused with an answer stays all the
    same. Owned by a Runner."""

    def __init__(self, run, port, places, *sayings, source=STRANGER, seconds=120):
        said = [saying.hex() for saying in sayings or (b"",)]
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(port), str(places), str(seconds), source, *said],
            stdout=subprocess.PIPE, text=True)
        run.own(self)
        assert self.process.stdout.readline() == "here\n"

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def be_a_crowd(port, places, seconds, source, sayings):
    resource.setrlimit(resource.RLIMIT_NOFILE, 2 * resource.getrlimit(resource.RLIMIT_NOFILE)[1:])
    answered_max = 10_000
    end = time.monotonic() + seconds
    selector = selectors.DefaultSelector()
    answered = collections.deque()
    arrived = 0

    def open_one():
        s = socket.socket()
        s.setblocking(False)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        s.bind((source, 0))
        s.connect_ex(("127.0.0.1", port))
        selector.register(s, selectors.EVENT_WRITE)

    for _ in range(places):
        open_one()
    while time.monotonic() < end:
        for key, event in selector.select(1):
            s = key.fileobj
            data = b""
            try:
                if event == selectors.EVENT_WRITE:
                    s.send(sayings[arrived % len(sayings)])
                    selector.modify(s, selectors.EVENT_READ)
                    arrived += 1
                    if arrived == places:
                        print("here", flush=True)
                    continue
                data = s.recv(1, socket.MSG_PEEK)
            except OSError:
                pass
            selector.unregister(s)
            if data:
                answered.append(s)
            else:
                s.close()
            if len(answered) > answered_max:
                answered.popleft().close()
            open_one()


# --- what a legitimate user sees ---

class Witness:
    """A running stream whose echo must come in time, again and again."""

    def __init__(self, chain):
        self.stream = chain.connect()
        self.longest = 0.0
        self.count = 0
        self.failure = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.over.wait(0.01):
                start = time.monotonic()
                harness.expect_echo(self.stream, os.urandom(64))
                self.longest = max(self.longest, time.monotonic() - start)
                self.count += 1
        except (OSError, EOFError, AssertionError) as e:
            self.failure = e

    def wait_served(self):
        """Until it was served once more."""
        before = self.count
        harness.wait_for(lambda: self.count > before or self.failure, what="echo")

    def end(self):
        self.over.set()
        self.thread.join(20 * harness.PATIENCE)
        self.stream.close()
        assert self.failure is None, f"the legitimate stream: {self.failure!r}"
        assert self.longest < ECHO_WITHIN * harness.PATIENCE


def left(chain, program):
    """What a program holds, its descriptors for splicing and the pools aside: how many connections
    are parked or spare follows the load, and who waits for the next request has a task for each."""
    status = program.status()
    parked = 0 if program is chain.in_ else chain.proxy.status()["parked"]
    idle = parked + status["warm"]
    waiting = {"in": 0, "proxy": status["warm"], "out": parked}[program.name]
    return {"sockets": status["sockets"] - idle, "tasks": status["tasks"] - waiting,
            "controls": status["controls"], "opening": status["opening"],
            "streams": status["streams"],
            "descriptors": program.descriptors() - idle - 2 * status["pipes"]}


def wait_left(chain, program, before):
    """Until it holds no more than before."""
    def nothing_more():
        now = left(chain, program)
        return all(now[name] <= before[name] for name in before)
    try:
        harness.wait_for(nothing_more, 20, "end of all that the attack opened")
    except TimeoutError as e:
        raise AssertionError(f"{program.name} holds {left(chain, program)}, "
                             f"before it was {before}") from e


@contextlib.contextmanager
def unharmed(chain):
    """While this runs, so does a legitimate stream; afterwards new ones are served, and the
    programs hold nothing that they had not before."""
    witness = Witness(chain)
    witness.wait_served()
    harness.wait_for(lambda: chain.proxy.status()["parked"] >= 2, what="full pool")
    before = {program: left(chain, program) for program in chain.all()}
    try:
        yield witness
        witness.wait_served()
    finally:
        witness.end()
    with chain.connect() as client:
        harness.expect_echo(client)
    for program, held in before.items():
        wait_left(chain, program, held)
    chain.wait_idle()


# --- who may do what ---

@functools.cache
def secret_file(secret=SECRET):
    """Written once: a program that starts may be reading it."""
    return secure.secret(f"{hashlib.sha256(secret.encode()).hexdigest()}.secret", secret + "\n")


def key_entry(key=KEY, secret=SECRET, **lists):
    """One of auth.keys; may do everything unless lists say what."""
    return {"id": key, "secret_file": secret_file(secret),
            **(lists or {"in": ["#"], "out": ["#"]})}


def auth(**more):
    """A proxy's `auth`: KEY and the certificate `out` may do everything, the rest nothing."""
    return {"keys": [key_entry()], "certs": [{"name": "out", "in": ["#"], "out": ["#"]}], **more}


def protected(mode="optional", **more):
    """A proxy's configuration with auth() and TLS, client certificates included."""
    tls = secure.proxy_tls(client_ca=str(secure.certificates() / "ca.crt"), mode=mode)
    return {"auth": auth(), "tls": tls, **more}


def holder(tls=True):
    """What in and out need to prove themselves as KEY."""
    own = {"auth": {"id": KEY, "secret_file": secret_file()}}
    return {**own, "tls": secure.client_tls("in")} if tls else own


def protected_chain(run, topic="default", tls_peers=True, options=None, **proxy):
    """A chain with keys, and TLS unless in and out have none, serving the topic with an echo;
    options are those of its proxy's Program, the rest is added to its configuration."""
    chain = harness.Chain()
    chain.proxy = run.proxy(protected(**proxy), **(options or {}))
    chain.out = run.out(chain.proxy, {topic: harness.echo_server(run).port}, holder(tls_peers))
    chain.out.wait_event("registered")
    chain.in_ = run.in_(chain.proxy, [topic], holder(tls_peers))
    chain.port = chain.in_.port()
    return chain


# --- peers ---

def dial(proxy, source="127.0.0.1", tls=None, timeout=20):
    """A connection to the proxy from this address of ours; `tls` is an ssl.SSLContext."""
    s = socket.create_connection(("127.0.0.1", harness.port_of(proxy)), timeout * harness.PATIENCE,
                                 (source, 0))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(s, server_hostname="127.0.0.1") if tls else s


def client_context(name=None, ca=None):
    """For tls of dial(): the tests' CA, and the certificate of `name` if there is one."""
    context = ssl.create_default_context(cafile=str(secure.certificates() / "ca.crt"))
    if name:
        ca = ca or secure.certificates()
        context.load_cert_chain(ca / f"{name}.crt", ca / f"{name}.key")
    return context


def request(kind, topic="t", **ext):
    """The payload of a first message."""
    payload = {"magic": os.urandom(16).hex(), "version": "0.0.1", "type": topic,
               "ext": {"v": 1, **ext}}
    if kind == "OutRequest":
        payload["ext"] = {"v": 1, "instance": os.urandom(16).hex(), "mode": "takeover", **ext}
    if kind == "InWarmRequest":
        del payload["type"]
    return payload


def mac_of(secret, label, fields):
    """With the secret, over the label and the fields, each behind its length."""
    text = label.encode()
    for field in fields:
        data = field if isinstance(field, bytes) else field.encode()
        text += struct.pack(">I", len(data)) + data
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def data_mac(ticket, exporter, key=KEY, secret=SECRET):
    """What a data connection of a bound registration shows."""
    return mac_of(secret, "inout data 1", [exporter, key, ticket])


def proven(kind, payload, key=KEY, secret=SECRET, time_ms=None, exporter=b"", version=2,
           channel="plain", nonce=None):
    """The same with a proof, as docs/protocol.md describes it. Version 1 is our last release's.
    With a nonce it covers that and the number of the stream."""
    ext = payload["ext"]
    time_ms = int(time.time() * 1000) if time_ms is None else time_ms

    def of(*names):
        return [str(ext.get(name, "")) for name in names]
    topic, magic = payload.get("type", ""), payload["magic"]
    if version == 1:
        fields = [key, kind, topic, magic, str(time_ms), *of("mode", "instance"), "", exporter]
    else:
        fields = [channel, exporter, key, str(time_ms), kind, payload["version"], topic, magic,
                  *of("mode", "instance", "heartbeat_timeout", "id", "client", "e2e"),
                  *(["1"] if "bound" in ext else []),
                  *([nonce, str(ext["reuse"])] if nonce is not None else [])]
    proof = mac_of(secret, "inout proof %d" % version, fields)
    return {**payload, "ext": {**ext, "key": key, "time": time_ms,
                               "proof" if version == 1 else "proof2": proof}}


def read_message(s):
    """(type, payload) of one message; EOFError or an OSError at an end."""
    size, = struct.unpack("<q", harness.read_exactly(s, 8))
    message = json.loads(harness.read_exactly(s, size))
    return message["Type"], message["Payload"]


def ask(s, kind, payload):
    """Sends a first message; returns the payload of its Response."""
    s.sendall(peers.encode(kind, payload))
    answer, response = read_message(s)
    assert answer == "Response", answer
    return response


def code_of(response):
    """None: success."""
    assert bool(response["message"]) == ("code" in response["ext"]), response
    return response["ext"].get("code")


TOLD_STRANGERS = ["not permitted: wrong secret or unknown key (reference *)",
                  "not permitted: no key or certificate was shown"]


def is_plain_denial(response):
    """With the code and nothing else; of an open also that nothing was begun with it."""
    retry = {"retry": 1} if response["request"] == "InRequest" else {}
    return response["ext"] == {"v": 1, "code": "denied", **retry}


def denied(response):
    """Whether it says no more than a stranger may know: nothing about keys, topics or rules."""
    told = re.sub(r"reference [0-9a-f]{8}\b", "reference *", response["message"])
    return told in TOLD_STRANGERS and is_plain_denial(response)


def lacks_permission(response):
    """Whether it says to one that we know which right it lacks."""
    return (re.fullmatch(r"not permitted: key \S+ may not (open|register) \(\"(in|out)\"\) topic .*",
                         response["message"]) is not None and is_plain_denial(response))


def ended(s):
    """Waits for the end of the connection and returns what came before; whether it was clean is
    not asked."""
    data = bytearray()
    try:
        while part := s.recv(65536):
            data += part
    except OSError as e:
        assert not isinstance(e, TimeoutError), f"no end after {bytes(data)}"
    return bytes(data)


def drip(s, data):
    """Sends a byte now and then until the other side has enough; how long that took."""
    start = time.monotonic()
    s.settimeout(0.05)
    for byte in data:
        try:
            s.sendall(bytes([byte]))
            if s.recv(1) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        raise AssertionError("all of it was taken")
    return time.monotonic() - start


if __name__ == "__main__":
    be_a_crowd(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4],
               [bytes.fromhex(text) for text in sys.argv[5:]])
else:
    import harness
    import peers
    import secure
