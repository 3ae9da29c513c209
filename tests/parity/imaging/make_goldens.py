"""Makes tests/golden/imaging: image files of every kind, and what Pillow and diffusers make of them.

    python tests/parity/imaging/make_goldens.py        (packages: tests/parity/requirements.txt)

files/    images, and bad/ those that must be refused
cases.json, pixels.bin    what comes out: the size, the SHA-256 of the bytes, and, when there are few, where the bytes
          themselves begin in pixels.bin, so that a difference can be looked at

A picture is loaded as diffusers' load_image does it; "resize" is Pillow's Image.resize, "fit" and "mask" are diffusers'
VaeImageProcessor; "transparency" is Pillow's alpha.
"""

import hashlib
import io
import json
import pathlib
import warnings

import numpy as np
from diffusers.image_processor import VaeImageProcessor
from diffusers.utils import load_image
from PIL import Image, ImageOps

from bad_sources import all_bad_files
from sources import all_files, noise, saved, scene

OUT = pathlib.Path(__file__).resolve().parents[2] / "golden" / "imaging"
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4}
LARGEST_KEPT = 700  # bytes

pixels = bytearray()


def expected(values, largest_kept=LARGEST_KEPT):
    """[height, width(, 3)] as an entry of cases.json."""
    data = np.ascontiguousarray(values).tobytes()
    entry = {"width": values.shape[1], "height": values.shape[0], "sha256": hashlib.sha256(data).hexdigest()}
    if len(data) <= largest_kept:
        entry["offset"] = len(pixels)
        pixels.extend(data)
    return entry


def resize_sources():
    """Sizes: odd and even, one pixel wide, prime."""
    return {"noise.png": noise(20, 23, 37, 3), "large.png": scene(120, 90), "line.png": noise(21, 1, 64, 3),
            "column.png": noise(22, 50, 1, 3), "square.png": noise(23, 16, 16, 3), "tall.png": noise(24, 61, 9, 3)}


def resize_cases(pictures):
    sizes = [(74, 46), (37, 40), (50, 23), (16, 9), (5, 3), (1, 1), (37, 1), (1, 23), (38, 24), (36, 22), (128, 8),
             (300, 200)]
    wanted = [("noise.png", size) for size in sizes]
    wanted += [("large.png", size) for size in ((512, 512), (64, 64), (60, 45), (53, 97), (119, 89), (2, 90))]
    wanted += [("line.png", (10, 7)), ("line.png", (100, 1)), ("column.png", (3, 120)), ("column.png", (1, 7)),
               ("square.png", (8, 8)), ("square.png", (17, 15)), ("tall.png", (512, 64))]
    rng = np.random.default_rng(30)
    wanted += [("noise.png", tuple(int(n) for n in rng.integers(1, 90, 2))) for _ in range(20)]
    for name, size in wanted:
        for filter_name, number in FILTERS.items():
            picture = Image.fromarray(pictures[name])
            yield {"file": name, "filter": number, **expected(np.asarray(picture.resize(size, number)))}


def fit_cases(pictures):
    targets = [(64, 48), (48, 64), (32, 32), (24, 40), (512, 8)]
    for name in ("noise.png", "square.png", "tall.png", "large.png", "line.png", "column.png"):
        picture = Image.fromarray(pictures[name])
        for width, height in targets:
            for mode in ("default", "crop", "fill"):
                for resample in ("lanczos", "bicubic"):
                    processor = VaeImageProcessor(vae_scale_factor=8, resample=resample)
                    try:
                        result = processor.resize(picture, height, width, resize_mode=mode)
                    except ValueError:  # an edge vanishes
                        continue
                    yield {"file": name, "mode": mode, "filter": FILTERS[resample], **expected(np.asarray(result))}


def mask_cases(pictures):
    processor = VaeImageProcessor(vae_scale_factor=8, do_normalize=False, do_binarize=True, do_convert_grayscale=True)
    for name in ("noise.png", "large.png", "tall.png"):
        picture = Image.fromarray(pictures[name])
        yield {"file": name, "kind": "grey", **expected(np.asarray(picture.convert("L")))}
        for width, height in ((64, 48), (16, 24), picture.size):
            width, height = width - width % 8, height - height % 8
            mask = processor.preprocess(picture, height=height, width=width)[0, 0].numpy()
            assert set(np.unique(mask)) <= {0, 1}
            yield {"file": name, "kind": "mask", **expected((mask * 255).astype(np.uint8))}
        for number in FILTERS.values():  # a plane of its own
            grey = picture.convert("L").resize((50, 17), number)
            yield {"file": name, "kind": "resized grey", "filter": number, **expected(np.asarray(grey))}


def transparency_cases(files):
    """White where a PNG file's alpha is 0."""
    for name, content in files:
        picture = Image.open(io.BytesIO(content))
        if picture.format == "PNG" and picture.has_transparency_data:
            alpha = np.asarray(ImageOps.exif_transpose(picture).convert("RGBA"))[:, :, 3:]
            yield {"file": name, **expected(np.where(alpha == 0, 255, 0).astype(np.uint8).repeat(3, axis=2))}


def write(folder, name, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def main():
    warnings.simplefilter("ignore")  # Pillow's about broken metadata
    cases = {"decode": [], "refused": []}
    for name, content in all_files():
        write(OUT / "files", name, content)
        picture = load_image(Image.open(io.BytesIO(content)))
        cases["decode"].append({"file": name, **expected(np.asarray(picture), 3000)})
    for name, content, words in all_bad_files():
        write(OUT / "bad", name, content)
        cases["refused"].append({"file": name, "words": words})
    pictures = resize_sources()
    for name, picture in pictures.items():
        write(OUT / "resize", name, saved(picture, "PNG", optimize=True))
    cases["resize"] = list(resize_cases(pictures))
    cases["fit"] = list(fit_cases(pictures))
    cases["mask"] = list(mask_cases(pictures))
    cases["transparency"] = list(transparency_cases(all_files()))
    write(OUT, "pixels.bin", bytes(pixels))
    lines = [f' "{kind}": [\n' + ",\n".join("  " + json.dumps(case) for case in some) + "\n ]"
             for kind, some in cases.items()]
    (OUT / "cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
