"""The same picture in another colour, so that colour words mean something beyond the names in the data.

A picture can be tinted when most of its coloured area has one hue (an apple, a car; not a rainbow).
"""

import numpy as np

import captions

# Hue in turns, factor on saturation, and what part of the way to full brightness.
TARGETS = {
    "red": (0.0, 1.0, 0.0), "orange": (0.075, 1.0, 0.15), "yellow": (0.14, 1.0, 0.35), "green": (0.35, 0.9, 0.0),
    "blue": (0.59, 1.0, 0.0), "purple": (0.76, 0.85, 0.0), "pink": (0.92, 0.5, 0.5),
}


def to_hsv(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[H, W, 3] in 0..1 -> hue in turns, saturation, value."""
    high, low = picture.max(-1), picture.min(-1)
    spread = np.maximum(high - low, 1e-6)
    red, green, blue = np.moveaxis(picture, -1, 0)
    hue = np.where(high == red, (green - blue) / spread, np.where(high == green, 2 + (blue - red) / spread, 4 + (red - green) / spread))
    return (hue / 6) % 1, np.where(high > 0, (high - low) / np.maximum(high, 1e-6), 0), high


def to_rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    sector = (np.array([5, 3, 1]) + hue[..., None] * 6) % 6
    return value[..., None] * (1 - saturation[..., None] * np.clip(np.minimum(sector, 4 - sector), 0, 1))


def distance(a: np.ndarray | float, b: float) -> np.ndarray | float:
    return np.abs((a - b + 0.5) % 1 - 0.5)


def main_hue(picture: np.ndarray) -> float | None:
    """The hue that most of the picture's coloured area has, if one does."""
    hue, saturation, value = to_hsv(picture)
    coloured = (saturation > 0.25) & (value > 0.25)
    drawn = picture.min(-1) < 0.94
    if coloured.sum() < 0.55 * drawn.sum() or coloured.sum() < 250:
        return None
    counts, edges = np.histogram(hue[coloured], bins=36, range=(0, 1))
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    peak = float(edges[int(smooth.argmax())]) + 1 / 72
    near = distance(hue[coloured], peak) < 0.1
    vivid = np.median(saturation[coloured][near]) > 0.4 and np.median(value[coloured][near]) > 0.5 if near.any() else False
    return peak if near.mean() > 0.7 and vivid else None


def tint(picture: np.ndarray, colour: str, peak: float) -> np.ndarray:
    """[H, W, 3] in 0..1 with the main hue moved to the colour's, shading kept."""
    hue, saturation, value = to_hsv(picture)
    target, strength, lift = TARGETS[colour]
    offset = (hue - peak + 0.5) % 1 - 0.5
    moved = (np.abs(offset) < 0.14) & (saturation > 0.08)
    hue = np.where(moved, (target + 0.4 * offset) % 1, hue)
    value = np.where(moved, value + lift * (1 - value), value)
    saturation = np.where(moved, saturation * strength, saturation)
    return to_rgb(hue, saturation, value)


def tints_of(record: dict, picture: np.ndarray, taken: set[str]) -> list[tuple[dict, np.ndarray]]:
    """Every tint of one uint8 picture that training may see; `taken` holds the names that real pictures have."""
    scaled = picture.astype(np.float32) / 255
    peak = main_hue(scaled)
    name = captions.bare(record["name"])
    if peak is None or not name or captions.is_person(record["name"]):
        return []
    made = []
    for colour in captions.COLOURS:
        if distance(TARGETS[colour][0], peak) < 0.06 or f"{colour} {name}" in taken or (colour, name) in captions.HELD_OUT:
            continue
        pixels = (tint(scaled, colour, peak) * 255 + 0.5).clip(0, 255).astype(np.uint8)
        made.append(({**record, "colour": colour}, pixels))
    return made
