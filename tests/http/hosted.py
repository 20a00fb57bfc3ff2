# SPDX-License-Identifier: MIT
"""The program under test and ways to talk to it: what the tests share."""

import os
import signal
import socket
import subprocess
import time


class Host:
    """The program `host`, with its points; to be used with `with`."""

    def __init__(self, program, *args, env=None, limit=None):
        command = [program, *args]
        if limit:
            command = ["prlimit", f"--nofile={limit}", *command]
        environ = {name: value for name, value in os.environ.items()
                   if not name.startswith("GOFAIL_")}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**environ, **(env or {})})
        self.address = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        for stream in (self.process.stdin, self.process.stdout,
                       self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass

    def tell(self, line):
        """A command, and its answer."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def ends(self, seconds):
        """The exit status, within so long; None: it has not ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def hang_up(self):
        self.process.stdin.close()

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        """What it has spent so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self, seconds=30):
        return connect(self.address, seconds)

    def ask(self, method, target, body=b"", seconds=30):
        return ask(self.address, method, target, body, seconds)


def connect(address, seconds=30):
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(seconds)
        sock.connect(address[len("unix:"):])
        return sock
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), seconds)


class Reply:
    """What came back: status line, headers (names in lower case), body."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        words = self.line.split(" ", 2)
        self.status = int(words[1]) if len(words) > 1 else 0
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()


def read_all(sock):
    """Until the other side closes; what had come before a reset counts."""
    data = b""
    try:
        while True:
            part = sock.recv(65536)
            if not part:
                return data
            data += part
    except ConnectionResetError:
        return data


def ask(address, method, target, body=b"", seconds=30):
    """One request on a connection of its own; all as it is, byte for byte."""
    with connect(address, seconds) as sock:
        head = f"{method} {target} HTTP/1.1\r\nHost: test\r\n"
        head += "Connection: close\r\n"
        if body or method in ("PUT", "POST"):
            head += f"Content-Length: {len(body)}\r\n"
        sock.sendall(head.encode("latin-1") + b"\r\n" + body)
        return Reply(read_all(sock))


class Tap:
    """Points; end with `sys.exit(tap.done())`."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, name, passed, why=""):
        self.count += 1
        self.failed += not passed
        print(f"{'ok' if passed else 'not ok'} {self.count} - {name}")
        if not passed and why != "":
            for line in str(why).split("\n"):
                print(f"# {line}")
        return passed

    def equal(self, name, got, wanted):
        return self.ok(name, got == wanted, f"wanted: {wanted!r}\n"
                       f"got:    {got!r}")

    def done(self):
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed else 0


def soon(check, seconds=20):
    """Waits for an event, with a deadline."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
