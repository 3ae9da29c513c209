"""Errors in the words of the nodes: which server, which input of which node."""

from __future__ import annotations

import re

import latentd

_NODES = {
    "model": ("latentd Model", "model"),
    "loras": ("latentd LoRA", "lora"),
    "prompt": ("latentd Prompt", "positive"),
    "negative_prompt": ("latentd Prompt", "negative"),
    "controls": ("latentd ControlNet", "controlnet"),
    "image_prompts": ("latentd Image Prompt", "adapter"),
    "image_to_image": ("latentd Init Image", "image"),
    "inpaint": ("latentd Init Image", "image"),
    "animation": ("latentd Animation", "motion"),
    "num_images": ("latentd Generate", "count"),
    "guidance_scale": ("latentd Generate", "guidance"),
    "preview": ("latentd Generate", "preview_every"),
}
# Fields of those messages whose inputs have names of their own.
_INPUTS = {"scale": "strength", "every_steps": "preview_every"}
_UNNAMED = {"name", ""}

_FIELD = re.compile(r"spec\.(\w+)(?:\[(\d+)\])?(?:\.(\w+))?")


class GenerationError(RuntimeError):
    """What a person is shown when there are no pictures."""


def explain(error: latentd.Error, address: str) -> GenerationError:
    if isinstance(error, latentd.Unavailable) and not error.reason:
        return GenerationError(
            f"No latentd answers at {address}: {error}\n"
            "Is it running there, and is the address right (latentd Server, or LATENTD_SERVER)?"
        )
    if isinstance(error, latentd.Unauthenticated):
        return GenerationError(
            f"latentd at {address}: {error}\n"
            "LATENTD_API_KEY, where ComfyUI was started, is the key of LATENTD_SERVER, and sent nowhere else."
        )
    if error.field_violations:
        lines = [f"{_input(each.field)}: {each.description}" for each in error.field_violations]
        return GenerationError("\n".join([f"latentd at {address} refuses this:", *lines]))
    return GenerationError(f"latentd at {address}: {error}")


def _input(field: str) -> str:
    """The node and the input that a field of the request comes from, such as "latentd Generate, sampler"."""
    match = _FIELD.fullmatch(field)
    if match is None:
        return field
    top, index, below = match[1], match[2], match[3] or ""
    node, default = _NODES.get(top, ("latentd Generate", top))
    name = default if below in _UNNAMED else _INPUTS.get(below, below)
    number = f" {int(index) + 1}" if index else ""
    return f"{node}{number}, {name}"
