"""Parked data connections: how many there are, and what happens when one turns out dead."""
import re
import signal
import socket
import struct
import subprocess

import pytest

import harness
from ext_peer import Ask, Control, first_activated
from harness import connect, echo_server, read_exactly, wait_for
from legacy import LegacyOut
from peers import encode, exchange


def wait_parked(proxy, count):
    wait_for(lambda: proxy.status()["parked"] == count, what=f"{count} parked connections")


@pytest.mark.parametrize("minimum", [1, 5])
def test_registering_parks_the_minimum(run, minimum):
    chain = run.chain(echo_server(run).port, proxy={"pool": {"min": minimum, "max": 50}})
    wait_parked(chain.proxy, minimum)


def test_a_taken_connection_is_replaced(run):
    chain = run.chain(echo_server(run).port, proxy={"pool": {"min": 2, "max": 50}})
    wait_parked(chain.proxy, 2)
    with connect(chain.port) as client:
        assert exchange(client, b"x") == b"x"
        assert wait_for(lambda: chain.proxy.status()["parked"] >= 2, what="replacement")


def test_a_burst_makes_the_pool_grow_up_to_its_maximum(run):
    """A burst is what comes in the time that a replacement takes: here while out stands still."""
    chain = run.chain(echo_server(run).port, proxy={"pool": {"min": 2, "max": 12},
                                                    "open_timeout": 60_000})
    wait_parked(chain.proxy, 2)
    chain.out.signal(signal.SIGSTOP)
    clients = [connect(chain.port) for _ in range(40)]
    wait_for(lambda: chain.proxy.status()["opening"] == 40, what="40 clients that wait")
    chain.out.signal(signal.SIGCONT)
    for client in clients:
        assert exchange(client, b"burst") == b"burst"
    for client in clients:
        client.close()
    chain.in_.wait_idle()
    wait_parked(chain.proxy, 12)


def test_a_connection_parked_a_moment_ago_is_not_taken_for_dead(run):
    """The readiness left over from its first message says nothing about the time after."""
    proxy = run.proxy({"pool": {"min": 1, "max": 1}})
    for number in range(40):
        data = Control(run, proxy, f"t{number}").park()
        ask = Ask(run, proxy, f"t{number}")
        data.activated()
        data.respond()
        assert ask.response()["message"] == ""


def test_streams_open_although_the_pool_holds_a_single_connection(run):
    """More clients at once than may ever be parked: each waits for its own connection."""
    chain = run.chain(echo_server(run).port, proxy={"pool": {"min": 1, "max": 1}})
    clients = [connect(chain.port) for _ in range(30)]
    for number, client in enumerate(clients):
        data = struct.pack("i", number)
        assert exchange(client, data) == data


@pytest.mark.parametrize("end", ["FIN", "RST"])
def test_a_parked_connection_that_dies_is_dropped_and_replaced_at_once(run, end):
    proxy = run.proxy({"pool": {"min": 2, "max": 10}})
    control = Control(run, proxy, "t")
    control.wait_asked(2)
    first, _ = control.park(), control.park()
    wait_parked(proxy, 2)
    first.reset() if end == "RST" else first.sock.close()
    wait_parked(proxy, 1)
    control.wait_asked(3)


def test_one_that_dies_just_before_it_is_taken_gets_no_byte_of_the_client(run):
    """The request and the death are both known to the kernel before the proxy sees either."""
    proxy = run.proxy({"pool": {"min": 2, "max": 10}, "threads": 1})
    control = Control(run, proxy, "t")
    older, newest = control.park(), control.park()
    wait_parked(proxy, 2)
    with socket.create_connection(("127.0.0.1", proxy.port())) as in_:
        wait_for(lambda: proxy.status()["sockets"] == 4, what="an in connection")
        proxy.signal(signal.SIGSTOP)
        in_.sendall(encode("InRequest", {"magic": "m", "version": "0.0.1", "type": "t"}) + b"early")
        newest.reset()
        proxy.process.send_signal(signal.SIGCONT)
        heir = first_activated(older)
        assert read_exactly(heir.sock, 5) == b"early"


def test_a_parked_connection_whose_proxy_vanished_is_found_by_keepalive(run):
    """Or dead ones would fill the list of out, which then parks no more."""
    chain = run.chain(echo_server(run).port)
    wait_parked(chain.proxy, 2)

    def timers():
        """Of the two parked ones; `on` while an ACK is missing. Control has its heartbeat."""
        listed = subprocess.run(["ss", "-Htno", "state", "established", "dport", "=",
                                 f":{chain.proxy.port()}"], check=True, capture_output=True,
                                text=True)
        return re.findall(r"timer:\((\w+)", listed.stdout)
    wait_for(lambda: timers() == ["keepalive"] * 2, what="keepalive on both")


