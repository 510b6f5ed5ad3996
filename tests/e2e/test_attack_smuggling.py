"""Attacks on where one stream of a connection ends and the next begins: requests planted where
content is due, wrong numbers, and proofs that were made for another stream.

A running stream gets its echo all the while (attack.unharmed), and afterwards nothing is left.
"""
import pytest

import secure
from attack import (ask, code_of, denied, ended, key_entry, protected_chain, proven, read_message,
                    request, unharmed)
from framed import RESET, In, Recorder, data, expect_broken, fin
from harness import read_exactly
from known_tls import KnownTls
from peers import encode

pytestmark = pytest.mark.plain_only  # the modes are chosen here

TLS = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


class Attacked:
    """A chain whose backend keeps what it gets, with TLS for who wants it."""

    def __init__(self, run):
        self.run = run
        self.backend = run.own(Recorder())
        self.chain = run.chain(self.backend.port, proxy={"tls": secure.proxy_tls(mode="optional")})
        self.proxy = self.chain.proxy

    def fresh(self, tls=False):
        return In(self.run, self.proxy, tls=tls)

    def used(self, tls=False):
        """A connection between its first stream and the next."""
        stranger = self.fresh(tls).first(b"one")
        stranger.expect(b"one")
        stranger.end(3)
        return stranger

    def streams(self):
        return self.proxy.status()["streams_total"]

    def expect_nothing_planted(self):
        assert b"planted" not in b"".join(self.backend.everything())


@pytest.fixture
def attacked(run):
    attacked = Attacked(run)
    with unharmed(attacked.chain):
        yield attacked


# --- requests where content is due ---

@TLS
def test_a_request_inside_data_is_content(attacked, tls):
    stranger = attacked.used(tls)
    before = attacked.streams()
    stranger.again()
    planted = stranger.next_request() + data(b"planted") + fin(7)
    stranger.echo(planted)
    stranger.end(len(planted))
    assert attacked.backend.wait_ended(planted) == "fin"
    assert attacked.streams() == before + 1
    stranger.again(b"next")  # it is still the number that is due
    stranger.expect(b"next")
    stranger.end(4)
    stranger.sock.close()


@TLS
def test_a_request_inside_early_bytes_is_content(attacked, tls):
    stranger = attacked.fresh(tls)
    planted = fin(0) + stranger.request(reuse=2) + data(b"planted") + fin(7)
    before = attacked.streams()
    stranger.first(planted)
    stranger.expect(planted)
    stranger.end(len(planted))
    assert attacked.backend.wait_ended(planted) == "fin"
    assert attacked.streams() == before + 1
    stranger.sock.close()


@TLS
@pytest.mark.parametrize("early", [0, 3, 9])
def test_a_request_behind_early_bytes_that_were_announced_is_broken(attacked, tls, early):
    stranger = attacked.fresh(tls)
    behind = stranger.request(reuse=2) + data(b"planted")
    stranger.sock.sendall(stranger.request(early=early) + b"e" * early + behind)
    ended(stranger.sock)
    if early:
        attacked.backend.wait_ended(b"e" * early)
    attacked.expect_nothing_planted()


@TLS
def test_fewer_early_bytes_than_announced_take_from_what_follows(attacked, tls):
    """Never does the proxy look for a message there."""
    stranger = attacked.fresh(tls)
    behind = stranger.request(reuse=2)
    stranger.sock.sendall(stranger.request(early=3 + len(behind)) + b"abc" + behind)
    stranger.opened()
    stranger.expect(b"abc" + behind)
    stranger.end(3 + len(behind))
    assert attacked.backend.wait_ended(b"abc" + behind) == "fin"
    stranger.sock.close()


@TLS
def test_a_request_behind_reset_is_nobodys(attacked, tls):
    stranger = attacked.used(tls).again(b"two")
    stranger.expect(b"two")
    stranger.sock.sendall(RESET + stranger.next_request() + data(b"planted"))
    expect_broken(stranger.sock)
    assert attacked.backend.wait_ended(b"two") == "rst"
    attacked.expect_nothing_planted()


# --- numbers ---

@TLS
@pytest.mark.parametrize("number", [0, 1, 3, 4, 10_000, 10_001, -1, 2 ** 32 + 2, 2.5, "2", True,
                                    None])
def test_no_number_but_the_next_opens_a_stream(attacked, tls, number):
    stranger = attacked.used(tls)
    before = attacked.streams()
    ext = {"reuse": number} if number is not None else {}
    stranger.sock.sendall(stranger.request(**ext) + data(b"planted"))
    answer = ended(stranger.sock)
    assert b'"message":""' not in answer
    assert attacked.streams() == before
    attacked.expect_nothing_planted()


@TLS
@pytest.mark.parametrize("ext", [{"reuse": 1}, {"reuse": 2}, {"early": 32_769}, {"early": -1},
                                 {"early": 2 ** 64 + 7}, {"early": 7, "reuse": 1}], ids=str)
