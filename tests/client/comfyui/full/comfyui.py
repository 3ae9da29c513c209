"""ComfyUI itself, without a browser: started by its main.py, asked over its HTTP API, heard over its websocket."""

from __future__ import annotations

import io
import json
import os
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import websocket
from PIL import Image

from processes import PATIENCE, Process

_PREVIEW_IMAGE, _TEXT, _PREVIEW_WITH_METADATA = 1, 3, 4


class ComfyUI(Process):
    def __init__(self, folder: Path, port: int, nodes: Path, environment: dict[str, str]) -> None:
        for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
            (folder / name).mkdir()
        (folder / "custom_nodes/latentd").symlink_to(nodes)
        self.folder = folder
        self._host = f"127.0.0.1:{port}"
        main = Path(os.environ["LATENTD_COMFYUI"]) / "main.py"
        command = [os.environ["LATENTD_COMFYUI_PYTHON"], main, "--cpu", "--listen", "127.0.0.1", "--port", port]
        super().__init__(
            [*command, "--base-directory", folder, "--disable-api-nodes"],
            "To see the GUI go to",
            env={**os.environ, **environment},
        )

    def get(self, path: str) -> bytes:
        with urlopen(f"http://{self._host}{path}", timeout=PATIENCE) as answer:
            body: bytes = answer.read()
            return body

    def post(self, path: str, body: Any) -> Any:
        request = Request(
            f"http://{self._host}{path}", json.dumps(body).encode(), headers={"content-type": "application/json"}
        )
        try:
            with urlopen(request, timeout=PATIENCE) as answer:
                text = answer.read()
        except HTTPError as error:
            text = error.read()
        return json.loads(text) if text else None

    def options(self, node: str, name: str) -> list[str]:
        """What a node's choice offers now."""
        info = json.loads(self.get(f"/object_info/{node}"))[node]
        options: list[str] = info["input"]["required"][name][1]["options"]
        return options

    def queue(self, graph: dict[str, Any]) -> Run:
        return Run(self, self._host, graph)


class Run:
    """One graph on its way, as the browser that queued it sees it."""

    def __init__(self, comfyui: ComfyUI, host: str, graph: dict[str, Any]) -> None:
        self._comfyui = comfyui
        client = str(uuid.uuid4())
        self._socket = websocket.create_connection(f"ws://{host}/ws?clientId={client}", timeout=PATIENCE)
        self._socket.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
        self.texts: list[tuple[str, str]] = []
        self.previews: list[tuple[str, Image.Image]] = []
        self.progress: list[dict[str, Any]] = []
        self.executed: dict[str, Any] = {}
        #: "success", "error" or "interrupted", and what ComfyUI says of it.
        self.end: tuple[str, dict[str, Any]] | None = None
        self.answer = comfyui.post("/prompt", {"prompt": graph, "client_id": client})
        self.prompt_id = self.answer.get("prompt_id")

    def until(self, what: str, condition: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert self.end is None, f"{what}: the run ended before: {self.end}"
            assert time.monotonic() < end, f"{what}: not within {PATIENCE} s\n{self._comfyui.log}"
            self._take(self._socket.recv())
        return found

    def finish(self) -> tuple[str, dict[str, Any]]:
        """How it ended."""
        while self.end is None:
            self._take(self._socket.recv())
        self._socket.close()
        return self.end

    def images(self, node: str) -> list[Image.Image]:
        """What a Save Image node wrote."""
        how = self.finish()
        assert how[0] == "success", how[1].get("exception_message", how)
        return [
            Image.open(io.BytesIO(self._comfyui.get(f"/view?{urlencode(each)}")))
            for each in self.executed[node]["images"]
        ]

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._take_binary(message)
            return
        content = json.loads(message)
        kind, data = content["type"], content["data"]
        if data.get("prompt_id") != self.prompt_id:
            return
        if kind == "progress":
            self.progress.append(data)
        elif kind == "executed":
            self.executed[data["node"]] = data["output"]
        elif kind in ("execution_success", "execution_error", "execution_interrupted"):
            self.end = (kind.removeprefix("execution_"), data)

    def _take_binary(self, message: bytes) -> None:
        (kind,) = struct.unpack(">I", message[:4])
        if kind == _TEXT:
            (size,) = struct.unpack(">I", message[4:8])
            self.texts.append((message[8 : 8 + size].decode(), message[8 + size :].decode()))
        elif kind == _PREVIEW_WITH_METADATA:
            (size,) = struct.unpack(">I", message[4:8])
            metadata = json.loads(message[8 : 8 + size])
            self.previews.append((metadata["node_id"], Image.open(io.BytesIO(message[8 + size :]))))


def texts_of(run: Run, node: str) -> Iterator[str]:
    return (text for where, text in run.texts if where == node)
