#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""client.py HOST FLAKEY: `flakey failpoint` asks and tells a program. If this
fails, points can only be reached with curl, or a mistake is not told in one
sentence and the right exit status."""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

import hosted

tap = hosted.Tap()
flakey = os.path.abspath(sys.argv[2])


class Done:
    def __init__(self, address, *words):
        environ = {name: value for name, value in os.environ.items()
                   if name != "GOFAIL_HTTP"}
        if address:
            environ["GOFAIL_HTTP"] = address
        done = subprocess.run([flakey, "failpoint", *words], env=environ,
                              capture_output=True, text=True, timeout=60,
                              check=False)
        self.status, self.out, self.err = (done.returncode, done.stdout,
                                           done.stderr)


def gives(name, done, status, out):
    tap.equal(name, (done.status, done.out, done.err), (status, out, ""))


def refused(name, done, status, part):
    tap.ok(name, done.status == status and done.out == ""
           and done.err.startswith("flakey failpoint: ")
           and done.err.count("\n") == 1 and part in done.err,
           f"{done.status} {done.out!r} {done.err!r}, wanted {part!r}")


LIST = "a%2Fb=\ndb/commit=\ndb/open=\nodd/status=\nplain=\nq?ab=\n"


def talk(host):
    """All verbs; the same over TCP and over a path."""
    at = host.address
    gives("list", Done(at, "list"), 0, LIST)
    gives("set", Done(at, "set", "plain", "2*off->return"), 0, "")
    gives("set in JSON", Done(at, "set", "--json", "q?ab", "return"), 0,
          '{"done":true}\n')
    gives("set of many", Done(at, "set", "db/open=off;db/commit=return(7)"),
          0, "")
    gives("list of what is armed", Done(at, "list"), 0,
          "a%2Fb=\ndb/commit=return(7)\ndb/open=off\nodd/status=\n"
          "plain=2*off->return\nq?ab=return\n")
    tap.equal("list in JSON",
              json.loads(Done(at, "list", "--json").out)["failpoints"][1],
              {"name": "db/commit", "terms": "return(7)"})
    tap.equal("the long list in JSON", json.loads(
        Done(at, "list", "-l", "--json").out)["failpoints"][1]["type"], "int")
    tap.ok("the long list", "before the commit\n" in Done(at, "list",
                                                         "--long").out)
    tap.ok("status", "terms               return(7)\n" in Done(
        at, "status", "db/commit").out)
    tap.equal("status in JSON", json.loads(
        Done(at, "status", "--json", "a%2Fb").out)["state"], "disabled")
    refused("status of none", Done(at, "status", "none"), 1,
            "none: the answer is 404, failed to GET: failpoint: failpoint "
            "does not exist")
    refused("bad terms", Done(at, "set", "plain", "sleep(1q)"), 1,
            "could not parse terms: offset 7: ")
    refused("a blank in a name", Done(at, "set", "a b", "off"), 2, "blanks")
    refused("no name", Done(at, "set", "", "off"), 2, "empty")
    gives("wait for what was", Done(at, "wait", "--fired", "0", "plain"), 0,
          "0\n")
    refused("wait in vain", Done(at, "wait", "-t", "20ms", "plain"), 1,
            "has fired 0 of 1 times")
    refused("wait for no number", Done(at, "wait", "-n", "x", "plain"), 2,
            "is no number")
    refused("wait for no time", Done(at, "wait", "-t", "5", "plain"), 2,
            "is no time")
    results = []
    waiter = threading.Thread(target=lambda: results.append(
        Done(at, "wait", "--json", "-n", "2", "-t", "50s", "plain")))
    waiter.start()
    host.tell("hit plain")
    host.tell("hit plain")
    waiter.join(60)
    gives("wait until it has fired", results[0], 0, '{"fired":2}\n')
    gives("clear one", Done(at, "clear", "plain"), 0, "")
    refused("clear it again", Done(at, "clear", "plain"), 1, "is disabled")
    gives("clear two", Done(at, "clear", "q?ab", "db/open"), 0, "")
    gives("clear all", Done(at, "clear"), 0, "")
    gives("all is clear", Done(at, "list"), 0, LIST)


class Mute(http.server.BaseHTTPRequestHandler):
    """Some other server: 200 and nothing, whatever is asked."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def talk_to_another():
    with http.server.HTTPServer(("127.0.0.1", 0), Mute) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        at = f"127.0.0.1:{server.server_address[1]}"
        for words in ["wait", "plain"], ["wait", "--json", "plain"]:
            refused("an answer without a number", Done(at, *words), 1,
                    "is no number")
        server.shutdown()
        thread.join()


def main():
    with tempfile.TemporaryDirectory() as folder:
        with hosted.Host(sys.argv[1], "127.0.0.1:0") as host:
            talk(host)
            port = host.address.split(":")[1]
            gives("by a URL", Done(None, "list", "-a", f"http://{host.address}/"),
                  0, LIST)
            gives("by a port", Done(None, "list", "-a", f":{port}"), 0, LIST)
            os.environ["http_proxy"] = "http://127.0.0.1:1"
            gives("never by a proxy", Done(host.address, "list"), 0, LIST)
            host.kill()
            refused("nobody there", Done(host.address, "list"), 1,
                    "cannot ask '127.0.0.1:")
        with hosted.Host(sys.argv[1], f"unix:{folder}/points") as host:
            talk(host)
    talk_to_another()
    refused("no address", Done(None, "list"), 2, "GOFAIL_HTTP")
    refused("no such path", Done("unix:/nowhere", "list"), 1, "cannot ask")
    refused("no such verb", Done(None, "xlist"), 2, "did you mean 'list'")
    return tap.done()


sys.exit(main())
