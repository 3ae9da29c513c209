"""Draws the loss curves of both trainings from their CSV logs.

    python curves.py --autoencoder work/autoencoder.csv --diffusion work/diffusion.csv --out ../pictograms/curves.png
"""

import argparse
import csv
import math
import pathlib

from PIL import Image, ImageDraw, ImageFont

COLOURS = ["#1f6feb", "#d1242f", "#1a7f37"]
WIDTH, HEIGHT, MARGIN = 460, 260, 44


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
    parser.add_argument("--autoencoder", type=pathlib.Path, required=True)
    parser.add_argument("--diffusion", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()

    panels = [
        panel("autoencoder: mean absolute error of pixels and edges", "step", read(args.autoencoder), ["pixel", "edge"]),
        panel("U-Net: loss, and squared error by noise level", "rows", read(args.diffusion), ["loss", "error_little_noise", "error_much_noise"]),
    ]
    page = Image.new("RGB", (WIDTH * len(panels), HEIGHT), "white")
    for index, one in enumerate(panels):
        page.paste(one, (index * WIDTH, 0))
    page.quantize(32).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
