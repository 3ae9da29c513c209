"""Pictures as ComfyUI has them, float32 tensors from 0 to 1, and as Pillow has them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image

from .explain import GenerationError


def to_picture(images: torch.Tensor, node: str) -> Image.Image:
    """The one picture of an IMAGE [B, H, W, C]; transparency is left out."""
    if images.shape[0] != 1:
        raise GenerationError(f"{node} takes one picture, not a batch of {images.shape[0]}")
    return Image.fromarray(_bytes(images[0, :, :, :3]).numpy(), "RGB")


def to_mask(masks: torch.Tensor, node: str) -> Image.Image:
    """The one mask of a MASK [B, H, W] (or [H, W]); 1 is white: redraw."""
    masks = masks.reshape(-1, *masks.shape[-2:])
    if masks.shape[0] != 1:
        raise GenerationError(f"{node} takes one mask, not a batch of {masks.shape[0]}")
    return Image.fromarray(_bytes(masks[0]).numpy(), "L")


def to_images(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """An IMAGE [B, H, W, 3] of pictures of one size."""
    return torch.stack([_tensor(picture.convert("RGB")) for picture in pictures])


def _tensor(picture: Image.Image) -> torch.Tensor:
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return pixels.reshape(picture.height, picture.width, 3).to(torch.float32) / 255


def _bytes(values: torch.Tensor) -> torch.Tensor:
    return (values.detach().cpu().to(torch.float32).clamp(0, 1) * 255).round().to(torch.uint8).contiguous()
