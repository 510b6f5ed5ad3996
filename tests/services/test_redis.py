"""Redis through the tunnel: redis-cli and a short redis-benchmark."""
import hashlib
import re

import pytest

from harness import free_port
from service import MIB, Service, command, need, random_file, streams


class Redis:
    def __init__(self, run, directory):
        server = need("redis-server", "redis-server")
        self.cli = need("redis-cli", "redis-tools")
        self.benchmark = need("redis-benchmark", "redis-tools")
        self.port = free_port()
        run.own(Service([server, "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                         "--appendonly", "no", "--dir", directory], self.port, directory))

    def ask(self, port, *words, **options):
        return command(self.cli, "-p", port, *words, **options).stdout


@pytest.fixture
def redis(run, tmp_path):
    return Redis(run, tmp_path)


def test_redis_cli_sets_and_gets_values_small_and_large(run, redis, tmp_path):
    chain = run.chain(redis.port, "redis")
    assert redis.ask(chain.port, "SET", "word", "tunnel") == "OK\n"
    assert redis.ask(chain.port, "GET", "word") == "tunnel\n"
    text = random_file(tmp_path / "value", 8 * MIB).read_bytes().hex()
    assert redis.ask(chain.port, "-x", "SET", "large", input=text) == "OK\n"
    back = redis.ask(chain.port, "GET", "large").removesuffix("\n")
    assert hashlib.sha256(back.encode()).digest() == hashlib.sha256(text.encode()).digest()
    assert {line["reason"] for line in streams(chain, 4)} == {"done"}


def test_redis_benchmark_completes_every_request(run, redis):
    clients, requests = 20, 10_000
    chain = run.chain(redis.port, "redis")
    told = command(redis.benchmark, "-p", chain.port, "-c", clients, "-n", requests,
                   "-t", "set,get", "-q").stdout
    assert re.findall(r"(SET|GET): [\d.]+ requests per second", told) == ["SET", "GET"]
    # The server's own count, asked for past the tunnel.
    stats = redis.ask(redis.port, "INFO", "commandstats")
    assert f"cmdstat_set:calls={requests}," in stats and f"cmdstat_get:calls={requests}," in stats
    chain.wait_idle()
