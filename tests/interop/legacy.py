"""An independent 0.0.1 peer for each role, with the quirks of the deployed originals.

Written from part 1 of docs/protocol.md. What a test may turn: LegacyProxy(overtake=True) forces
DataActiveRequest ahead of the park's Response, LegacyProxy(garble=n) mixes up the first n of these
beyond recognition, LegacyProxy(names=topic) names another topic in them,
LegacyProxy(mingle=True) mixes headers and bodies of two frames wherever two of
its writers can meet, as the original does by chance,
LegacyOut(parks=False) holds the out's data connections back until may_park is set.
"""
import collections
import random
import select
import threading
import time

from harness import PATIENCE, wait_for
from peers import VERSION, Fault, Peer, cut, encode

PARKED_MAX = 100
# How long an in connection waits for a data connection, seconds.
PARK_WAIT = 5.0


class Registration:
    """One topic at the proxy: its control connection and what is parked."""

    def __init__(self, control):
        self.control = control
        self.writing = threading.Lock()
        self.parked = collections.deque()
        self.changed = threading.Condition()


class LegacyProxy(Peer):
    """Topics by their latest control connection; .registrations, .pings, .parks tell what came."""

    def __init__(self, port=0, overtake=False, garble=0, mingle=False, names=None):
        super().__init__()
        self.names = names
        self.mingle = mingle
        self.order = random.Random(2)
        self.overtake = overtake or mingle
        self.garble = garble
        self.topics = {}
        self.registrations = []  # (time, topic)
        self.pings = 0
        self.parks = 0
        self._port = self.listen(port, self._serve).getsockname()[1]

    def port(self):
        return self._port

    def kick(self, topic):
        """Ends the control connection of the topic with a FIN."""
        cut(self.topics[topic].control)

    def _serve(self, sock):
        kept = False
        try:
            kind, request = self.read(sock)
            if kind == "InWarmRequest":
                return  # a Type that it does not know: it closes without a word
            handlers = {"OutRequest": self._control, "OutDataRequest": self._park,
                        "InRequest": self._open}
            if kind not in handlers:
                self.send(sock, "Response", magic="invalid tp", request="invalid tp",
                          message="invalid tp")
            elif request["version"] != VERSION:
                self.answer(sock, kind, request, "invalid version")
            else:
                kept = handlers[kind](sock, request)
        finally:
            if not kept:
                self.release(sock)

    def _ask(self, registration, topic):
        request = encode("NewDataRequest", {"magic": self.magic(), "type": topic})
        with registration.writing:
            if self.mingle:
                request = self._mingled(request, encode("Pong", {}))
            registration.control.sendall(request)

    def _control(self, sock, request):
        topic = request["type"]
        mine = Registration(sock)
        with self.lock:
            earlier, self.topics[topic] = self.topics.get(topic), mine
        if earlier:
            cut(earlier.control)
        self.registrations.append((time.monotonic(), topic))
        self.answer(sock, "OutRequest", request)
        self._ask(mine, topic)
        try:
            while True:
                self.read(sock, "Ping")  # the first message of a turn is read and ignored
                self.pings += 1
                self.read(sock, "Ping")
                self.pings += 1
                with mine.writing:
                    self.send(sock, "Pong")
        finally:
            with self.lock:
                if self.topics.get(topic) is mine:
                    del self.topics[topic]
            for data, _ in list(mine.parked):
                self.release(data)

    def _park(self, sock, request):
        registration = self.topics.get(request["type"])
        if registration is None or len(registration.parked) >= PARKED_MAX:
            return False
        if not self.overtake:
            self.answer(sock, "OutDataRequest", request)
        with registration.changed:
            registration.parked.append((sock, request))
            self.parks += 1
            registration.changed.notify()
        return True

    def _open(self, sock, request):
        topic = request["type"]
        registration = self.topics.get(topic)
        if registration is None:
            self.answer(sock, "InRequest", request, "topic not found")
            return False
        with registration.changed:
            if not registration.parked:
                self._ask(registration, topic)
                registration.changed.wait_for(lambda: registration.parked, PARK_WAIT * PATIENCE)
            data, park = registration.parked.popleft() if registration.parked else (None, None)
        if data is None:
            self.answer(sock, "InRequest", request, "no data connection")
            return False
        self._ask(registration, topic)
        error = self._activate(data, topic, park)
        self.answer(sock, "InRequest", request, error)
        if error:
            self.release(data)
            return False
        self.relay(sock, data)
        return True

    def _activate(self, data, topic, park):
        """"" or why the data connection could not be used."""
        magic = self.magic()
        request = encode("DataActiveRequest", {"magic": magic, "type": self.names or topic})
        try:
            if self.overtake and not self._answer_late(data, request, park):
                return "data connection lost"
            if not self.overtake:
                data.sendall(request)
            response = self.read(data, "Response")
        except (OSError, EOFError, Fault):
            return "data connection lost"
        if response["magic"] != magic:
            self.faults.append(f"answer to {response['magic']} instead of {magic}")
        return response["message"]

    def _mingled(self, a, b):
        """Two frames of two writers: each header before its body, otherwise by chance."""
        first, second = self.order.sample((a, b), 2)
        bodies = self.order.sample((first[8:], second[8:]), 2)
        return first[:8] + second[:8] + b"".join(bodies)

    def _answer_late(self, data, activation, park):
        """DataActiveRequest first, the park's Response later; nothing may come in between."""
        late = encode("Response", {"magic": park["magic"], "request": "OutDataRequest",
                                   "message": ""})
        if self.mingle:
            data.sendall(self._mingled(activation, late))
            return True
        if self.garble > 0:
            self.garble -= 1
            data.sendall(activation[:20] + late + activation[20:])
            return False
        data.sendall(activation)
        if select.select([data], [], [], 0.2)[0]:
            self.faults.append("activation answered before the park's Response had come")
        data.sendall(late)
        return True


