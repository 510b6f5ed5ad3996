"""Many idle streams that began in one moment do not probe their peers in one moment."""
import re
import subprocess

import pytest

from harness import echo_server, expect_echo, wait_for

STREAMS = 80


def keepalive_seconds(condition):
    """Seconds until the next probe of each established connection that `ss` finds."""
    done = subprocess.run(["ss", "-Htno", "state", "established", condition],
                          check=True, capture_output=True, text=True)
    return [int(s) for s in re.findall(r"timer:\(keepalive,(\d+)(?:\.\d+)?sec", done.stdout)]


@pytest.mark.plain_only
def test_streams_of_one_burst_probe_at_times_of_their_own(run):
    backend = echo_server(run)
    chain = run.chain(backend.port)
    clients = [run.own(chain.connect()) for _ in range(STREAMS)]
    for client in clients:
        expect_echo(client)
    legs = {"in to clients": f"sport = :{chain.port}",
            "in to proxy, out to proxy": f"dport = :{chain.proxy.port()}",
            "proxy": f"sport = :{chain.proxy.port()}",
            "out to backend": f"dport = :{backend.port}"}
    for leg, condition in legs.items():
        def spread():
            """All have times of their own, which the first sweep gives them."""
            seconds = keepalive_seconds(condition)
            return (len(seconds) >= STREAMS and max(seconds) <= 50
                    and max(seconds.count(s) for s in seconds) < len(seconds) / 4)
        wait_for(spread, what=f"own times of {leg}")
