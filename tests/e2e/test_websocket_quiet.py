"""Where nothing is said over WebSocket, Pings are: on connections that wait and on streams alike, from
both sides, so that no web server in between ends them for their silence (a minute, by default)."""
import pytest

from harness import read_exactly, wait_for
from test_websocket import Fronted

pytestmark = pytest.mark.plain_only


def test_pings_leave_from_both_sides_of_every_quiet_connection(run):
    held = Fronted(run)
    client, backend = held.pair()

    def pinged(name):
        """So many connections over this front have had one, or its answer, from each side."""
        front = held.fronts[name]
        return sum(all(s in front.pings for s in line) for line in front.lines)
    # That of in; the data connection of its stream and one that is parked.
    wait_for(lambda: pinged("in") >= 1 and pinged("out") >= 2, 30, "Pings")
    client.sendall(b"still")
    assert read_exactly(backend, 5) == b"still"
    assert not held.chain.out.find("disconnected")
