"""Three proxies of one cluster over three NATS servers: what must hold while each of the six is
killed or frozen, while they are parted, and while messages are slow or lost.

After each test no client's bytes have come to two backends, whatever has happened (Site.check).
"""
import signal
import threading

import pytest

import cluster
from cluster import NODES, LostMessages
from cluster_site import needs_nats
from harness import expect_echo, expect_failed_open, expect_reset, wait_for
from wall_clock import WallClock

pytestmark = [pytest.mark.plain_only, needs_nats()]
# Registered or not, ready or not: a client is served so soon behind whatever was lost.
SOON = 3.0  # one second is promised, and the machine may be busy
# Behind what is frozen, and says nothing of it.
BEHIND_SILENCE = 10.0
HOUR_S = 3600


@pytest.fixture
def make_site(run, tmp_path):
    """Makes the one site of a test."""
    made = []

    def make(**options):
        made.append(cluster.Site(run, tmp_path, **options))
        return made[0]
    yield make
    for site in made:
        site.check()


def other(number, by=1):
    return (number + by) % len(NODES)


def topics(word, count=3):
    return [f"{word}.{n}" for n in range(count)]


def test_a_topic_is_found_at_whichever_proxy_it_is(make_site):
    site = make_site()
    names = topics("at")
    for number in NODES:
        site.out(number, names[number], b"%d" % number)
    for number in NODES:
        in_ = site.in_(number, names)
        for place, name in enumerate(names):
            assert site.wait_served(in_, name) == b"%d" % place


def test_a_topic_of_another_proxy_is_found_while_each_nats_server_is_killed(make_site):
    site = make_site()
    site.out(0, ["known", *topics("new")])
    ins = [site.in_(number, ["known", *topics("new")]) for number in (1, 2)]
    for in_ in ins:
        site.wait_served(in_, "known")
    for number in NODES:
        site.nats[number].kill()
        for in_ in ins:
            site.wait_served(in_, "known", SOON)
            site.wait_served(in_, topics("new")[number], SOON)
        site.restart_nats(number)


def test_what_is_known_goes_on_while_each_nats_server_is_frozen(make_site):
    site = make_site()
    site.out(0, ["known", "new"])
    here, there = site.in_(0, "known"), site.in_(1, ["known", "new"])
    for in_ in (here, there):
        site.wait_served(in_, "known")
    for number in NODES:
        site.nats[number].freeze()
        assert site.ask(here, "known") and site.ask(there, "known")
        if number == 0:  # the one that the topic's proxy listens to
            site.wait_served(there, "new", BEHIND_SILENCE)
        site.nats[number].thaw()


def test_a_topic_of_two_proxies_is_served_when_either_is_killed(make_site):
    site = make_site()
    names = topics("two")
    outs = [site.out([number, other(number)], names[number]) for number in NODES]
    ins = [site.in_(other(number, 2), names[number]) for number in NODES]
    for number in NODES:
        site.wait_served(ins[number])
        site.proxies[number].kill()
        site.wait_served(ins[number], within=SOON)
        before = len(outs[number].find("registered"))
        site.start_proxy(number).wait_event("listening")
        outs[number].wait_event("registered", count=before + 1)


def test_a_topic_of_two_proxies_is_served_when_either_is_frozen(make_site):
    site = make_site()
    names = topics("two")
    for number in NODES:
        site.out([number, other(number)], names[number])
    ins = [site.in_(other(number, 2), names[number]) for number in NODES]
    for number in NODES:
        site.wait_served(ins[number])
        site.proxies[number].signal(signal.SIGSTOP)
        site.wait_served(ins[number], within=BEHIND_SILENCE, each=2)
        site.proxies[number].signal(signal.SIGCONT)


def test_a_proxy_that_is_killed_takes_only_its_own_streams_with_it(make_site):
    site = make_site()
    site.out(0, "near"), site.out(1, "far")
    near, far = site.in_(0, "near"), site.in_(0, "far")
    site.wait_served(far)
    with site.stream(near) as kept, site.stream(far) as lost:
        site.proxies[1].kill()
        expect_reset(lost)
        expect_echo(kept)


def test_each_part_serves_what_it_has_and_all_is_found_when_the_parts_meet_again(make_site):
    site = make_site(pinned=True)
    site.out(0, "known", b"0")
    in_ = site.in_(2, ["known", "new"])
    site.wait_served(in_, "known")
    for server in site.nats:
        server.trunk.cut()
    out = site.out(0, "new", b"0")
    here = site.in_(0, "new")
    assert site.ask(here) == b"0"
    assert site.ask(in_, "known") == b"0"  # its proxy is reached as before
    for server in site.nats:
        server.trunk.heal()
    site.wait_served(in_, "new", BEHIND_SILENCE)
    out.stop()