class LegacyOut(Peer):
    """topics: {topic: backend port}. Seconds. .registrations, .asked, .parks, .pongs count."""

    def __init__(self, proxy, topics, retry_interval=0.2, heartbeat_interval=2.0,
                 heartbeat_timeout=20.0, parks=True):
        super().__init__()
        self.proxy = proxy
        self.retry_interval = retry_interval
        self.heartbeat_interval = heartbeat_interval
        self.heartbeat_timeout = heartbeat_timeout
        self.registrations = 0
        self.asked = 0
        self.parks = 0
        self.pongs = 0
        self.may_park = threading.Event()
        self.pinging = threading.Event()
        self.pinging.set()
        if parks:
            self.may_park.set()
        for topic, backend in topics.items():
            self.spawn(self._run, topic, backend)

    def wait_registered(self, count=1):
        wait_for(lambda: self.registrations >= count, what=f"registration {count} of LegacyOut")

    def _run(self, topic, backend):
        while not self.ended.is_set():
            data = set()
            try:
                self._control(topic, backend, data)
            except (OSError, EOFError, Fault):
                pass
            for sock in list(data):  # running streams do not survive their control connection
                cut(sock)
            self.ended.wait(self.retry_interval)

    def _control(self, topic, backend, data):
        sock = self.dial(self.proxy)
        try:
            self.send(sock, "OutRequest", magic=self.magic(), version=VERSION, type=topic)
            if self.read(sock, "Response")["message"]:
                return
            self.registrations += 1
            heard = [time.monotonic()]
            self.spawn(self._ping, sock, heard)
            while True:
                kind, _ = self.read(sock, "NewDataRequest", "Pong")
                if kind == "Pong":
                    heard[0] = time.monotonic()
                    self.pongs += 1
                else:
                    self.asked += 1
                    self.spawn(self._data, topic, backend, data)
        finally:
            self.release(sock)

    def _ping(self, sock, heard):
        while not self.ended.wait(self.heartbeat_interval):
            if time.monotonic() - heard[0] > self.heartbeat_timeout:
                cut(sock)
                return
            if self.pinging.is_set():
                self.send(sock, "Ping")

    def _data(self, topic, backend, data):
        self.may_park.wait()
        sock = self.dial(self.proxy)
        data.add(sock)
        try:
            self.send(sock, "OutDataRequest", magic=self.magic(), version=VERSION, type=topic)
            if self.read(sock, "Response")["message"]:
                return
            self.parks += 1
            request = self.read(sock, "DataActiveRequest")
            try:
                target = self.dial(backend)
            except OSError as e:
                self.answer(sock, "DataActiveRequest", request, str(e))
                return
            self.answer(sock, "DataActiveRequest", request)
            self.relay(sock, target)
        finally:
            data.discard(sock)
            self.release(sock)

    def close(self):
        self.ended.set()
        self.may_park.set()
        super().close()


class LegacyIn(Peer):
    """One listener for one topic; a failed open is a clean end for its client."""

    def __init__(self, proxy, topic):
        super().__init__()
        self.proxy = proxy
        self.topic = topic
        self._port = self.listen(0, self._serve).getsockname()[1]

    def port(self, **_):
        return self._port

    def _serve(self, client):
        try:
            sock = self.dial(self.proxy)
            try:
                self.send(sock, "InRequest", magic=self.magic(), version=VERSION, type=self.topic)
                if not self.read(sock, "Response")["message"]:
                    self.relay(client, sock)
            finally:
                self.release(sock)
        finally:
            self.release(client)
