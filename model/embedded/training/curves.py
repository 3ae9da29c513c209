"""Draws the loss curves of trainings from their CSV logs, one panel for each log that is given.

    python curves.py --autoencoder work/autoencoder.csv --diffusion work/diffusion.csv --out ../pictograms/curves.png
    python curves.py --pixels work/pixels.csv --out ../pictograms-pixels/curves.png
    python curves.py --lcm work/lcm.csv --out ../adapters/pictograms-lcm-curve.png
"""

import argparse
import csv
import math
import pathlib

from PIL import Image, ImageDraw, ImageFont

COLOURS = ["#1f6feb", "#d1242f", "#1a7f37"]
WIDTH, HEIGHT, MARGIN = 460, 260, 44
# Log -> title, what counts to the right, columns.
PANELS = {
    "autoencoder": ("autoencoder: mean absolute error of pixels and edges", "step", ["pixel", "edge"]),
    "diffusion": ("U-Net: loss, and squared error by noise level", "rows", ["loss", "error_little_noise", "error_much_noise"]),
    "pixels": ("pixel U-Net: squared error by noise level", "rows", ["loss", "error_little_noise", "error_much_noise"]),
    "lcm": ("LCM-LoRA: disagreement one solver step apart", "rows", ["loss"]),
}


def read(path: pathlib.Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def panel(title: str, across: str, columns: dict[str, list[float]], names: list[str]) -> Image.Image:
    """Logarithmic upwards, linear to the right."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=11)
    values = [v for name in names for v in columns[name]]
    low, high = math.log10(min(values)), math.log10(max(values))
    right = max(columns[across])
    for tick in range(6):
        level = low + (high - low) * tick / 5
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * tick / 5
        pen.line([(MARGIN, y), (WIDTH - 10, y)], fill="#dddddd")
        pen.text((4, y - 7), f"{10**level:.3f}", fill="black", font=font)
    for index, name in enumerate(names):
        points = [
            (MARGIN + (WIDTH - MARGIN - 10) * x / right, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (math.log10(v) - low) / max(high - low, 1e-9))
            for x, v in zip(columns[across], columns[name])
        ]
        pen.line(points, fill=COLOURS[index], width=2)
        pen.text((MARGIN + 130 * index, HEIGHT - 20), name.replace("_", " "), fill=COLOURS[index], font=font)
    pen.text((MARGIN, 8), title, fill="black", font=font)
    pen.text((WIDTH - 150, HEIGHT - MARGIN + 6), f"{across}: 0 to {right:,.0f}", fill="black", font=font)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in PANELS:
        parser.add_argument(f"--{name}", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()

    logs = {name: getattr(args, name) for name in PANELS if getattr(args, name)}
    if not logs:
        parser.error("no log is given")
    panels = [panel(PANELS[name][0], PANELS[name][1], read(log), PANELS[name][2]) for name, log in logs.items()]
    page = Image.new("RGB", (WIDTH * len(panels), HEIGHT), "white")
    for index, one in enumerate(panels):
        page.paste(one, (index * WIDTH, 0))
    page.quantize(32).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