def test_a_fresh_connection_has_no_number_and_not_too_much_early(attacked, tls, ext):
    stranger = attacked.fresh(tls)
    stranger.sock.sendall(stranger.request(**ext) + b"planted")
    assert b'"message":""' not in ended(stranger.sock)
    attacked.expect_nothing_planted()


@TLS
@pytest.mark.parametrize("ext", [{}, {"reuse": 2}, {"early": 0}, {"early": 7},
                                 {"reuse": 1, "early": 0}], ids=str)
def test_a_spare_connection_with_reuse_begins_with_the_first_number(attacked, tls, ext):
    stranger = attacked.fresh(tls)
    answer = ask(stranger.sock, "InWarmRequest", request("InWarmRequest", reuse=1))
    assert answer["ext"]["reuse"] == 1 and len(answer["ext"]["nonce"]) == 32
    stranger.sock.sendall(stranger.request(**ext) + data(b"planted"))
    assert b'"message":""' not in ended(stranger.sock)
    attacked.expect_nothing_planted()


@TLS
def test_a_spare_connection_without_reuse_is_raw(attacked, tls):
    stranger = attacked.fresh(tls)
    answer = ask(stranger.sock, "InWarmRequest", request("InWarmRequest"))
    assert "reuse" not in answer["ext"] and "nonce" not in answer["ext"]
    content = data(b"x") + fin(1)
    stranger.sock.sendall(stranger.request() + content)
    assert "reuse" not in stranger.opened()
    assert read_exactly(stranger.sock, len(content)) == content
    stranger.sock.close()


# --- proofs ---

class Keyed(In):
    """An in connection of one with a key, over TLS or without."""

    def __init__(self, run, proxy, tls):
        if tls:
            self.sock = KnownTls(run, proxy)
            self.binding = {"exporter": self.sock.exporter, "channel": "tls"}
            self.topic, self.use, self.nonce, self.received = "default", 0, None, 0
        else:
            super().__init__(run, proxy)
            self.binding = {}

    def payload(self, nonce=None, **ext):
        return proven("InRequest", request("InRequest", self.topic, **ext), nonce=nonce,
                      **self.binding)

    def request(self, **ext):
        return encode("InRequest", self.payload(self.nonce, **ext))

    def answer_to(self, payload):
        """The Response, or None: ended without one."""
        self.sock.sendall(encode("InRequest", payload))
        try:
            return read_message(self.sock)[1]
        except (EOFError, ConnectionResetError):
            return None


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def keyed(run, request):
    """(chain, what makes a Keyed whose first stream is over)"""
    chain = protected_chain(run, "default", False, auth={"keys": [key_entry()]},
                            tls=secure.proxy_tls(mode="optional", min_version="1.2"))

    def make():
        one = Keyed(run, chain.proxy, request.param).first(b"one")
        one.expect(b"one")
        one.end(3)
        return one
    with unharmed(chain):
        yield chain, make


def test_a_right_proof_opens_each_stream(keyed):
    _, make = keyed
    one = make()
    for number in range(2, 6):
        one.again(b"%d" % number)
        one.expect(b"%d" % number)
        one.end(1)
    one.sock.close()


WRONG = ["no proof", "no nonce", "nonce of another", "nonce of zeros", "another number",
         "version 1", "wrong secret", "another topic", "another id"]


@pytest.mark.parametrize("how", WRONG)
def test_a_proof_is_good_for_one_number_on_one_connection(keyed, how):
    chain, make = keyed
    one, other = make(), make()
    assert one.nonce != other.nonce
    plain = request("InRequest", "default", reuse=2)

    def prove(payload=plain, nonce=one.nonce, **more):
        return proven("InRequest", payload, nonce=nonce, **{**one.binding, **more})

    def moved(payload, **ext):
        return {**payload, "ext": {**payload["ext"], **ext}}
    payload = {
        "no proof": lambda: plain,
        "no nonce": lambda: prove(nonce=None),
        "nonce of another": lambda: prove(nonce=other.nonce),
        "nonce of zeros": lambda: prove(nonce="0" * 32),
        "another number": lambda: moved(prove(moved(plain, reuse=3)), reuse=2),
        "version 1": lambda: proven("InRequest", plain, version=1,
                                    exporter=one.binding.get("exporter", b"")),
        "wrong secret": lambda: prove(secret="wrong" * 4),
        "another topic": lambda: {**prove({**plain, "type": "other"}), "type": "default"},
        "another id": lambda: moved(prove(), id="0" * 16),
    }[how]()
    answer = one.answer_to(payload)
    assert answer is None or denied(answer), answer
    for s in (one, other):
        s.sock.close()


def test_a_recorded_request_opens_nothing_a_second_time(keyed):
    """Neither on its own connection, nor on another, nor on a fresh one."""
    chain, make = keyed
    one, other = make(), make()
    recorded = one.payload(one.nonce, reuse=2)
    assert code_of(one.answer_to(recorded)) is None
    one.use, one.received = 2, 0
    one.echo(b"mine")
    one.end(4)
    for victim in (one, other):
        answer = victim.answer_to(recorded)
        assert answer is None or denied(answer), answer
        victim.sock.close()
