"""What `generate`, `stream` and `create_job` take: the fields of GenerationSpec in their own names.

Wherever the API has a message, a mapping of its fields does as well; enums are given by name, whole or without prefix
("PNG"); pictures as a path, the bytes of a file, or a Pillow image. The fields' meaning, units and limits are
documented in proto/latentd/v1/spec.proto.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from PIL import Image

from latentd import v1

#: A picture that a request brings along. A mapping names its other fields: {"data": b"…", "fit": "CROP"}.
ImageInput = str | os.PathLike[str] | bytes | Image.Image | v1.InputImage | Mapping[str, Any]
#: {"ink": 0.8}, or a list of names, mappings and messages.
LorasInput = Mapping[str, float] | Sequence[str | v1.Lora | Mapping[str, Any]]


class SpecFields(TypedDict, total=False):
    """Everything but `model` has a default; None is the same as leaving a field out."""

    model: str
    image_to_image: v1.ImageToImage | Mapping[str, Any] | None
    inpaint: v1.Inpaint | Mapping[str, Any] | None
    outpaint: v1.Outpaint | Mapping[str, Any] | None
    class_to_image: v1.ClassToImage | Mapping[str, Any] | None
    boxes_to_image: v1.BoxesToImage | Mapping[str, Any] | None
    super_resolution: v1.SuperResolution | Mapping[str, Any] | None
    unconditional: v1.Unconditional | Mapping[str, Any] | None
    prompt: str | None
    negative_prompt: str | None
    literal_prompt: bool | None
    clip_skip: int | None
    prompt_2: str | None
    negative_prompt_2: str | None
    width: int | None
    height: int | None
    size_conditioning: v1.SizeConditioning | Mapping[str, Any] | None
    negative_size_conditioning: v1.SizeConditioning | Mapping[str, Any] | None
    num_images: int | None
    seed: int | None
    steps: int | None
    sampler: str | None
    sigmas: str | None
    guidance_scale: float | None
    guidance_rescale: float | None
    eta: float | None
    denoising_end: float | None
    loras: LorasInput | None
    controls: Sequence[v1.Control | Mapping[str, Any]] | None
    image_prompts: Sequence[v1.ImagePrompt | Mapping[str, Any]] | None
    embeddings: Sequence[str] | None
    animation: v1.Animation | Mapping[str, Any] | None
    preview: v1.PreviewOptions | Mapping[str, Any] | None
    output: v1.OutputOptions | Mapping[str, Any] | None


#: How a job is treated: {"timeout": seconds, "priority": 1, "labels": {"team": "a"}, "expire_time": datetime}.
JobOptionsInput = v1.JobOptions | Mapping[str, Any]
