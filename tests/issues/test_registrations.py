"""Registrations come and go: at once, or without a pause."""
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from attack import ask, code_of, dial, key_entry, protected_chain, proven, request, unharmed
from harness import wait_for

pytestmark = pytest.mark.plain_only  # keys are configured here

THIEF = {"key": "thief", "secret": "the secret of a thief"}


def test_outs_that_register_a_topic_in_the_same_moment_count_once(run):
    proxy = run.proxy({"threads": 2, "auth": {"keys": [key_entry()]},
                       "limits": {"topics_per_key": 1}})

    def register(topic):
        control = run.own(dial(proxy))
        asked = proven("OutRequest", request("OutRequest", topic))
        return control, code_of(ask(control, "OutRequest", asked))
    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            answers = list(threads.map(register, [f"t{number}"] * 4))
            assert [code for _, code in answers] == [None] * 4
            for control, _ in answers:
                control.close()
            wait_for(lambda: proxy.status()["topics"] == 0, what="end of all")


def test_a_key_that_registers_and_leaves_without_a_pause_harms_nobody(run):
    chain = protected_chain(run, "mine", False, auth={"keys": [key_entry(), key_entry(**THIEF)]})
    until = time.monotonic() + 2

    def come_and_go(number):
        times = 0
        while time.monotonic() < until:
            with dial(chain.proxy) as control:
                asked = proven("OutRequest", request("OutRequest", f"theirs.{number}"), **THIEF)
                assert code_of(ask(control, "OutRequest", asked)) is None
                times += 1
        return times
    with unharmed(chain), ThreadPoolExecutor(4) as threads:
        assert min(threads.map(come_and_go, range(4))) > 10
