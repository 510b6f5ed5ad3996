"""A dial ends at another's socket or says why not: no stream meets itself, and what has run out
here is called that."""
import errno
import os
import socket
import subprocess

import pytest

import harness
import wan
from harness import echo, expect_echo, expect_failed_open, free_port

# Local ports of the namespace. A dial begins with those of the first one's parity.
FIRST_PORT, LAST_PORT = 50000, 50015
# In so many opens each of the 8 ports of that parity comes up three times, and one never with a
# chance of 4 %. More of them in one round, and the log would hold lines back.
OPENS, ROUNDS = 24, 5


class Cramped:
    """A network namespace in which a dial has few ports to begin from."""

    def __init__(self, run):
        wan.require(os.geteuid() == 0, "network namespaces need root")
        self.run = run
        self.namespace = wan.new_namespace()
        run.own(self)
        self.inside(subprocess.run, ["ip", "link", "set", "lo", "up"], check=True)

        def narrow():
            with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
                ports.write(f"{FIRST_PORT} {LAST_PORT}")
        self.inside(narrow)

    def inside(self, function, *args, **options):
        return wan.inside(self.namespace, function, *args, **options)

    def program(self, name, config):
        return self.run.program(name, config, prefix=wan.prefix(self.namespace))

    def chain(self, backend_port):
        """(in, out) of a chain in the namespace."""
        proxy = self.program("proxy", {"port": 40001, "pool": {"min": 1, "max": 2}})
        proxy.port()
        network = {"server_host": "127.0.0.1", "server_port": 40001, "topic": "t"}
        out = self.program("out", {"networks": [
            {**network, "backend_host": "127.0.0.1", "backend_port": backend_port}]})
        out.wait_event("registered")
        # A first look would take one of the ports, and give it back at any time.
        in_ = self.program("in", {"first_look": "off", "networks": [{**network, "port": 40002}]})
        in_.port()
        return in_, out

    def client(self):
        return self.inside(harness.connect, 40002)

    def close(self):
        os.close(self.namespace)


def fail_until_it_met_itself(run, start):
    """Opens streams that all fail, until a dial was given the port that it dialled. `start` starts
    programs in a namespace, of which the first is to say so; its code, and the others say the
    same."""
    for _ in range(ROUNDS):
        cramped = Cramped(run)
        code, *programs = start(cramped)
        for _ in range(OPENS):
            cramped.inside(expect_failed_open, 40002)
        for program in programs:
            program.wait_event("open_failed", count=OPENS, code=code)
        if any("met itself" in line["detail"] for line in programs[0].find("open_failed")):
            return
    raise AssertionError("it never came to that")


def test_a_dial_to_a_free_local_port_never_meets_itself(run):
    """Without a look at both ends the client would get its own bytes back."""
    def start(cramped):
        in_, out = cramped.chain(FIRST_PORT + 4)
        return "backend_refused", out, in_
    fail_until_it_met_itself(run, start)


def test_a_proxy_that_is_gone_from_a_local_port_is_not_found_in_oneself(run):
    network = {"server_host": "127.0.0.1", "server_port": FIRST_PORT + 4}

    def start(cramped):
        in_ = cramped.program("in", {"first_look": "off",
                                     "networks": [{**network, "port": 40002}]})
        in_.port()
        return "proxy_unreachable", in_
    fail_until_it_met_itself(run, start)


@pytest.mark.parametrize("port", [40001, 40003])
def test_no_local_port_left_is_called_that(run, port):
    """Each connection to one place takes one of the sixteen."""
    cramped = Cramped(run)
    run.own(cramped.inside(harness.Server, echo, port=40003))
    in_, out = cramped.chain(40003)
    taken = []

    def take_all():
        while True:
            taken.append(run.own(socket.socket()))
            try:
                taken[-1].connect(("127.0.0.1", port))
            except OSError as error:
                assert error.errno == errno.EADDRNOTAVAIL
                return
    cramped.inside(take_all)
    cramped.inside(expect_failed_open, 40002)
    for program in (in_,) if port == 40001 else (in_, out):
        detail = program.wait_event("open_failed", code="limit")["detail"]
        assert f"no local port left towards 127.0.0.1:{port}" in detail
    for s in taken:
        harness.reset(s)  # an end of another kind would keep its port for a minute
    with cramped.client() as client:
        expect_echo(client)


# --- in's server is in's own listener ---

def end_of(run, config):
    """(exit code, what it said) of an in with this configuration."""
    in_ = run.program("in", config)
    in_.expected_end = True
    code = in_.process.wait(20 * harness.PATIENCE)
    in_.reader.join(5)
    return code, "".join(in_.other_output)


@pytest.mark.parametrize("server, bind", [
    ("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "::"), ("::1", "::"),
    ("localhost", "0.0.0.0"), ("127.0.0.2", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"),
    ("127.0.0.1", "localhost")])
def test_a_server_that_is_its_own_listener_is_a_mistake(run, server, bind):
    port = free_port()
    code, said = end_of(run, {"networks": [
        {"server_host": server, "server_port": port, "bind": bind, "port": port}]})
    assert code == 2 and "its own listener" in said, said


def test_a_circle_of_networks_is_a_mistake_and_a_proxy_behind_a_tunnel_is_none(run):
    first, second = free_port(), free_port()
    networks = [{"server_host": "127.0.0.1", "server_port": first, "port": second, "topic": "a"},
                {"server_host": "127.0.0.1", "server_port": second, "port": first, "topic": "b"}]
    code, said = end_of(run, {"networks": networks})
    assert code == 2 and "leads back" in said and said.count("networks[") == 2, said

    # in reaches a second proxy through the first one.
    far = run.proxy()
    near = run.proxy()
    run.out(near, {"proxy": far.port()}).wait_event("registered")
    run.out(far, {"echo": harness.echo_server(run).port}).wait_event("registered")
    networks = [{"server_host": "127.0.0.1", "server_port": near.port(), "port": first,
                 "topic": "proxy"},
                {"server_host": "127.0.0.1", "server_port": first, "port": 0, "topic": "echo"}]
    in_ = run.program("in", {"networks": networks})
    with harness.connect(in_.port(topic="echo")) as client:
        expect_echo(client)
