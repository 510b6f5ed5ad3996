"""Where a program can not listen, its last line names the place, the cause and what to look at."""

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


def test_an_address_of_another_machine_says_how_to_list_ours(run):
    address = "192.0.2.1"  # for documentation (RFC 5737): no machine has it
    reason = why_not(run, {"bind": address, "port": 0})
    assert reason.startswith(f"cannot listen on {address}:0: ")
    assert "no interface of this machine has it" in reason
