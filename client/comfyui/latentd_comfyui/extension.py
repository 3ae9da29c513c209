"""What ComfyUI is given: the nodes, and the routes by which the browser asks for choices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import latentd
from aiohttp import web
from comfy_api.v0_0_2 import ComfyExtension, io
from server import PromptServer

from .choices import KINDS, choices
from .connection import ConnectionSettingsError, client_arguments, environment_server
from .explain import explain
from .generate_node import LatentdGenerate
from .nodes import NODES

_CHOICES_SECONDS = 5


class LatentdExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [*NODES, LatentdGenerate]


async def comfy_entrypoint() -> LatentdExtension:
    for kind in KINDS:
        PromptServer.instance.routes.get(f"/latentd/{kind}")(_answer_with(kind))
    return LatentdExtension()


def _answer_with(kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        # On a thread: gRPC's asyncio would have to serve two event loops, ComfyUI's and that of its executor.
        try:
            return web.json_response(await asyncio.to_thread(_choices, kind))
        except ConnectionSettingsError as error:
            return web.Response(status=503, text=str(error))
        except latentd.Error as error:
            return web.Response(status=503, text=str(explain(error, environment_server().address)))

    return answer


def _choices(kind: str) -> list[str]:
    with latentd.Client(**client_arguments(environment_server())) as client:
        return choices(client, kind, _CHOICES_SECONDS)
