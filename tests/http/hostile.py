#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""hostile.py HOST: clients that are slow, greedy, many or mad. Each gets a clear
answer, others are served meanwhile, and the program lives, with no descriptor
more than before. If this fails, whoever reaches the port can stop the program."""

import contextlib
import resource
import socket
import sys
import threading
import time

import hosted

tap = hosted.Tap()
# A request has to be complete in this time; a slow machine may take longer.
REQUEST_S = 10
LATE_S = 50
# A connection without a request lasts 60 s.
IDLE_S = 90
QUICK_S = 5


def still_serves(host, after):
    begun = time.monotonic()
    reply = host.ask("GET", "/plain/status")
    seconds = time.monotonic() - begun
    tap.ok(f"served at once after {after}",
           reply.status == 200 and seconds < QUICK_S and host.is_alive(),
           f"{reply.line} in {seconds:.1f} s")


def answer_to(host, data):
    """What comes back until the other side closes, having sent all that it
    took."""
    with host.connect(LATE_S) as sock:
        try:
            sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return hosted.Reply(hosted.read_all(sock))


def many_connections(host):
    """A thousand, and then those who come are served all the same."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(host.connect()) for _ in range(1000)]
        still_serves(host, "1,000 connections held open")
        kept = told = 0
        for sock in socks:
            sock.setblocking(False)
            try:
                told += hosted.Reply(sock.recv(4096)).status == 503
            except BlockingIOError:
                kept += 1
            except ConnectionResetError:
                pass
        tap.ok("most were told why they had to go", told > 800 and kept < 200,
               f"{told} told, {kept} kept")
        tap.ok("descriptors are limited", host.descriptors() < 220,
               host.descriptors())


def slow_clients(host):
    """Requests that never become complete; all at the same time."""
    slow = {
        "nothing": b"",
        "half a request line": b"GET /pla",
        "half a header": b"GET /plain HTTP/1.1\r\nHos",
        "half a body": b"PUT /plain HTTP/1.1\r\nHost: a\r\n"
                       b"Content-Length: 100\r\n\r\nsleep(",
        "half a chunk": b"PUT /plain HTTP/1.1\r\nHost: a\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\nff\r\nsl",
    }
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        socks = {}
        for name, data in slow.items():
            socks[name] = stack.enter_context(host.connect(LATE_S))
            socks[name].sendall(data)
        drip = stack.enter_context(host.connect(LATE_S))
        still_serves(host, "half requests")
        # A byte now and then does not help.
        drip.setblocking(False)
        data = b""
        while time.monotonic() < begun + LATE_S:
            try:
                drip.send(b"x")
                data = drip.recv(4096)
                break
            except BlockingIOError:
                time.sleep(0.2)
            except (BrokenPipeError, ConnectionResetError):
                break
        tap.ok("a drip is cut off, in time",
               REQUEST_S - 1 < time.monotonic() - begun < LATE_S, data)
        for name, sock in socks.items():
            reply = hosted.Reply(hosted.read_all(sock))
            tap.equal(f"{name}: 408", (reply.status, reply.body), (
                408, b"the request did not come in time\n"))
    still_serves(host, "half requests are gone")


def long_bodies(host):
    big = b"x" * 10_000_000
    reply = host.ask("PUT", "/plain", big)
    tap.equal("a body of 10 MB", (reply.status, reply.body), (
        413, b"the body is longer than 1048576 bytes\n"))
    reply = answer_to(host, b"PUT /plain HTTP/1.1\r\nHost: a\r\nExpect: "
                      b"100-continue\r\nContent-Length: 10000000\r\n\r\n")
    tap.equal("refused before it is sent", reply.status, 413)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    reply = answer_to(host, b"PUT /plain HTTP/1.1\r\nHost: a\r\nConnection: "
                      b"close\r\nTransfer-Encoding: chunked\r\n\r\n"
                      + 10 * chunk + b"0\r\n\r\n")
    tap.equal("10 MB in chunks", reply.status, 413)
    tap.equal("1 MiB is taken, and is no terms",
              host.ask("PUT", "/plain", b"x" * (1 << 20)).status, 400)
    still_serves(host, "long bodies")


