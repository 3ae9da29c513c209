"""How many of 100 pictures are nearest to their own caption's training picture: prints the figure, writes the sheet.

    python evaluate.py --model ../pictograms --pictures work/pictures.npz --sheet ../pictograms/retrieval.png
    python evaluate.py --model ../pictograms --pictures work/pictures.npz --lora ../adapters/pictograms-lcm.safetensors     at 4 steps
    python evaluate.py … --save DIR, then with the LoRA --beside DIR    how far its pictures are from those of 25 steps
    python evaluate.py --model ../pictograms --list > prompts.txt          the captions and seeds, to draw them elsewhere
    python evaluate.py --model ../pictograms --pictures work/pictures.npz --drawn DIR    judges DIR/00.png … DIR/99.png

A picture is nearest when, among the 100 training pictures, its own has the smallest Euclidean distance between the
means that the VAE's encoder gives. Caption i is drawn with seed i, 25 DDIM steps and guidance 4; with an LCM-LoRA, 4 steps of
its sampler and guidance 1.
"""

import argparse
import dataclasses
import pathlib
import random

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image

import common
import draw

COUNT = 100


def chosen_captions(model: pathlib.Path) -> list[tuple[str, str, str]]:
    """(code, style, caption) of 100 training pictures, always the same ones."""
    lines = (model / "captions.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return random.Random(0).sample([tuple(line.split("\t")[:3]) for line in lines], COUNT)


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: list[Image.Image]) -> torch.Tensor:
    """[N, C * h * w] posterior means."""
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2).float() / 127.5 - 1
    return torch.cat([vae.encode(part).latent_dist.mean for part in pixels.split(25)]).flatten(1)


def read_pictures(folder: pathlib.Path) -> list[Image.Image]:
    return [Image.open(folder / f"{i:02d}.png").convert("RGB") for i in range(COUNT)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--lora", type=pathlib.Path, help="an LCM-LoRA to draw with")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--drawn", type=pathlib.Path, help="a folder of 00.png … 99.png instead of drawing here")
    parser.add_argument("--list", action="store_true", help="print number, seed and caption, and end")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture")
    parser.add_argument("--save", type=pathlib.Path, help="a folder for 00.png … 99.png")
    parser.add_argument("--beside", type=pathlib.Path, help="a folder of pictures of the same captions, to say how far these are from them")
    parser.add_argument("--sheet", type=pathlib.Path)
    args = parser.parse_args()

    chosen = chosen_captions(args.model)
    if args.list:
        for index, (_, _, caption) in enumerate(chosen):
            print(f"{index:02d}\t{index}\t{caption}")
        return
    pixels, records = common.load_pictures(args.pictures)
    place = {(r["code"], r["style"]): i for i, r in enumerate(records)}
    originals = [Image.fromarray(pixels[place[code, style]].permute(1, 2, 0).numpy()) for code, style, _ in chosen]
    if args.drawn:
        drawn = read_pictures(args.drawn)
    else:
        asked = {name: value for name, value in (("steps", args.steps), ("guidance", args.guidance)) if value is not None}
        recipe = dataclasses.replace(draw.lcm_recipe(args.lora) if args.lora else draw.Recipe(), **asked)
        drawn = draw.generate(draw.load_pipeline(args.model, args.lora), [caption for _, _, caption in chosen], list(range(args.seed, args.seed + COUNT)), recipe)

    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
        for index, picture in enumerate(drawn):
            picture.save(args.save / f"{index:02d}.png")

    vae = AutoencoderKL.from_pretrained(args.model / "vae", dtype=torch.float32)
    means = encode(vae, drawn)
    distances = torch.cdist(means, encode(vae, originals))  # [drawn, originals]
    order = distances.argsort(1)
    rank = (order == torch.arange(COUNT)[:, None]).int().argmax(1)
    for index in (rank > 0).nonzero().flatten().tolist():
        print(f"missed: {chosen[index][2]!r} is nearer to {chosen[order[index, 0]][2]!r} (own picture is number {rank[index] + 1})")
    print(f"nearest is the own picture: {(rank == 0).sum()} of {COUNT}; among the nearest five: {(rank < 5).sum()}")
    if args.beside:
        apart = (means - encode(vae, read_pictures(args.beside))).square().mean(1).sqrt()
        print(f"from the pictures beside them: {apart.mean():.3f} (root mean square of latents, whose deviation is 1; mean of {COUNT})")
    if args.sheet:
        cells = [(caption, [picture, original]) for (_, _, caption), picture, original in zip(chosen, drawn, originals)]
        draw.sheet(cells, 10, args.sheet)


if __name__ == "__main__":
    main()
