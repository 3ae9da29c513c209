"""The links between replicas and Redis, which can be cut, silenced and made slow: toxiproxy."""

import json
import os
import urllib.error
import urllib.request

from processes import PATIENCE, Process, unused_address, wait_for


class Links:
    """A toxiproxy in front of one address, which listens at `host`."""

    def __init__(self, upstream, host):
        self._upstream, self._host = upstream, host
        self._api = unused_address(host)
        port = self._api.rsplit(":", 1)[1]
        self._process = Process([os.environ["LATENTD_TOXIPROXY"], "-host", host, "-port", port],
                                env={**os.environ, "LOG_LEVEL": "fatal"})
        wait_for("toxiproxy answers", lambda: self._answers() or not self._process.running())
        assert self._process.running(), self._process.log

    def open(self, name):
        return Link(self, name, self.make(name, f"{self._host}:0"))

    def make(self, name, address):
        """Gives the address where it listens."""
        return self.ask("POST", "/proxies", {"name": name, "listen": address, "upstream": self._upstream, "enabled": True})["listen"]

    def ask(self, verb, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self._api}{path}", data, {"content-type": "application/json"}, method=verb)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or "null")

    def _answers(self):
        try:
            return self.ask("GET", "/version")
        except urllib.error.URLError:
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stop()


class Link:
    """One replica's. A fault lasts until `heal`."""

    def __init__(self, links, name, address):
        self._links, self._name, self.address = links, name, address

    def cut(self):
        """Its connections break, and new ones are refused."""
        self._links.ask("POST", f"/proxies/{self._name}", {"enabled": False})

    def silence(self):
        """Connections stay, and nothing comes through them any more."""
        for stream in ("upstream", "downstream"):
            self._add(stream, "timeout", timeout=0)

    def slow_down(self, milliseconds, kilobytes_a_second):
        for stream in ("upstream", "downstream"):
            self._add(stream, "latency", latency=milliseconds, jitter=milliseconds // 2)
            self._add(stream, "bandwidth", rate=kilobytes_a_second)

    def heal(self):
        # Anew: toxiproxy hangs when it takes a toxic out of a connection that breaks in the same moment.
        self._links.ask("DELETE", f"/proxies/{self._name}")
        self._links.make(self._name, self.address)

    def _add(self, stream, kind, **attributes):
        self._links.ask("POST", f"/proxies/{self._name}/toxics",
                        {"name": f"{kind}_{stream}", "type": kind, "stream": stream, "attributes": attributes})
