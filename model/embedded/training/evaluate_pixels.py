"""Draws faces with the pixel model, and says how far they are from the pictures it learnt from.

    python evaluate_pixels.py --model ../pictograms-pixels --pictures work/pictures.npz --sheet ../pictograms-pixels/drawn.png

Picture i is drawn from seed i, in 100 steps of DDPM. Two figures are printed: the mean distance (root mean square of grey levels) from a drawn
picture to the nearest training picture, and the same from a training picture to the nearest other one. A model that makes
variations of its own has both alike; copies have a first figure near 0.
"""

import argparse
import pathlib

import numpy as np
import torch
from diffusers import DDPMPipeline
from PIL import Image

import draw
import train_pixels

COUNT = 40
ENLARGED = 2


def distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """[N, 3, h, w] and [M, 3, h, w] in [-1, 1] -> [N, M] in grey levels."""
    return torch.cdist(a.flatten(1), b.flatten(1)) * (127.5 / a[0].numel() ** 0.5)


def to_tensor(pictures: list[Image.Image]) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_image(pixels: torch.Tensor) -> Image.Image:
    return Image.fromarray(((pixels + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())


def enlarged(picture: Image.Image) -> Image.Image:
    return picture.resize((train_pixels.EDGE * ENLARGED,) * 2, Image.Resampling.NEAREST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--sheet", type=pathlib.Path)
    args = parser.parse_args()

    pipeline = DDPMPipeline.from_pretrained(args.model, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in range(COUNT)]
    drawn = pipeline(batch_size=COUNT, generator=generators, num_inference_steps=args.steps).images

    training = train_pixels.load_pictures(args.pictures)
    to_training, order = distances(to_tensor(drawn), training).min(1)
    among = distances(training, training).fill_diagonal_(float("inf")).min(1).values
    print(f"from a drawn picture to the nearest training picture: {to_training.mean():.1f} (least {to_training.min():.1f})")
    print(f"from a training picture to the nearest other: {among.mean():.1f} (least {among.min():.1f})")
    if args.sheet:
        cells = [(f"seed {i}", [enlarged(picture), enlarged(to_image(training[order[i]]))]) for i, picture in enumerate(drawn)]
        draw.sheet(cells, 8, args.sheet)


if __name__ == "__main__":
    main()
