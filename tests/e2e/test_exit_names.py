"""Where names lead an exit: whatever a name server says, an address is dialled only if it may be."""
import pytest

from harness import Server, read_exactly, wait_for
from name_server import A, AAAA, SERVER, Place
from test_exit import NOT_ALLOWED, UNRESOLVED, by_name, socks5

NAMES = {
    "good.test": ["127.0.0.1"],
    "inside.test": ["127.0.0.2"],  # where somebody listens who is not listed
    "mixed.test": ["127.0.0.2", "127.0.0.1"],
    "private.test": ["10.0.0.1", "fd00::1", "169.254.169.254"],
    "mapped.test": {A: [], AAAA: ["::ffff:127.0.0.1"]},
    "intranet.corp.test": ["127.0.0.1"],
}


@pytest.fixture
def site(run, tmp_path):
    """A place with an exit, .port of in, and .service, which listens at all of 127.0.0.0/8 and says
    by which address it was reached."""
    place = Place(run, tmp_path, NAMES, f"nameserver {SERVER}\nsearch corp.test\n",
                  "127.0.0.1 printer\n")
    place.service = place.own(Server, lambda s: s.sendall(s.getsockname()[0].encode()[-1:]),
                              host="0.0.0.0").port
    proxy = place.program("proxy", {"port": 40001})
    proxy.port()
    network = {"server_host": "127.0.0.1", "server_port": 40001, "topic": "web"}
    place.out = place.program("out", {"networks": [
        {**network, "backend": "socks5",
         "exit": {"open": True, "allow": ["*", "127.0.0.1"]}}]})
    place.out.wait_event("registered")
    place.port = place.program("in", {"networks": [{**network, "port": 0}]}).port()
    return place


def test_each_address_of_a_name_is_judged(site):
    for name in (b"good.test", b"mixed.test", b"intranet", b"intranet.corp.test", b"printer"):
        s, reply = site.inside(socks5, site.port, by_name(name, site.service))
        with s:
            assert reply == 0, name
            assert read_exactly(s, 1) == b"1", name
    for name in (b"inside.test", b"private.test", b"mapped.test"):
        s, reply = site.inside(socks5, site.port, by_name(name, site.service))
        s.close()
        assert reply == NOT_ALLOWED, name
        site.out.wait_event("open_failed", backend=f"{name.decode()}:{site.service}", code="denied")
    s, reply = site.inside(socks5, site.port, by_name(b"nobody.test", site.service))
    s.close()
    assert reply == UNRESOLVED


def test_a_name_that_leads_elsewhere_is_judged_again(site):
    """DNS rebinding: what was permitted a moment ago says nothing."""
    ask = by_name(b"good.test", site.service)
    s, reply = site.inside(socks5, site.port, ask)
    s.close()
    assert reply == 0
    site.server.names["good.test"] = ["127.0.0.2"]

    def refused():
        s, reply = site.inside(socks5, site.port, ask)
        with s:
            if reply == 0:  # what is known of a name serves for a while
                assert read_exactly(s, 1) == b"1"
            return reply
    assert wait_for(refused, what="refusal") == NOT_ALLOWED
