from __future__ import annotations

import copy
import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import latentd
import pytest
from comfyui import ComfyUI
from PIL import Image

from processes import Latentd

ROOT = Path(__file__).resolve().parents[4]
NODES = ROOT / "client/comfyui"
GRAPH = json.loads((Path(__file__).parent / "text_to_picture.json").read_text())

KEY = "0123456789abcdef"


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def address() -> str:
    """The server's, when it is there."""
    return f"127.0.0.1:{unused_port()}"


@pytest.fixture(scope="session")
def lonely(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[tuple[ComfyUI, list[str]]]:
    """ComfyUI, started while no server is there, and the models that it then offered."""
    environment = {"LATENTD_SERVER": address, "LATENTD_API_KEY": KEY, "PYTHONDONTWRITEBYTECODE": "1"}
    comfyui = ComfyUI(tmp_path_factory.mktemp("comfyui"), unused_port(), NODES, environment)
    yield comfyui, comfyui.options("LatentdModel", "model")
    comfyui.stop()


@pytest.fixture(scope="session")
def comfyui(
    lonely: tuple[ComfyUI, list[str]], address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComfyUI]:
    """ComfyUI with its server, which asks for a key, has two adapters, and takes two pictures at a time."""
    adapters = tmp_path_factory.mktemp("adapters")
    for name in ("pictograms-lcm", "other"):
        (adapters / f"{name}.safetensors").symlink_to(ROOT / "model/embedded/adapters/pictograms-lcm.safetensors")
    keys = tmp_path_factory.mktemp("keys") / "keys.yaml"
    keys.write_text(f"[{{id: comfyui, sha256: {hashlib.sha256(KEY.encode()).hexdigest()}, tenant: studio}}]")
    server = Latentd(address, "--max-batch-rows", "2", "--adapters", str(adapters), "--api-keys", str(keys))
    yield lonely[0]
    server.stop()


@pytest.fixture(scope="session")
def tiny() -> Iterator[str]:
    """Address of a second server, with tiny models that take ControlNets, image prompts and motion modules."""
    golden = ROOT / "tests/golden/pipelines"
    server = Latentd("127.0.0.1:0", "--models", str(golden / "models"), "--adapters", str(golden / "adapters"))
    yield server.address
    server.stop()


@pytest.fixture
def client(comfyui: ComfyUI, address: str) -> Iterator[latentd.Client]:
    with latentd.Client(address, metadata=[("authorization", f"Bearer {KEY}")]) as client:
        yield client


@pytest.fixture
def graph() -> dict[str, Any]:
    return copy.deepcopy(GRAPH)


@pytest.fixture
def upload(comfyui: ComfyUI) -> Callable[[Image.Image, str], dict[str, Any]]:
    """Puts a picture where Load Image finds it; gives that node."""

    def put(picture: Image.Image, name: str) -> dict[str, Any]:
        picture.save(comfyui.folder / "input" / name)
        return {"class_type": "LoadImage", "inputs": {"image": name}}

    return put
