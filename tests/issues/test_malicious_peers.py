"""What one malicious peer can take from in, out and proxy: not their memory, not their descriptors,
not the turn of the others, and not their log."""
import json
import socket
import threading
import time

import harness
from ext_peer import Ask, Control, new_id
from harness import connect, echo_server, expect_echo, wait_for
from peers import encode, read_frame

# Descriptors of the program under attack: little room, so that all of it is soon taken.
DESCRIPTORS = 256
FEW = {"prefix": ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"]}
# What an attack may make a program grow by. Sanitizers keep freed memory.
GROWTH_KB = 10_000 * (1 if harness.PATIENCE == 1 else 10)


def memory_kb(program):
    with open(f"/proc/{program.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def logged_bytes(program):
    return sum(len(json.dumps(event)) for event in list(program.events))


class Malice(harness.Server):
    """A proxy that registers whom it gets, then does `attack(control, self)`. Parked connections
    stay as they are, or get a stream of this topic at once if `activates`."""

    def __init__(self, attack=None, activates=False, topic="t"):
        self.attack = attack
        self.activates = activates
        self.topic = topic
        self.controls = []
        self.parks = 0
        self.answers = []
        super().__init__(self._serve)

    def _serve(self, s):
        kind, request = read_frame(s)
        ext = {"v": 1, "proxy": "00", "ticket": "00", "position": 0, "quiet": 1}
        if kind == "OutRequest":
            self.controls.append(s)
            s.sendall(encode("Response", {"magic": request["magic"], "request": kind,
                                          "message": "", "ext": ext}))
            if self.attack:
                threading.Thread(target=self._attack, args=(s,), daemon=True).start()
            while s.recv(65536):
                pass
        elif kind == "OutDataRequest":
            self.parks += 1
            if self.activates:
                s.sendall(encode("DataActiveRequest", {"magic": "00", "type": self.topic,
                                                       "ext": {"v": 1, "id": new_id(),
                                                               "client": "192.0.2.1:1"}}))
                self.answers.append(read_frame(s)[1]["ext"].get("code"))
            while s.recv(65536):
                pass
        else:  # an in: its stream is open, and never ends from here
            s.sendall(encode("Response", {"magic": request["magic"], "request": kind,
                                          "message": "", "ext": {"v": 1}}))
            while s.recv(65536):
                pass
            time.sleep(60)

    def _attack(self, s):
        try:
            self.attack(s, self)
        except OSError:
            pass  # out has ended the connection


def flood(s, frames, seconds):
    """Sends these frames again and again; returns how many there were."""
    count = 0
    end = time.monotonic() + seconds
    burst = b"".join(frames) * 100
    while time.monotonic() < end:
        s.sendall(burst)
        count += 100 * len(frames)
    return count


def request(count=100, **ext):
    return encode("NewDataRequest", {"magic": "00", "type": "t",
                                     "ext": {"v": 1, "count": count, **ext}})


class Honest:
    """A proxy of ours, beside the malicious one, through which a client is served."""

    def __init__(self, run, port, backend):
        self.proxy = run.proxy()
        self.network = {"server_host": "127.0.0.1", "server_port": self.proxy.port(),
                        "backend_host": "127.0.0.1", "backend_port": backend, "topic": "good"}
        self.bad_network = {**self.network, "server_port": port, "topic": "t"}

    def out(self, run, **options):
        config = {"networks": [self.bad_network, self.network], "retry_interval": 200}
        out = run.program("out", config, **options)
        out.wait_event("registered", topic="good")
        self.in_ = run.in_(self.proxy, ["good"])
        return out

    def check_stream(self):
        with connect(self.in_.port()) as client:
            expect_echo(client)


# --- a malicious proxy and out ---

def test_requests_without_end_cost_out_neither_memory_nor_the_others_their_turn(run):
    """They took 168 MB before each request was judged before anything was made for it."""
    sent, over = [], threading.Event()

    def attack(s, _):
        sent.append(flood(s, [request(), request(waiting=1)], 3))
        over.set()
    bad = run.own(Malice(attack))
    honest = Honest(run, bad.port, echo_server(run).port)
    out = honest.out(run, level="info")
    before = memory_kb(out)
    most = 0
    while not over.wait(0.1):
        honest.check_stream()
        most = max(most, memory_kb(out) - before)
    assert sent[0] > 1000
    assert most < GROWTH_KB, f"{sent[0]} requests: {most} kB"
    assert bad.parks <= 200
    honest.check_stream()


def test_a_proxy_that_takes_all_it_can_leaves_the_other_proxys_streams_their_descriptors(run):
    """It asks for data connections, opens a stream on each at once, and ends none."""
    def attack(s, _):
        for _ in range(100):
            s.sendall(request(waiting=1))
            time.sleep(0.05)
    backend = echo_server(run)
    bad = run.own(Malice(attack, activates=True))
    honest = Honest(run, bad.port, backend.port)
    out = honest.out(run, **FEW)
    # Until it gets no more: with two proxies each keeps a quarter for itself.
    wait_for(lambda: bad.answers and out.status()["streams"] >= 20, what="streams that stay")
    wait_for(lambda: "limit" in bad.answers or bad.parks > 60, what="end of the room")
    for _ in range(5):
        honest.check_stream()
    held = out.descriptors()
    assert held < DESCRIPTORS - 40, held
    assert not out.find("cannot dial")
    good = [connect(honest.in_.port()) for _ in range(8)]
    for client in good:
        expect_echo(client)
        client.close()


def test_a_stream_of_a_topic_that_out_has_not_registered_reaches_no_backend(run):
    reached = []
    backend = run.own(harness.Server(reached.append))
    bad = run.own(Malice(lambda s, _: s.sendall(request(count=1)), activates=True,
                         topic="another"))
    out = run.program("out", {"networks": [
        {"server_host": "127.0.0.1", "server_port": bad.port, "topic": "t",
         "backend_host": "127.0.0.1", "backend_port": backend.port}]})
    wait_for(lambda: bad.answers, what="answer")
    out.wait_event("open_failed", code="no_topic", topic="t",
                   detail="out does not serve topic another")
    assert bad.answers == ["no_topic"]
    assert not reached


def test_notices_without_end_do_not_fill_the_log_of_out(run):
    over = threading.Event()
    frames = [encode("Notice", {"code": code, "message": "x" * 200})
              for code in ("displaced", "promoted", "draining", "displaced", "nonsense")]
    sent = []

    def attack(s, _):
        sent.append(flood(s, [*frames, encode("Pong", {})], 2))
        over.set()
    bad = run.own(Malice(attack))
    honest = Honest(run, bad.port, echo_server(run).port)
    out = honest.out(run, level="info")
    while not over.wait(0.1):
        honest.check_stream()
    wait_for(lambda: out.find("displaced"), what="the first line")
    assert sent[0] > 1000
    # A budget's first burst, and little after it.
    assert len(out.find("displaced")) + len(out.find("promoted")) < 100
    assert logged_bytes(out) < 60_000 + 400 * len(out.find("stream"))


def test_400_topics_in_1024_descriptors_serve_a_client_of_any_topic(run):
    """Parked connections give way: to topics that have none, and to clients."""
    topics = [f"t{n}" for n in range(400)]
    backend = echo_server(run)
    proxy = run.proxy()
    out = run.out(proxy, {topic: backend.port for topic in topics},
                  prefix=["prlimit", "--nofile=1024:1024"], level="info")
    warned = out.wait_event("too few descriptors")
    assert warned["level"] == "warning"
    assert warned["needed"] > warned["descriptors"] == 1024
    wait_for(lambda: len(out.find("registered")) == len(topics), 30, "400 registrations")
    in_ = run.in_(proxy, topics[::14])
    for topic in topics[::14]:
        expect_echo(run.own(connect(in_.port(topic=topic))))  # and stays
    assert out.descriptors() < 1024 - 32
    assert not out.find("cannot dial")


# --- a malicious proxy and in ---

def test_streams_that_a_proxy_never_ends_leave_in_room_for_those_of_another(run):
    bad = run.own(Malice())
    proxy = run.proxy()
    run.out(proxy, {"good": echo_server(run).port}).wait_event("registered")
    networks = [{"server_host": "127.0.0.1", "server_port": port, "bind": "127.0.0.1", "port": 0,
                 "topic": topic} for port, topic in ((bad.port, "t"), (proxy.port(), "good"))]
    in_ = run.program("in", {"networks": networks}, **FEW)
    clients = []
    for _ in range(DESCRIPTORS):
        try:
            clients.append(run.own(connect(in_.port(topic="t"))))
        except ConnectionResetError:
            pass
    refused = in_.wait_event("client refused", topic="t")
    assert "file descriptors" in refused["reason"]
    for client in clients:
        try:
            client.shutdown(socket.SHUT_WR)  # gone, but for the proxy's end
        except OSError:
            pass
    for _ in range(5):
        with connect(in_.port(topic="good")) as client:
            expect_echo(client)
    assert in_.descriptors() < DESCRIPTORS - 40
    assert not in_.find("accepting paused")


# --- malicious ins and outs at the proxy ---

def test_an_out_that_talks_without_end_costs_the_proxy_no_memory_and_nobody_his_turn(run):
    chain = run.chain(echo_server(run).port)
    bad = Control(run, chain.proxy, "t")
    frames = [encode("Ping", {}), encode("Response", {"magic": "00", "request": "x", "message": ""}),
              encode("Notice", {"code": "draining", "message": "x" * 200})]
    before = memory_kb(chain.proxy)
    over = threading.Event()

    def attack():
        bad.sock.settimeout(3)
        try:
            flood(bad.sock, frames, 2)
        except OSError:
            pass  # ended, as nobody reads the Pongs
        over.set()
    thread = threading.Thread(target=attack)
    thread.start()
    while not over.wait(0.05):
        with chain.connect() as client:
            expect_echo(client)
    thread.join()
    assert memory_kb(chain.proxy) - before < GROWTH_KB
    assert len(chain.proxy.find("out draining")) == 1
    bad.reset()
    chain.proxy.wait_event("unregistered", topic="t")


def test_an_in_that_asks_without_end_costs_the_proxy_no_memory(run):
    """Streams to a topic whose out never answers, each given up at once."""
    proxy = run.proxy(level="info")
    control = Control(run, proxy, "t")
    control.wait_asked(2)
    for _ in range(20):  # what the first ones take stays
        Ask(run, proxy, "t").reset()
    before = memory_kb(proxy)
    for _ in range(500):
        Ask(run, proxy, "t").reset()
    wait_for(lambda: proxy.status()["opening"] == 0, what="end of all opens")
    assert memory_kb(proxy) - before < GROWTH_KB
    control.reset()
