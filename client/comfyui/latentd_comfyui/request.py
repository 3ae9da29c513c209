"""What the nodes hand on to each other, and the request that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

#: The choice that leaves a setting to the model.
MODELS_OWN = "model's own"


@dataclass(frozen=True)
class Server:
    """How a latentd is reached."""

    #: "host:port".
    address: str
    tls: bool = False
    #: PEM files: the authorities to trust (empty: the system's), and a certificate of one's own.
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True)
class Lora:
    name: str
    strength: float


@dataclass(frozen=True)
class Model:
    """A model where it is, with the LoRAs that change it."""

    server: Server
    name: str
    loras: tuple[Lora, ...] = ()


@dataclass(frozen=True)
class Control:
    name: str
    image: Image.Image
    strength: float
    start: float
    end: float


@dataclass(frozen=True)
class ImagePrompt:
    name: str
    image: Image.Image
    strength: float


@dataclass(frozen=True)
class Prompt:
    """All that says what the picture shows."""

    positive: str
    negative: str
    controls: tuple[Control, ...] = ()
    image_prompts: tuple[ImagePrompt, ...] = ()


@dataclass(frozen=True)
class InitImage:
    """What to begin with; with a mask, what to redraw of it."""

    image: Image.Image
    mask: Image.Image | None
    strength: float


@dataclass(frozen=True)
class Animation:
    motion: str
    frames: int


@dataclass(frozen=True)
class Sampling:
    """How it is made. 0 pixels, 0 steps and a guidance below 0 are the model's own."""

    seed: int
    count: int
    width: int
    height: int
    steps: int
    sampler: str
    sigmas: str
    guidance: float
    guidance_rescale: float
    eta: float
    #: A preview after so many steps; 0: none.
    preview_every: int


def fields_of(
    model: Model, prompt: Prompt, sampling: Sampling, init: InitImage | None, animation: Animation | None
) -> dict[str, Any]:
    """The fields of GenerationSpec, as `latentd.AsyncClient.stream` takes them."""
    fields: dict[str, Any] = {
        "model": model.name,
        "prompt": prompt.positive,
        "negative_prompt": prompt.negative,
        "loras": [{"name": lora.name, "scale": lora.strength} for lora in model.loras],
        "controls": [_control(control) for control in prompt.controls],
        "image_prompts": [
            {"name": each.name, "image": each.image, "scale": each.strength} for each in prompt.image_prompts
        ],
        "seed": sampling.seed,
        "num_images": sampling.count,
        "width": sampling.width,
        "height": sampling.height,
        "steps": sampling.steps,
        "sampler": _chosen(sampling.sampler),
        "sigmas": _chosen(sampling.sigmas),
        "guidance_scale": sampling.guidance if sampling.guidance >= 0 else None,
        "guidance_rescale": sampling.guidance_rescale,
        "eta": sampling.eta,
        # A clip comes as its frames, which are pictures of a batch.
        "output": {"format": "PNG"},
    }
    if sampling.preview_every > 0:
        fields["preview"] = {"kind": "IMAGE", "every_steps": sampling.preview_every}
    if animation is not None:
        fields["animation"] = {"motion": animation.motion, "frames": animation.frames}
    if init is not None:
        fields.update(_task(init))
    return fields


def _control(control: Control) -> Mapping[str, Any]:
    return {
        "name": control.name,
        "image": control.image,
        "scale": control.strength,
        "start": control.start,
        "end": control.end,
    }


def _task(init: InitImage) -> Mapping[str, Any]:
    if init.mask is None:
        return {"image_to_image": {"image": init.image, "strength": init.strength}}
    return {"inpaint": {"image": init.image, "mask": init.mask, "strength": init.strength}}


def _chosen(choice: str) -> str | None:
    return None if choice == MODELS_OWN else choice
