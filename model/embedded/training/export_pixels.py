"""Puts the trained pixel model into diffusers' layout, float16.

    python export_pixels.py --pixels work/pixels.pt --export ../pictograms-pixels
"""

import argparse
import pathlib

import diffusers
import torch

import common
import export
import train_pixels

LIMIT_MB = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pixels", type=pathlib.Path, required=True)
    parser.add_argument("--export", type=pathlib.Path, required=True)
    args = parser.parse_args()

    unet = train_pixels.build_unet()
    unet.load_state_dict(common.load(args.pixels, torch.device("cpu"))["ema"])
    export.save_half(unet, args.export / "unet")
    train_pixels.build_scheduler().save_pretrained(args.export / "scheduler")
    export.write_json(args.export / "model_index.json", {
        "_class_name": "DDPMPipeline",
        "_diffusers_version": diffusers.__version__,
        "scheduler": ["diffusers", "DDPMScheduler"],
        "unet": ["diffusers", "UNet2DModel"],
    })
    export.check_size(args.export, LIMIT_MB)


if __name__ == "__main__":
    main()
