#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""lifecycle.py HOST: a server begins, ends and dies with its program, and never
the other way round. If this fails, a test that uses HTTP hangs, gets no answer
from a program that it has made to die, or finds its port taken."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time

import hosted

tap = hosted.Tap()
program = sys.argv[1]
ENV = {"GOFAIL_HTTP": "127.0.0.1:0"}


def death(terms, status, many=False):
    """Threads hit the point all the time: it kills as soon as it is armed."""
    answered = 0
    for _ in range(10):
        with hosted.Host(program, env=ENV) as host:
            host.tell("spin plain")
            if many:
                reply = host.ask("PUT", "/failpoints",
                                 b"db/open=off;plain=" + terms)
            else:
                reply = host.ask("PUT", "/plain", terms)
            answered += reply.line == "HTTP/1.1 204 No Content"
            ended = host.ends(60)
            if ended != status:
                tap.ok(f"{terms} ends the program", False, ended)
    tap.equal(f"{terms}: answered 10 times of 10", answered, 10)


def slow_taker():
    """A client that does not take the answer does not keep it alive."""
    with hosted.Host(program, env=ENV) as host:
        sock = host.connect()
        host.tell("spin plain")
        sock.sendall(b"PUT /plain HTTP/1.1\r\nHost: a\r\n"
                     b"Content-Length: 5\r\n\r\npanic")
        tap.equal("a client that reads nothing", host.ends(60),
                  -signal.SIGABRT)
        sock.close()


def ending(folder):
    """The program returns from main() in the midst of all."""
    path = f"{folder}/ending"
    with hosted.Host(program, f"unix:{path}") as host:
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(host.connect()) for _ in range(50)]
            for sock in socks[:20]:
                sock.sendall(b"GET /plain/wait?timeout=50s HTTP/1.1\r\n"
                             b"Host: a\r\n\r\n")
            for sock in socks[20:30]:
                sock.sendall(b"GET /pl")
            host.ask("GET", "/")
            begun = time.monotonic()
            host.hang_up()
            tap.equal("it ends, with 50 connections", host.ends(60), 0)
            tap.ok("at once", time.monotonic() - begun < 5)
            tap.ok("its path is removed", not os.path.exists(path))


def stopping():
    with hosted.Host(program, "127.0.0.1:0") as host:
        sock = host.connect()
        sock.sendall(b"GET /plain/wait?timeout=50s HTTP/1.1\r\n"
                     b"Host: a\r\n\r\n")
        # It waits when it is seen to be served after it.
        host.ask("GET", "/")
        old = host.address
        tap.ok("no second server", host.tell("start 127.0.0.1:0").startswith(
            "error: failpoints are served already, on 127.0.0.1:"))
        tap.equal("stop", host.tell("stop"), "stopped")
        tap.equal("who waits is told", hosted.Reply(
            hosted.read_all(sock)).body, b"the server stops\n")
        try:
            hosted.connect(old)
            tap.ok("nobody is there", False)
        except ConnectionRefusedError:
            tap.ok("nobody is there", True)
        before = host.descriptors()
        served = 0
        for _ in range(30):
            host.address = host.tell("start 127.0.0.1:0")
            served += host.ask("GET", "/plain/status").status == 200
            host.tell("stop")
        tap.equal("started and stopped 30 times", served, 30)
        tap.equal("the same port again", host.tell(f"start {old}"), old)
        host.tell("stop")
        tap.ok("no descriptor is left", host.descriptors() <= before,
               (before, host.descriptors()))


def sockets(pid):
    folder = f"/proc/{pid}/fd"
    names = []
    for descriptor in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            names.append(os.readlink(f"{folder}/{descriptor}"))
    return [name for name in names if name.startswith("socket:")]


def forking():
    """The child has no server, and does not keep the parent's sockets."""
    with hosted.Host(program, "127.0.0.1:0") as host:
        idle = host.connect()
        host.ask("GET", "/")
        child = int(host.tell("fork"))
        # It closes them in the first moments of its life.
        tap.ok("a child has none of its sockets",
               hosted.soon(lambda: not sockets(child)), sockets(child))
        tap.equal("the parent serves on", host.ask("GET", "/").status, 200)
        host.kill()
        try:
            host.connect()
            tap.ok("and ends alone", False)
        except ConnectionRefusedError:
            tap.ok("and ends alone", True)
        idle.close()
        os.kill(child, signal.SIGKILL)


