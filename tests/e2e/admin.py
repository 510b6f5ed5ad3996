"""Asks the programs over HTTP how they are, as curl does."""
import json
import shutil
import socket
import subprocess

import pytest

import secure
from harness import PATIENCE, ROOT, echo_server, expect_echo, read_to_end, wait_for

OPENAPI = json.loads((ROOT / "docs/openapi.json").read_text())
ADMIN = {"admin": {"port": 0}}
PROGRAMS = ["in_", "proxy", "out"]
NEVER_MS = 3_600_000
TOKEN = "0123456789abcdef" * 4
BEARER = ["-H", f"Authorization: Bearer {TOKEN}"]


def acting():
    """A configuration by which the program does what it is told with TOKEN."""
    return {"admin": {"port": 0, "token_file": secure.secret()}}


def admin_port(program, count=1):
    """Where it listens for that, the count-th time."""
    return int(program.wait_event("admin listening", count=count)["address"].rsplit(":", 1)[1])


class Reply:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        self.status = int(first.split()[1])
        self.fields = {key.lower(): value for key, value in
                       (line.split(": ", 1) for line in lines)}

    @property
    def json(self):
        return json.loads(self.body)


def curl(url, *options):
    """The reply to a GET, or to what the options say."""
    path = shutil.which("curl")
    if path is None:
        pytest.skip("no curl")
    done = subprocess.run([path, "--silent", "--show-error", "--include", "--max-time",
                           str(20 * PATIENCE), *map(str, options), url],
                          capture_output=True, timeout=30 * PATIENCE)
    assert done.returncode == 0, done.stderr
    return Reply(done.stdout.decode())


def get(where, path, *options):
    """Of a program that listens at loopback, or of a port."""
    port = where if isinstance(where, int) else admin_port(where)
    return curl(f"http://127.0.0.1:{port}{path}", *options)


def post(where, path, *options):
    """The same for an action, with the token."""
    return get(where, path, "-X", "POST", *BEARER, *options)


def acting_chain(run, **more):
    """The whole system; each program does what it is told."""
    config = {**acting(), **more}
    return run.chain(echo_server(run).port, proxy=config, out=config, in_=config)


def stream_of(chain, program):
    """A stream, and the row that the program has for it."""
    stream = chain.connect()
    expect_echo(stream)
    return stream, row_of(program, stream)


def row_of(program, stream):
    name = "%s:%d" % stream.getsockname()

    def found():
        rows = get(program, "/api/streams?state=running").json["streams"]
        return [row for row in rows if row["client"] == name]
    return wait_for(found, what="the stream's row")[0]


def say(port, text):
    """What comes for these bytes, to the end."""
    with socket.create_connection(("127.0.0.1", port), 20 * PATIENCE) as s:
        s.sendall(text if isinstance(text, bytes) else text.encode())
        return Reply(read_to_end(s).decode())


def metrics(where):
    """{name{labels}: value}."""
    lines = [line for line in get(where, "/metrics").body.splitlines() if line[:1] != "#"]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def differences(value, schema, path="$"):
    """What in a JSON value is not as its schema (OpenAPI 3.0) says."""
    if "$ref" in schema:
        schema = OPENAPI["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "oneOf" in schema:
        yield from min((list(differences(value, one, path)) for one in schema["oneOf"]), key=len)
        return
    types = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    if type(value) is not types[schema["type"]]:
        yield f"{path} is no {schema['type']}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path} is {value}"
    elif schema["type"] == "array":
        for i, item in enumerate(value):
            yield from differences(item, schema["items"], f"{path}[{i}]")
    elif schema["type"] == "object":
        known = schema["properties"]
        yield from (f"{path} lacks {key}" for key in schema["required"] if key not in value)
        yield from (f"{path}.{key} is unknown" for key in value if key not in known)
        for key in value.keys() & known.keys():
            yield from differences(value[key], known[key], f"{path}.{key}")
