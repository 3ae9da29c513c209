"""What ComfyUI is given."""

from __future__ import annotations

from comfy_api.v0_0_2 import ComfyExtension, io

from .generate_node import LatentdGenerate
from .nodes import NODES


class LatentdExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [*NODES, LatentdGenerate]


async def comfy_entrypoint() -> LatentdExtension:
    return LatentdExtension()