def test_nobody_is_found_by_a_part_that_has_nobody(make_site):
    site = make_site(pinned=True, proxy={"open_timeout": 500})
    for server in site.nats:
        server.trunk.freeze()
    site.out(0, "new")
    expect_failed_open(site.in_(2, "new").port())
    site.proxies[2].wait_event("open_failed", topic="new", code="no_topic")


def test_slow_and_lost_messages_cost_only_time(make_site):
    lost = []

    def lose():
        lost.append(LostMessages(3))
        return lost[-1]
    site = make_site(lines=lose)
    for trunk in site.trunks:
        trunk.delay = 0.02
    names = topics("slow", 6)
    site.out(0, names[:3], b"0"), site.out(1, names[3:], b"1")
    in_ = site.in_(2, names)
    for name in names:
        site.wait_served(in_, name)
    assert sum(line.lost for line in lost) > 0


def test_clocks_that_differ_by_less_than_proofs_allow_and_jump_are_no_trouble(run, make_site):
    clocks = {1: WallClock(run, 25), 2: WallClock(run, -25)}
    site = make_site(env={number: clock.env for number, clock in clocks.items()})
    names = topics("clock")
    for number in NODES:
        site.out(number, names[number], b"%d" % number)
    ins = [site.in_(number, names) for number in NODES]

    def all_are_served():
        for in_ in ins:
            for place, name in enumerate(names):
                assert site.wait_served(in_, name) == b"%d" % place
    all_are_served()
    clocks[1].move(-20)
    clocks[2].move(20)
    all_are_served()


def test_a_proxy_whose_clock_is_an_hour_off_serves_its_own_topics(run, make_site):
    site = make_site(env={1: WallClock(run, HOUR_S).env})
    site.out(0, "t", b"0"), site.out(1, "u", b"1")
    for number, topic, name in ((0, "t", b"0"), (2, "t", b"0"), (1, "u", b"1")):
        assert site.wait_served(site.in_(number, topic)) == name


def test_no_stream_goes_to_an_out_that_has_left(make_site):
    site = make_site()
    in_ = site.in_(2, "t")
    out = site.out(0, "t", b"0")
    assert site.wait_served(in_) == b"0"
    for turn in range(1, 5):
        before, out = out, site.out(turn % 2, "t", b"%d" % turn)
        before.stop()
        left = site.proxies[(turn - 1) % 2]
        left.wait_event("unregistered", count=(turn + 1) // 2)
        backend = site.backends[turn - 1]
        streams = len(backend.connections)
        assert site.wait_served(in_, within=SOON) == b"%d" % turn
        assert len(backend.connections) == streams


def test_what_worked_without_nats_works_when_it_is_gone(make_site):
    site = make_site()
    site.out(0, ["known", "new"])
    here, there = site.in_(0, ["known", "new"]), site.in_(1, ["known", "new"])
    site.wait_served(there, "known")
    for server in site.nats:
        server.kill()
    for topic in ("known", "new"):
        assert site.ask(here, topic)
    assert site.ask(there, "known")
    expect_failed_open(there.port(topic="new"))
    there.wait_event("open_failed", topic="new", code="no_directory")
    site.out(1, "late", b"late")
    assert site.ask(site.in_(1, "late")) == b"late"


def test_proxies_that_were_there_before_nats_find_each_other_when_it_comes(make_site):
    site = make_site(nats=False)
    site.out(0, "t")
    here, there = site.in_(0, "t"), site.in_(1, "t")
    assert site.ask(here)
    expect_failed_open(there.port())
    site.start_nats()
    site.wait_served(there)


def test_no_clients_bytes_come_twice_while_proxies_and_servers_are_killed_under_load(make_site):
    site = make_site()
    for number in NODES:
        site.out([number, other(number)], "t", b"%d" % number)
    ins = [site.in_(number, "t") for number in NODES]
    for in_ in ins:
        site.wait_served(in_)
    over, served = threading.Event(), []

    def come(in_):
        while not over.is_set():
            if site.try_to_ask(in_, timeout=2):
                served.append(in_)
    clients = [threading.Thread(target=come, args=(in_,), daemon=True) for in_ in ins * 2]
    for client in clients:
        client.start()

    def more():
        before = len(served)
        wait_for(lambda: len(served) > before + 20, what="clients that are served")
    for number in NODES:
        more()
        site.nats[number].kill()
        site.proxies[number].kill()
        more()
        site.restart_nats(number)
        site.start_proxy(number).wait_event("listening")
    more()
    over.set()
    for client in clients:
        client.join(10)
