# SPDX-License-Identifier: MIT
"""etcd: a cluster of one, whose keys were put with its JSON gateway."""

import base64
import http.client
import json
import os

from .program import Setting, missing_of
from .server import Server, free_port

BINARY = "/usr/bin/etcd"
PUTS = 40
# The log is cut, and the database written, so often.
SNAPSHOT_AFTER = 25
PREFIX = "key/"
END = "key0"  # the first name behind all with the prefix


def packed(text):
    """As the gateway wants its bytes."""
    return base64.b64encode(text.encode()).decode()


class Client:
    """Requests to the gateway."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __call__(self, verb, **body):
        self.connection.request("POST", "/v3/" + verb, json.dumps(body))
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"etcd: {verb}: {text[:200]}")
        return json.loads(text)

    def numbers(self):
        """What is there."""
        found = self("kv/range", key=packed(PREFIX), range_end=packed(END),
                     keys_only=True).get("kvs", [])
        return sorted(int(base64.b64decode(kv["key"])[len(PREFIX):])
                      for kv in found)


class Etcd(Setting):
    """On a database that exists: while it makes one, it is not safe."""
    program = "etcd"
    package = "etcd-server"
    exact = False

    def __init__(self, name, options=(), unsafe=None):
        self.name = name
        self.options = options
        self.unsafe = unsafe

    def missing(self):
        return None if os.path.exists(BINARY) else "no etcd-server"

    def start(self, place):
        """The server, and who talks to it, when it has a leader."""
        port, peer = free_port(), free_port()
        here = f"http://127.0.0.1:{port}"
        there = f"http://127.0.0.1:{peer}"

        def leads(_):
            try:
                Client(port)("kv/range", key=packed(PREFIX))
            except (OSError, RuntimeError, http.client.HTTPException):
                return False
            return True

        server = Server(
            [BINARY, "--data-dir", os.path.join(place, "etcd"),
             "--listen-client-urls", here, "--advertise-client-urls", here,
             "--listen-peer-urls", there, "--initial-advertise-peer-urls",
             there, "--initial-cluster", "default=" + there,
             "--heartbeat-interval", "5", "--election-timeout", "50",
             "--snapshot-count", str(SNAPSHOT_AFTER), "--logger", "zap",
             "--log-level", "error", *self.options], leads)
        return server, Client(port)

    def prepare(self, place):
        server, client = self.start(place)
        client("kv/put", key=packed(PREFIX + "0"), value=packed("0"))
        server.kill()

    def work(self, place, rng, promise):
        _, client = self.start(place)
        first = client.numbers()[-1] + 1
        for number in range(first, first + PUTS):
            text = f"{number} " + "v" * rng.choice((10, 500, 6000))
            client("kv/put", key=packed(f"{PREFIX}{number}"), value=packed(text))
            promise(number)

    def check(self, place, promises):
        server, client = self.start(place)
        found = client.numbers()
        server.kill()
        return missing_of([int(line) for line in promises], found, "puts")


SETTINGS = (
    Etcd("default"),
    Etcd("--unsafe-no-fsync", ("--unsafe-no-fsync",), "puts, or the database"),
)
