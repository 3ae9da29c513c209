"""Starts and ends what the tests run: latentd, and Envoy before it."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

import render

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 120  # on a busy machine


def wait_for(what, condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if (result := condition()):
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {patience} s")


class Process:
    """A program whose standard error is kept; ended by SIGTERM at the end of the `with`."""

    def __init__(self, command, **options):
        self.log = ""
        self._popen = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, **options)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._popen.stderr:
            self.log += line

    def running(self):
        return self._popen.poll() is None

    def memory(self):
        """Bytes that it holds now."""
        fields = pathlib.Path(f"/proc/{self._popen.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor_time(self):
        """Seconds of computing until now."""
        return time.clock_gettime(~self._popen.pid << 3 | 2)  # its clock, as clock_getcpuclockid(3) finds it

    def signal(self, number=signal.SIGTERM):
        if self.running():
            self._popen.send_signal(number)

    def wait(self):
        """Its exit code."""
        code = self._popen.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def stop(self):
        self.signal()
        return self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Latentd(Process):
    def __init__(self, *arguments, listen="127.0.0.1:0"):
        super().__init__([os.environ["LATENTD_BINARY"], "--listen", listen, "--metrics-listen", "127.0.0.1:0",
                          "--threads", "1", *arguments])
        wait_for("latentd is ready", lambda: '"message":"ready"' in self.log or not self.running())
        assert self.running(), f"ended with {self.wait()}: {self.log}"
        self.address = self.log.split("gRPC on ")[1].split(",")[0]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


class Edge(Process):
    """Envoy, started by edge.sh, or with limits other than its own by itself."""

    def __init__(self, *backends, cors_origins=(), flags=(), **limits):
        self._folder = tempfile.TemporaryDirectory()
        self.admin_socket = self._folder.name + "/admin"
        super().__init__(self._script(backends, cors_origins, flags) if not limits else self._envoy(backends, limits))
        wait_for("Envoy is ready", lambda: self._ready() or not self.running())
        assert self.running(), f"ended with {self.wait()}: {self.log}"
        listener = json.loads(self.admin("/listeners?format=json"))["listener_statuses"][0]
        where = listener["local_address"]["socket_address"]
        self.address = f"{where['address']}:{where['port_value']}"

    def _script(self, backends, cors_origins, flags):
        origins = [word for origin in cors_origins for word in ("--cors-origin", origin)]
        return [ROOT / "deploy/edge.sh", "--listen", "127.0.0.1:0", "--backend", ",".join(backends), "--admin", self.admin_socket,
                "--secrets", self._folder.name, *origins, *flags]

    def _envoy(self, backends, limits):
        config = render.render(("127.0.0.1", 0), render.split_backends(",".join(backends)),
                               os.environ["LATENTD_DESCRIPTORS"], admin=self.admin_socket, **limits)
        return [os.environ["LATENTD_ENVOY"], "--config-yaml", config, "--disable-hot-restart", "--log-level", "warning",
                "--concurrency", "1"]

    def _ready(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.admin("/ready").strip() == "LIVE"

    def admin(self, path):
        with contextlib.closing(_UnixConnection(self.admin_socket)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def stat(self, name):
        """A counter or gauge, summed over all whose name ends so."""
        lines = (line.rsplit(": ", 1) for line in self.admin("/stats").splitlines())
        return sum(int(value) for key, value in lines if key.endswith(name))

    def stop(self):
        code = super().stop()
        self._folder.cleanup()
        return code


def unused_address():
    """Where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"
