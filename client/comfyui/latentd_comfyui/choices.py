"""What there is to choose from on a server."""

from __future__ import annotations

import latentd
from latentd import v1

from .request import MODELS_OWN

_ADAPTERS = {
    "loras": v1.Adapter.KIND_LORA,
    "controlnets": v1.Adapter.KIND_CONTROLNET,
    "motions": v1.Adapter.KIND_MOTION,
    "image_prompts": v1.Adapter.KIND_IMAGE_PROMPT,
}
KINDS = ("models", "samplers", *_ADAPTERS)


def choices(client: latentd.Client, kind: str, timeout: float) -> list[str]:
    """Names, as the server orders them. Samplers are those of all its models: which model it will be, only the graph
    knows."""
    if kind in _ADAPTERS:
        adapters = client.list_adapters(timeout=timeout)
        return [each.name.removeprefix("adapters/") for each in adapters if each.kind == _ADAPTERS[kind]]
    models = [each for each in client.list_models(timeout=timeout) if each.state != v1.Model.STATE_BROKEN]
    if kind == "models":
        return [each.name.removeprefix("models/") for each in models]
    samplers = dict.fromkeys(sampler.name for each in models for sampler in each.samplers)
    return [MODELS_OWN, *samplers]
