"""Writes the trained LCM-LoRA as one float16 file in diffusers' key style.

    python export_lcm.py --lcm work/lcm.pt --out ../adapters/pictograms-lcm.safetensors

Keys are `unet.<layer>.lora_A.weight` and `lora_B.weight`. No alpha is written: alpha is the rank, and so every reader takes it.
"""

import argparse
import pathlib

import safetensors.torch
import torch

import common
import export


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lcm", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()

    averaged = common.load(args.lcm, torch.device("cpu"))["ema"]
    weights = {f"unet.{name.replace('.default.', '.')}": value.half().contiguous() for name, value in averaged.items()}
    export.check_finite(weights)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(weights, args.out, metadata={"format": "pt"})
    print(f"{len(weights)} tensors, {args.out.stat().st_size / 1e6:.1f} MB in {args.out}")


if __name__ == "__main__":
    main()
