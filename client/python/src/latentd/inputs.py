"""What `generate`, `stream` and `create_job` take, as types: the fields of the API's messages, in their own names.

Wherever the API has a message, a mapping of its fields does as well. None is the same as leaving a field out. The
fields' meaning, units and limits are documented in proto/latentd/v1/spec.proto.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from PIL import Image

from latentd import v1

File = str | os.PathLike[str] | bytes | Image.Image
"""A path, the bytes of a PNG, JPEG or WebP file, or a Pillow image, which is sent as PNG."""


Enum = str | int
"""A value's name, whole or without its prefix ("PNG"), in any case; or its number."""


class InputImageFields(TypedDict, total=False):
    data: File
    blob_sha256: str
    fit: Enum


Picture = File | v1.InputImage | InputImageFields
"""A picture that a request brings along."""


class ImageToImageFields(TypedDict, total=False):
    image: Picture
    strength: float | None
    denoising_start: float | None


class InpaintFields(TypedDict, total=False):
    image: Picture
    mask: Picture
    strength: float | None
    mask_kind: Enum


class OutpaintFields(TypedDict, total=False):
    image: Picture
    left: int
    right: int
    top: int
    bottom: int


class ClassToImageFields(TypedDict, total=False):
    label: int


class BoxFields(TypedDict, total=False):
    phrase: str
    x0: float
    y0: float
    x1: float
    y1: float


class BoxesToImageFields(TypedDict, total=False):
    boxes: Sequence[v1.Box | BoxFields]
    scheduled_sampling_beta: float | None


class SuperResolutionFields(TypedDict, total=False):
    low_res: Picture
    noise_level: int | None


class UnconditionalFields(TypedDict, total=False):
    pass


class SizeConditioningFields(TypedDict, total=False):
    original_width: int
    original_height: int
    crop_left: int
    crop_top: int
    target_width: int
    target_height: int
    aesthetic_score: float | None


class LoraFields(TypedDict, total=False):
    name: str
    scale: float | None


class ControlFields(TypedDict, total=False):
    name: str
    image: Picture
    scale: float | None
    start: float | None
    end: float | None


class ImagePromptFields(TypedDict, total=False):
    name: str
    image: Picture
    scale: float | None


class AnimationFields(TypedDict, total=False):
    motion: str
    frames: int
    fps: int


class PreviewOptionsFields(TypedDict, total=False):
    kind: Enum
    every_steps: int
    max_edge: int
    format: Enum


class OutputOptionsFields(TypedDict, total=False):
    format: Enum
    quality: int
    omit_prompts: bool
    clip_format: Enum


class GenerationSpecFields(TypedDict, total=False):
    """Everything but `model` has a default. `loras` also takes {"name": scale} and names alone."""

    model: str
    image_to_image: v1.ImageToImage | ImageToImageFields | None
    inpaint: v1.Inpaint | InpaintFields | None
    outpaint: v1.Outpaint | OutpaintFields | None
    class_to_image: v1.ClassToImage | ClassToImageFields | None
    boxes_to_image: v1.BoxesToImage | BoxesToImageFields | None
    super_resolution: v1.SuperResolution | SuperResolutionFields | None
    unconditional: v1.Unconditional | UnconditionalFields | None
    prompt: str | None
    negative_prompt: str | None
    literal_prompt: bool | None
    clip_skip: int | None
    prompt_2: str | None
    negative_prompt_2: str | None
    width: int | None
    height: int | None
    size_conditioning: v1.SizeConditioning | SizeConditioningFields | None
    negative_size_conditioning: v1.SizeConditioning | SizeConditioningFields | None
    num_images: int | None
    seed: int | None
    steps: int | None
    sampler: str | None
    sigmas: str | None
    guidance_scale: float | None
    guidance_rescale: float | None
    eta: float | None
    denoising_end: float | None
    loras: Mapping[str, float] | Sequence[str | v1.Lora | LoraFields] | None
    controls: Sequence[v1.Control | ControlFields] | None
    image_prompts: Sequence[v1.ImagePrompt | ImagePromptFields] | None
    embeddings: Sequence[str] | None
    animation: v1.Animation | AnimationFields | None
    preview: v1.PreviewOptions | PreviewOptionsFields | None
    output: v1.OutputOptions | OutputOptionsFields | None


class JobOptionsFields(TypedDict, total=False):
    """How a job is treated; what it makes is the specification's matter. `timeout` in seconds, `expire_time` with a
    time zone, or in UTC."""

    timeout: float | timedelta | None
    priority: int
    labels: Mapping[str, str]
    expire_time: datetime | None
    single_flight: bool
