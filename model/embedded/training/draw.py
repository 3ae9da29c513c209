"""Pictures from an exported folder, through diffusers, and sheets of them with their captions."""

import dataclasses
import pathlib

import torch
from diffusers import LCMScheduler, StableDiffusionPipeline
from PIL import Image, ImageDraw, ImageFont


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How pictures are made: `lora` is an LCM-LoRA's file, and goes with the sampler of consistency models."""

    steps: int = 25
    guidance: float = 4.0
    lora: pathlib.Path | None = None


def lcm_recipe(lora: pathlib.Path) -> Recipe:
    return Recipe(steps=4, guidance=1.0, lora=lora)


def load_pipeline(folder: pathlib.Path, lora: pathlib.Path | None = None) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    if lora:
        pipeline.load_lora_weights(lora.parent, weight_name=lora.name)
        pipeline.scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    return pipeline


def generate(pipeline: StableDiffusionPipeline, prompts: list[str], seeds: list[int], recipe: Recipe = Recipe(), batch: int = 25) -> list[Image.Image]:
    """One picture a prompt. A picture does not depend on its neighbours in the batch."""
    pictures = []
    for start in range(0, len(prompts), batch):
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds[start : start + batch]]
        pictures += pipeline(prompts[start : start + batch], num_inference_steps=recipe.steps, guidance_scale=recipe.guidance, generator=generators).images
    return pictures


def sheet(cells: list[tuple[str, list[Image.Image]]], columns: int, path: pathlib.Path) -> None:
    """A grid; each cell holds its pictures side by side and the caption below."""
    font = ImageFont.load_default(size=10)
    edge, text, gap = 64, 26, 6
    width = max(len(pictures) for _, pictures in cells) * edge + gap
    height = edge + text + gap
    rows = -(-len(cells) // columns)
    page = Image.new("RGB", (columns * width + gap, rows * height + gap), "white")
    pen = ImageDraw.Draw(page)
    for index, (caption, pictures) in enumerate(cells):
        x, y = gap + index % columns * width, gap + index // columns * height
        for offset, picture in enumerate(pictures):
            page.paste(picture, (x + offset * edge, y))
        lines, line = [], ""
        for word in caption.split():
            longer = f"{line} {word}".strip()
            if pen.textlength(longer, font=font) > width - gap and line:
                lines, line = [*lines, line], word
            else:
                line = longer
        pen.multiline_text((x, y + edge), "\n".join([*lines, line][:2]), fill="black", font=font, spacing=1)
    page.quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
