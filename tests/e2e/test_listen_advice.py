"""Where a program can not listen, its last line names the place, the cause and what to look at."""

import pytest

from harness import PATIENCE


def why_not(run, config):
    program = run.proxy(config)
    reason = program.wait_event("cannot start")["reason"]
    program.expected_end = True
    assert program.process.wait(10 * PATIENCE) == 1
    return reason


def test_a_port_in_use_says_how_to_find_who_has_it(run):
    port = run.proxy({"bind": "127.0.0.1", "port": 0}).wait_event("listening")["address"].split(":")[1]
    reason = why_not(run, {"bind": "127.0.0.1", "port": int(port)})
    assert reason.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use; ")
    assert "ss -ltnp" in reason


# 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_address_of_another_machine_says_how_to_list_ours(run, address):
    reason = why_not(run, {"bind": address, "port": 0})
    assert "cannot listen on " in reason and address in reason
    assert "no interface of this machine has it" in reason