def paths(folder):
    path = f"{folder}/points"
    with hosted.Host(program, f"unix:{path}") as host:
        tap.equal("only its owner may connect",
                  stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with hosted.Host(program, f"unix:{path}") as other:
            tap.equal("a path in use is not taken", other.address,
                      f"error: cannot listen on 'unix:{path}': "
                      "Address already in use")
        tap.equal("and serves on", host.ask("GET", "/").status, 200)
        host.kill()
    tap.ok("who is killed leaves it", os.path.exists(path))
    with hosted.Host(program, f"unix:{path}") as host:
        tap.equal("the next one replaces it", host.ask("GET", "/").status, 200)
        os.unlink(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write("mine")
        host.hang_up()
        host.ends(60)
    tap.ok("a file of somebody else's stays", os.path.exists(path))
    with hosted.Host(program, f"unix:{path}") as host:
        tap.ok("and is not replaced", host.address.startswith("error: "))
    long = f"unix:{folder}/" + "x" * 100
    with hosted.Host(program, long) as host:
        tap.ok("a path that is too long", "a path of 1 to 107 bytes"
               in host.address, host.address)


def failures():
    """Of GOFAIL_HTTP: one line, and status 1, before main()."""
    with hosted.Host(program, "127.0.0.1:0") as host:
        bad = {host.address: "Address already in use", "nonsense": "use HOST",
               "::1:80": "use HOST", "127.0.0.1:65536": "is no port",
               "127.0.0.1:": "is no port", "unix:": "a path",
               "unix:/nowhere/x": "No such file",
               "192.0.2.1:0": "Cannot assign requested address"}
        for address, part in bad.items():
            done = subprocess.run(
                [program], env={**os.environ, "GOFAIL_HTTP": address},
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=60, check=False)
            tap.ok(f"GOFAIL_HTTP={part}: one line, status 1",
                   done.returncode == 1 and done.stdout == ""
                   and done.stderr.count("\n") == 1 and part in done.stderr
                   and done.stderr.startswith("failpoint: GOFAIL_HTTP: "),
                   f"{done.returncode} {done.stderr!r}")


def addresses():
    for address, start in (("localhost:0", "127.0.0.1:"),
                           ("[::1]:0", "[::1]:"), (":0", "")):
        with hosted.Host(program, env={"GOFAIL_HTTP": address}) as host:
            # There may be no IPv6 here; then it says so.
            if address == "[::1]:0" and not host.is_alive():
                continue
            tap.ok(f"listens on {address}", host.address.startswith(start)
                   and not host.address.endswith(":0"), host.address)
            if address != ":0":
                tap.equal("and serves", host.ask("GET", "/").status, 200)


def masks():
    """Its thread takes no signals that are meant for the program."""
    with hosted.Host(program, "127.0.0.1:0") as host:
        blocked = []
        for task in os.listdir(f"/proc/{host.process.pid}/task"):
            with open(f"/proc/{host.process.pid}/task/{task}/status",
                      encoding="utf-8") as file:
                lines = dict(line.split(":\t", 1) for line in file
                             if ":\t" in line)
            if lines["Name"].strip() == "failpoint-http":
                blocked.append(int(lines["SigBlk"], 16))
        # But SIGKILL and SIGSTOP, and two that belong to the C library.
        free = 1 << 8 | 1 << 18 | 3 << 31
        tap.ok("its thread blocks all signals", len(blocked) == 1
               and blocked[0] | free == (1 << 64) - 1, blocked)


def main():
    with tempfile.TemporaryDirectory() as folder:
        death(b"panic", -signal.SIGABRT)
        death(b"exit(7)", 7)
        death(b"kill", -signal.SIGKILL)
        death(b"panic", -signal.SIGABRT, many=True)
        slow_taker()
        ending(folder)
        stopping()
        forking()
        paths(folder)
        failures()
        addresses()
        masks()
    return tap.done()


sys.exit(main())
