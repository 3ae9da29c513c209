"""Programs that the tests start."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from typing import Any

PATIENCE = 60


class Process:
    """A program whose output is kept."""

    def __init__(self, command: list[Any], ready: str, **options: Any) -> None:
        self.log = ""
        self._popen = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        with self._changed:
            found = self._changed.wait_for(lambda: ready in self.log or self._popen.poll() is not None, PATIENCE)
        if not found or ready not in self.log:
            self.stop()
            raise AssertionError(f"{command[0]} did not start:\n{self.log}")

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with self._changed:
                self.log += line
                self._changed.notify_all()
        self._popen.wait()
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        self._popen.wait(PATIENCE)
        self._reader.join(PATIENCE)


class Latentd(Process):
    def __init__(self, listen: str, *arguments: str) -> None:
        command = [
            os.environ["LATENTD_BINARY"],
            "--listen",
            listen,
            "--metrics-listen",
            "127.0.0.1:0",
            "--threads",
            "1",
        ]
        super().__init__([*command, *arguments], '"message":"ready"')
        found = re.search(r"gRPC on (\S+?),? ", self.log)
        assert found, self.log
        self.address = found[1]