def endless_body(host):
    with host.connect(LATE_S) as sock:
        sock.sendall(b"PUT /plain HTTP/1.1\r\nHost: a\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        sent = 0
        try:
            while sent < 1000:
                sock.sendall(chunk)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
        tap.ok("a body without an end is cut off", sent < 200, sent)
    still_serves(host, "it")


def long_heads(host):
    target = "/" + "x" * 65536
    reply = host.ask("GET", target)
    tap.equal("a path of 64 KiB", (reply.status, reply.body), (
        414, b"the path is longer than 4096 bytes\n"))
    tap.equal("the same, to arm", host.ask("PUT", target, b"off").status, 414)
    tap.equal("4096 bytes are none too many",
              host.ask("GET", "/" + "x" * 4095).status, 404)
    head = b"GET /" + b"x" * 5_000_000 + b" HTTP/1.1\r\n\r\n"
    tap.ok("a path of 5 MB", answer_to(host, head).status in (0, 414))
    head = b"GET / HTTP/1.1\r\nX: " + b"x" * 5_000_000 + b"\r\n\r\n"
    tap.ok("a header of 5 MB", answer_to(host, head).status in (0, 431, 413))
    head = b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200_000 + b"\r\n"
    tap.ok("200,000 headers", answer_to(host, head).status in (0, 431, 413))
    still_serves(host, "long heads")


def nonsense(host):
    rubbish = [b"\0" * 1000, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
               b"\r\n" * 1000, b"GET\r\n\r\n", b"GET /\0plain HTTP/1.1\r\n\r\n",
               b"GET / HTTP/9.9\r\n\r\n", b"GET /plain\r\n\r\n",
               b"PUT /plain HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
               b"PUT /plain HTTP/1.1\r\nContent-Length: "
               b"99999999999999999999999\r\n\r\n",
               b"PUT /plain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
               b"chunked\r\n\r\nzz\r\n",
               b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(range(256)) * 40]
    for data in rubbish:
        with host.connect() as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            # Kept, it may be, for another request, until it was idle for long.
            sock.settimeout(1)
            with contextlib.suppress(TimeoutError):
                hosted.read_all(sock)
    still_serves(host, f"{len(rubbish)} kinds of nonsense")


def deaf_client(host):
    """Asks and asks, and takes no answer."""
    with host.connect() as sock:
        sock.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while sent < 50_000_000:
                sent += sock.send(b"GET /failpoints HTTP/1.1\r\nHost: a\r\n"
                                  b"\r\n" * 1000)
        still_serves(host, "a client that takes no answers")


def many_waits(host):
    """64 may wait; others are told, and served; all hear of the hit."""
    host.ask("PUT", "/plain", b"return")
    line = b"GET /plain/wait?fired=1&timeout=50s HTTP/1.1\r\nHost: a\r\n\r\n"
    with contextlib.ExitStack() as stack:
        socks = []
        for _ in range(64):
            socks.append(stack.enter_context(host.connect(LATE_S)))
            socks[-1].sendall(line)
        # In order: one that is too many is answered when 64 wait.
        refused = hosted.soon(lambda: host.ask(
            "GET", "/plain/wait?fired=9&timeout=1ms").status == 503)
        tap.ok("the 65th wait gets 503", refused)
        still_serves(host, "64 requests that wait")
        # One leaves: there is room for another.
        socks.pop().close()
        tap.ok("who leaves makes room", hosted.soon(lambda: host.ask(
            "GET", "/plain/wait?fired=9&timeout=1ms").status == 504))
        host.tell("hit plain")
        replies = [hosted.Reply(sock.recv(4096)) for sock in socks]
        tap.equal("all are told of the hit",
                  {(reply.status, reply.body) for reply in replies},
                  {(200, b"1\n")})
    host.ask("DELETE", "/plain")


def crowd(host):
    """Threads that arm, look and disarm at once."""
    wrong = []

    def walk(number):
        for i in range(50):
            reply = host.ask("PUT", "/failpoints",
                             b"plain=return;db/commit=return(%d)" % number)
            if reply.status != 204:
                wrong.append(reply.line)
            if host.ask("GET", "/db/commit").status not in (200, 404):
                wrong.append("terms")
            if i % 7 == number:
                host.ask("DELETE", "/failpoints")

    threads = [threading.Thread(target=walk, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    tap.equal("eight clients arm and disarm at once", wrong, [])
    host.ask("DELETE", "/failpoints")


def few_descriptors(program):
    with hosted.Host(program, "127.0.0.1:0", limit=64) as host:
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(host.connect())
            still_serves(host, "100 connections with ulimit -n 64")
            tap.ok("most are left to the program", host.descriptors() < 40,
                   host.descriptors())


def no_descriptors(program):
    with hosted.Host(program, "127.0.0.1:0") as host:
        _, hard = resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE,
                         (host.descriptors(), hard))
        with host.connect() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.settimeout(IDLE_S)
            try:
                line = hosted.Reply(hosted.read_all(sock)).line
            except TimeoutError:
                line = "nothing"
            tap.equal("a program without descriptors says so", line,
                      "HTTP/1.1 503 Service Unavailable")
        before = host.cpu_seconds()
        with host.connect() as sock:
            hosted.soon(lambda: False, 1)
            spent = host.cpu_seconds() - before
            tap.ok("and does not spin", spent < 0.2, spent)
        resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE,
                         (64, hard))
        still_serves(host, "descriptors are there again")


def main():
    program = sys.argv[1]
    with hosted.Host(program, "127.0.0.1:0") as host:
        before = host.descriptors()
        for test in (slow_clients, long_bodies, endless_body, long_heads,
                     nonsense, deaf_client, many_waits, crowd,
                     many_connections):
            test(host)
        tap.equal("the library has forgotten nothing",
                  host.tell("hit plain"), "0")
        # The one that is kept is the eventfd which tells of hits.
        tap.ok("no descriptor is left behind",
               hosted.soon(lambda: host.descriptors() <= before + 1, IDLE_S),
               (before, host.descriptors()))
        host.hang_up()
        tap.equal("the program ends well", host.ends(60), 0)
    few_descriptors(program)
    no_descriptors(program)
    return tap.done()


sys.exit(main())