@pytest.mark.parametrize("death", ["FIN", "RST", "garbage"])
def test_the_next_one_is_tried_when_a_connection_dies_at_its_activation(run, death):
    """The client notices nothing, as long as no byte of it went into the dead one."""
    proxy = run.proxy({"pool": {"min": 2, "max": 10}})
    control = Control(run, proxy, "t")
    parked = [control.park(), control.park()]
    in_ = run.in_(proxy, ["t"])
    with connect(in_.port()) as client:
        dying = first_activated(*parked)
        if death == "RST":
            dying.reset()
        elif death == "FIN":
            dying.sock.close()
        else:
            dying.sock.sendall(b"\xff" * 16)
        parked.remove(dying)
        heir = first_activated(*parked)
        client.sendall(b"early")
        heir.respond()
        assert read_exactly(heir.sock, 5) == b"early"
        heir.sock.sendall(b"answer")
        assert read_exactly(client, 6) == b"answer"
    assert not in_.find("open_failed")


def test_the_client_is_told_when_every_data_connection_dies(run):
    """The retries are bounded by the open's deadlines, and the end is an RST."""
    proxy = run.proxy({"pool": {"min": 1, "max": 5}, "open_timeout": 2000})
    control = Control(run, proxy, "t")
    parked = [control.park(), control.park()]
    in_ = run.in_(proxy, ["t"])
    with connect(in_.port()) as client:
        while parked:
            dying = first_activated(*parked)
            parked.remove(dying)
            dying.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    in_.wait_event("open_failed", topic="t")
    proxy.wait_idle()


def test_a_refusal_of_the_backend_is_final_and_tries_no_other_connection(run):
    proxy = run.proxy({"pool": {"min": 2, "max": 10}})
    control = Control(run, proxy, "t")
    parked = [control.park(), control.park()]
    ask = Ask(run, proxy, "t")
    chosen = first_activated(*parked)
    chosen.respond("connection refused", code="backend_refused")
    assert ask.response()["ext"]["code"] == "backend_refused"
    parked.remove(chosen)
    assert not parked[0].readable(0.2)


def test_an_open_that_finds_nothing_parked_waits_for_one(run):
    proxy = run.proxy({"pool": {"min": 1, "max": 10}})
    control = Control(run, proxy, "t")
    control.wait_asked(1)
    ask = Ask(run, proxy, "t")
    wait_for(lambda: proxy.status()["opening"] == 1, what="waiting open")
    data = control.park()
    data.activated()
    data.respond()
    assert ask.response()["message"] == ""


def test_an_open_whose_connection_is_lost_on_its_way_has_another_asked_for(run):
    """Before, the proxy asked again when the open had failed."""
    proxy = run.proxy({"pool": {"min": 0}})
    control = Control(run, proxy, "t")
    opening = Ask(run, proxy, "t")
    control.wait_asked(1)  # and none comes
    control.wait_asked(2)
    data = control.park()
    data.activated()
    data.respond()
    assert opening.response()["message"] == ""


def test_an_open_ends_with_open_timeout_when_no_connection_comes(run):
    proxy = run.proxy({"open_timeout": 300})
    Control(run, proxy, "t")
    answer = Ask(run, proxy, "t").response()
    assert answer["message"] != "" and answer["ext"]["code"] == "open_timeout"


def test_an_open_ends_with_open_timeout_when_the_activation_is_never_answered(run):
    proxy = run.proxy({"answer_timeout": 300, "pool": {"min": 1, "max": 1}})
    control = Control(run, proxy, "t")
    data = control.park()
    ask = Ask(run, proxy, "t")
    data.activated()
    assert ask.response()["ext"]["code"] == "open_timeout"
    assert data.ended()


def test_no_more_than_the_maximum_is_parked_whatever_an_out_brings(run):
    proxy = run.proxy({"pool": {"min": 1, "max": 3}})
    control = Control(run, proxy, "t")
    brought = [control.park() for _ in range(8)]
    # refused, or dropped if the one before was answered and not yet parked
    wait_for(lambda: [data.readable(0) for data in brought].count(True) == 5, what="5 ends")
    assert proxy.status()["parked"] == 3
    legacy = run.own(LegacyOut(proxy.port(), {"u": 1}))
    legacy.wait_registered()
    wait_for(lambda: legacy.parks == 1, what="parked connection of another topic")


def test_parked_connections_end_with_their_registration(run):
    proxy = run.proxy()
    control = Control(run, proxy, "t")
    data = control.park()
    control.sock.close()
    assert data.ended()
    wait_parked(proxy, 0)


def test_out_survives_the_loss_of_its_parked_connections(run):
    """A restart of the proxy takes them all; the next registration parks anew."""
    chain = run.chain(echo_server(run).port)
    wait_parked(chain.proxy, 2)
    out_sockets = chain.out.status()["sockets"]
    chain.out.kill()
    wait_parked(chain.proxy, 0)
    again = run.out(chain.proxy, {"default": echo_server(run).port})
    again.wait_event("registered")
    wait_parked(chain.proxy, 2)
    assert again.status()["sockets"] == out_sockets
    with harness.connect(chain.port) as client:
        assert exchange(client, b"x") == b"x"
