"""An exit does not lead to its own machine by the public addresses of that, on a machine that has
such addresses: a network namespace with nothing but loopback."""
import socket

import pytest

from harness import Server, echo, expect_echo
from test_exit import NOT_ALLOWED, REFUSED, Site, socks5
from test_sources import OTHER, RELAY, Machine
from wan import inside, prefix

pytestmark = pytest.mark.plain_only  # who may ask is not what is tested


def by_address(address, port):
    return b"\x05\x01\0\x04" + socket.inet_pton(socket.AF_INET6, address) + port.to_bytes(2, "big")


def test_an_own_public_address_is_dialled_if_it_is_allowed_by_itself(run):
    machine = Machine(run)
    echoing = run.own(inside(machine.namespace, Server, echo, family=socket.AF_INET6, host="::"))
    program = run.program
    run.program = lambda *args, **options: program(*args, prefix=prefix(machine.namespace), **options)
    for allow, served in (([], []), (["*", "2001:db8::/32"], []), (["*", RELAY], [RELAY])):
        site = Site(run, open=True, allow=allow)
        for address in (RELAY, OTHER):
            for port, answer in ((echoing.port, 0), (1, REFUSED)):
                s, code = inside(machine.namespace, socks5, site.port, by_address(address, port))
                with s:
                    assert code == (answer if address in served else NOT_ALLOWED)
                    if code == 0:
                        expect_echo(s)
