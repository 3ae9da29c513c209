"""What there is to choose from: the models and adapters of the servers that are known.

ComfyUI asks for a node's options when it starts, when a page is loaded, when a person presses R, and again and again
while it runs a graph. It must not wait for a server then: a call that asks the servers waits a moment for them, and
what comes later is there the next time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

import latentd
from latentd import v1

from .connection import ConnectionSettingsError, client_arguments, environment_server
from .request import Server

_log = logging.getLogger(__name__)

#: Names by kind.
Offer = Mapping[str, list[str]]

_ADAPTERS = {
    "loras": v1.Adapter.KIND_LORA,
    "controlnets": v1.Adapter.KIND_CONTROLNET,
    "motions": v1.Adapter.KIND_MOTION,
    "image_prompts": v1.Adapter.KIND_IMAGE_PROMPT,
}

_FRESH_SECONDS = 2
_PATIENCE_SECONDS = 0.3
_CALL_SECONDS = 5


class Choices:
    """Thread-safe."""

    def __init__(self, ask: Callable[[Server], Offer], fresh_seconds: float = _FRESH_SECONDS) -> None:
        """`ask` is called on a thread, once at a time for a server."""
        self._ask = ask
        self._fresh_seconds = fresh_seconds
        self._pool = ThreadPoolExecutor(4, "latentd-choices")
        self._lock = threading.Lock()
        self._offers: dict[Server, Offer] = {}
        self._asked: dict[Server, tuple[Future[None], float]] = {}

    def learn(self, server: Server) -> None:
        """Its names are among those from now on."""
        with self._lock:
            self._offers.setdefault(server, {})

    def names(self, kind: str) -> list[str]:
        """Of all servers; of one that does not answer, those that it last had."""
        with self._lock:
            asked = [self._ask_again(server) for server in self._offers if self._is_due(server)]
        wait(asked, _PATIENCE_SECONDS)
        with self._lock:
            return list(dict.fromkeys(name for offer in self._offers.values() for name in offer.get(kind, [])))

    def _is_due(self, server: Server) -> bool:
        if server not in self._asked:
            return True
        answer, since = self._asked[server]
        return answer.done() and time.monotonic() - since >= self._fresh_seconds

    def _ask_again(self, server: Server) -> Future[None]:
        answer = self._pool.submit(self._update, server)
        self._asked[server] = (answer, time.monotonic())
        return answer

    def _update(self, server: Server) -> None:
        try:
            offer = self._ask(server)
        except (latentd.Error, ConnectionSettingsError) as error:
            _log.warning("No choices from latentd at %s: %s", server.address, error)
            return
        with self._lock:
            self._offers[server] = offer


def ask(server: Server) -> Offer:
    """What a server has, in its order. Samplers are those of all its models: which model it will be, only the graph
    knows."""
    options = latentd.ClientOptions(retry=latentd.RetryOptions(connect_for=0))
    with latentd.Client(**client_arguments(server), options=options) as client:
        return offer_of(client.list_models(timeout=_CALL_SECONDS), client.list_adapters(timeout=_CALL_SECONDS))


def offer_of(models: list[v1.Model], adapters: list[v1.Adapter]) -> Offer:
    sound = [each for each in models if each.state != v1.Model.STATE_BROKEN]
    return {
        "models": [each.name.removeprefix("models/") for each in sound],
        "samplers": list(dict.fromkeys(sampler.name for each in sound for sampler in each.samplers)),
        **{
            kind: [each.name.removeprefix("adapters/") for each in adapters if each.kind == number]
            for kind, number in _ADAPTERS.items()
        },
    }


#: Those of this process.
CHOICES = Choices(ask)
CHOICES.learn(environment_server())
