"""The pictures: two emoji sets, rasterised on white, one array for all of them.

    python data.py --packages node_modules --out work/pictures.npz

The file holds `pixels` [N, 64, 64, 3] uint8 and one JSON record a picture: code, name, style, keywords, and the rank of
its concept (0 is the first line of concepts.txt; -1: no concept, but still good material for the autoencoder).
"""

import argparse
import io
import json
import pathlib
import unicodedata

import numpy as np
import resvg_py
from PIL import Image

SIZE = 64
OVERSAMPLE = 4
STYLES = {"noto": "@iconify-json/noto", "flat": "@iconify-json/fluent-emoji-flat"}
SKIN_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}
# Emojibase's groups: 2 holds parts of emoji, 9 flags.
SKIPPED_GROUPS = {None, 2, 9}
SKIPPED_WORDS = ("keycap", "o’clock", "-thirty", "button", "input ", "Japanese “", "facing right", "blood type")


def normalise(code: str) -> str:
    """One spelling for one emoji: lower case, without variation selectors."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def code_of(emoji: str) -> str:
    return normalise("-".join(f"{ord(c):x}" for c in emoji))


def split_emoji(line: str) -> list[str]:
    """Cuts a line of emoji into emoji: joiners and selectors stay with what they join."""
    parts: list[str] = []
    for char in line:
        joined = parts and (char in "\u200d\ufe0f" or parts[-1].endswith("\u200d"))
        if joined:
            parts[-1] += char
        elif not char.isspace() and unicodedata.category(char) != "Cc":
            parts.append(char)
    return parts


def concept_codes(path: pathlib.Path, everything: list[dict]) -> list[str]:
    """Codes in order of importance: the curated list, then the rest of Unicode's."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    curated = [code_of(emoji) for line in lines for emoji in split_emoji(line)]
    rest = [
        normalise(item["hexcode"])
        for item in sorted(everything, key=lambda item: item.get("order", 1 << 20))
        if item.get("group") not in SKIPPED_GROUPS and not any(word in item["label"] for word in SKIPPED_WORDS)
    ]
    return list(dict.fromkeys(curated + rest))


def rasterise(body: str, width: int, height: int) -> np.ndarray:
    """SVG body -> [SIZE, SIZE, 3] uint8 on white."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width} {height}">{body}</svg>'
    edge = SIZE * OVERSAMPLE
    png = resvg_py.svg_to_bytes(svg_string=svg, width=edge, height=edge, background="#ffffff")
    picture = Image.open(io.BytesIO(bytes(png))).convert("RGB")
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BOX))


def read_set(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Code -> picture, for one icon set, without skin tones."""
    icons = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
    codes = json.loads((folder / "chars.json").read_text(encoding="utf-8"))
    side = (icons.get("width", 32), icons.get("height", 32))
    pictures: dict[str, np.ndarray] = {}
    for code, name in codes.items():
        code = normalise(code)
        icon = icons["icons"].get(name)
        if icon is None or code in pictures or SKIN_TONES & set(code.split("-")):
            continue
        pictures[code] = rasterise(icon["body"], icon.get("width", side[0]), icon.get("height", side[1]))
    return pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, default=pathlib.Path("node_modules"))
    parser.add_argument("--concepts-file", type=pathlib.Path, default=pathlib.Path(__file__).with_name("concepts.txt"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()

    everything = json.loads((args.packages / "emojibase-data/en/data.json").read_text(encoding="utf-8"))
    labels = {normalise(item["hexcode"]): item for item in everything}
    annotations = json.loads((args.packages / "cldr-annotations-full/annotations/en/annotations.json").read_text(encoding="utf-8"))
    keywords = {code_of(char): entry.get("default", []) for char, entry in annotations["annotations"]["annotations"].items()}

    sets = {style: read_set(args.packages / package) for style, package in STYLES.items()}
    in_all = set.intersection(*(set(pictures) for pictures in sets.values()))
    order = [code for code in concept_codes(args.concepts_file, everything) if code in in_all and code in labels]
    rank = {code: index for index, code in enumerate(order)}

    records, pixels = [], []
    for style, pictures in sets.items():
        for code, picture in pictures.items():
            label = labels.get(code, {})
            records.append({
                "code": code, "style": style, "rank": rank.get(code, -1), "name": label.get("label", ""),
                "keywords": keywords.get(code, label.get("tags", [])),
            })
            pixels.append(picture)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.out, pixels=np.stack(pixels), records=json.dumps(records, ensure_ascii=False))
    print(f"{len(pixels)} pictures, {len(order)} concepts in both styles -> {args.out}")


if __name__ == "__main__":
    main()
