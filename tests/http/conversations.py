#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""conversations.py HOST FILE WAY: what is said to a program over HTTP is answered
as the file has it. WAY is tcp, unix or own (a server of the program's own), then
-raw or -curl. If this fails, clients of gofail notice that this is not gofail, or
docs/failpoints.md is wrong."""

import os
import re
import subprocess
import sys
import tempfile

import hosted


class Line:
    def __init__(self, number, kind, text):
        self.number = number
        self.kind = kind
        self.text = text


def read(path):
    """Tests: a title and its lines."""
    tests = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            kind, _, text = line.partition(" ")
            if kind == "==":
                tests.append((text, []))
            elif kind in (">", "|", "<", "=", "=-", "!", "?"):
                tests[-1][1].append(Line(number, kind, text))
            else:
                sys.exit(f"{path}:{number}: '{kind}' is nothing")
    return tests


def with_curl(address, method, target, body):
    command = ["curl", "-s", "-i", "--http1.1", "--noproxy", "*", "-m", "30",
               "-H", "Expect:", "--request-target", target]
    command += ["-I"] if method == "HEAD" else ["-X", method]
    if body or method == "PUT":
        command += ["--data-binary", "@-"]
    if address.startswith("unix:"):
        command += ["--unix-socket", address[5:], "http://localhost/"]
    else:
        command.append(f"http://{address}/")
    done = subprocess.run(command, input=body, capture_output=True, check=True)
    return hosted.Reply(done.stdout)


class Talk:
    """One program, and what it said last."""

    def __init__(self, host, ask):
        self.host = host
        self.ask = ask
        self.wrong = []

    def complain(self, line, wanted, got):
        self.wrong.append(f"line {line.number}: wanted {wanted!r}, "
                          f"got {got!r}")

    def request(self, lines):
        """Takes the lines of one request, and checks its answer."""
        first = lines[0]
        method, target = first.text.split(" ", 1)
        body = "\n".join(line.text for line in lines if line.kind == "|")
        reply = self.ask(self.host.address, method, target, body.encode())
        if reply.headers.get("content-length", None) != str(
                len(reply.body)) and method != "HEAD" and reply.status != 204:
            self.complain(first, f"Content-Length: {len(reply.body)}",
                          reply.headers)
        for line in lines:
            if line.kind == "<":
                self.check_head(line, reply)
        wanted = "".join(line.text + ("" if line.kind == "=-" else "\n")
                         for line in lines if line.kind in ("=", "=-"))
        # The line of a point changes whenever host.c does.
        got = re.sub(r"[\w./-]*host\.c:\d+", "@host.c@",
                     reply.body.decode("utf-8"))
        if got != wanted:
            self.complain(first, wanted, got)

    def check_head(self, line, reply):
        if re.match(r"\d", line.text):
            if reply.line != "HTTP/1.1 " + line.text:
                self.complain(line, line.text, reply.line)
        elif line.text.startswith("!"):
            if line.text[1:].lower() in reply.headers:
                self.complain(line, line.text, reply.headers)
        else:
            name, _, value = line.text.partition(": ")
            if reply.headers.get(name.lower()) != value:
                self.complain(line, line.text, reply.headers)

    def command(self, line, answer):
        got = self.host.tell(line.text)
        if got != answer.text:
            self.complain(answer, answer.text, got)

    def test(self, lines):
        self.wrong = []
        at = 0
        while at < len(lines):
            end = at + 1
            while end < len(lines) and lines[end].kind not in (">", "!"):
                end += 1
            if lines[at].kind == "!":
                self.command(lines[at], lines[at + 1])
            else:
                self.request(lines[at:end])
            at = end
        return self.wrong


def main():
    program, path, way = sys.argv[1:]
    where, how = way.split("-")
    tap = hosted.Tap()
    with tempfile.TemporaryDirectory() as folder:
        address = {"tcp": "127.0.0.1:0", "own": "--own",
                   "unix": "unix:" + os.path.join(folder, "points")}[where]
        with hosted.Host(program, address) as host:
            talk = Talk(host, with_curl if how == "curl" else hosted.ask)
            for title, lines in read(path):
                wrong = talk.test(lines)
                tap.ok(title, not wrong, "\n".join(wrong))
            host.hang_up()
            tap.equal("and the program ends well", host.ends(60), 0)
    return tap.done()


sys.exit(main())
