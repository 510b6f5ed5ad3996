"""Whole conversations with mistakes in them, at the real programs: nothing ends, hangs or leaks, and
the streams of others go on.

INOUT_FUZZ_SEED repeats a run's dice, INOUT_FUZZ_SECONDS says how long it takes. What the fuzzers of
single functions find at once is found there; this is for what needs a conversation.
"""
import os
import random
import secrets
import threading
import time

import harness
import roles
import wire
from attack import unharmed
import secure

SECONDS = float(os.environ.get("INOUT_FUZZ_SECONDS", "5"))
SEED = os.environ.get("INOUT_FUZZ_SEED") or secrets.token_hex(8)
PLAYERS = 12  # conversations at a time


def players(what, over):
    """Threads that call what(dice) again and again until over; returns them and the number of
    conversations so far."""
    played = []

    def play(number):
        turn = 0
        while not over.is_set():
            turn += 1
            try:
                what(random.Random(f"{SEED} {number} {turn}"))
            except (OSError, EOFError):
                pass  # the other side had enough
            played.append(number)

    threads = [threading.Thread(target=play, args=(n,), daemon=True) for n in range(PLAYERS)]
    for thread in threads:
        thread.start()
    return threads, played


def wait_ended(threads):
    for thread in threads:
        thread.join(30 * harness.PATIENCE)
        assert not thread.is_alive()


def fuzz(what):
    """Plays for half of the time there is, and tells how often."""
    print(f"INOUT_FUZZ_SEED={SEED}")  # pytest shows it with a failure
    over = threading.Event()
    threads, played = players(what, over)
    over.wait(SECONDS / 2)
    over.set()
    wait_ended(threads)
    print(f"{len(played)} conversations")
    return len(played)


def test_a_proxy_survives_any_in_and_out(run):
    tls = secure.proxy_tls(mode="optional")
    chain = run.chain(harness.echo_server(run).port, proxy={"tls": tls, "handshake_timeout": 1000})
    context = wire.client_tls()
    with unharmed(chain):
        count = fuzz(lambda dice: roles.Guest(dice, chain.proxy.port(), context).play())
    assert count > SECONDS  # it has played at all, and came to where streams begin
    registered, streams = [[e for e in chain.proxy.find(event) if e["topic"] != "default"]
                           for event in ("registered", "stream")]
    print(f"{len(registered)} registrations, {len(streams)} streams")
    assert registered and streams
    assert chain.proxy.stop() == 0


def test_in_and_out_survive_any_proxy(run):
    proxies = [run.own(roles.FakeProxy(SEED)), run.own(roles.FakeProxy(SEED, wire.server_tls()))]
    patience = {"open_timeout": 1000, "connect_timeout": 1000}
    backend = harness.echo_server(run).port
    outs = [run.out(proxies[0].port, dict.fromkeys(roles.TOPICS, backend),
                    {"retry_interval": 100, **patience}),
            run.out(proxies[1].port, dict.fromkeys(roles.TOPICS, backend),
                    {"retry_interval": 100, "tls": secure.client_tls(), **patience})]
    ins = [run.in_(proxies[0].port, ["fuzz.a"], patience),
           run.in_(proxies[1].port, ["fuzz.a"], {"tls": secure.client_tls(), **patience})]
    ports = [in_.port() for in_ in ins]
    count = fuzz(lambda dice: roles.be_client(dice, dice.choice(ports)))
    assert count > SECONDS
    assert all(proxy.count > SECONDS for proxy in proxies)
    assert all(out.find("registered") for out in outs)
    print(*[len(p.find("stream")) for p in [*outs, *ins]], "streams")
    assert all(in_.find("stream") for in_ in ins)
    for proxy in proxies:
        proxy.close()
    end = time.monotonic() + 20 * harness.PATIENCE
    for program in [*outs, *ins]:
        program.wait_idle(max(1.0, end - time.monotonic()))
        harness.wait_for(lambda p=program: p.status()["sockets"] <= 12, 20, "closed sockets")
        assert program.stop() == 0
