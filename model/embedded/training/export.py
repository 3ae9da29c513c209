"""Puts the trained networks into diffusers' layout, float16: the folder that latentd and diffusers both load.

    python export.py --diffusion work/diffusion.pt --export export

`vae/` comes from encode.py and `tokenizer/` from make_tokenizer.py; both are expected in --export.
"""

import argparse
import json
import pathlib

import diffusers
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

import common
import draw
import networks

LIMIT_MB = 40


def tidy(config: pathlib.Path) -> None:
    """Drops what names this machine's folders."""
    values = {k: v for k, v in json.loads(config.read_text(encoding="utf-8")).items() if k != "_name_or_path"}
    config.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--diffusion", type=pathlib.Path, required=True)
    parser.add_argument("--export", type=pathlib.Path, required=True)
    parser.add_argument("--untrained", action="store_true", help="random weights, to try the layout")
    args = parser.parse_args()

    tokenizer = CLIPTokenizer.from_pretrained(args.export / "tokenizer")
    vae = AutoencoderKL.from_pretrained(args.export / "vae")
    text = networks.build_text_encoder(tokenizer.get_vocab(), tokenizer.model_max_length)
    unet = networks.build_unet(vae.config.latent_channels)
    if not args.untrained:
        torch.nn.ModuleDict({"text": text, "unet": unet}).load_state_dict(common.load(args.diffusion, torch.device("cpu"))["ema"])
    for folder, network in (("vae", vae), ("unet", unet), ("text_encoder", text)):
        half = network.half()
        assert all(torch.isfinite(value).all() for value in half.state_dict().values()), folder
        half.save_pretrained(args.export / folder)
        tidy(args.export / folder / "config.json")
    networks.build_scheduler().save_pretrained(args.export / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "_latentd_guidance_scale": draw.GUIDANCE,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (args.export / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in args.export.rglob("*") if file.is_file()) / 1e6
    print(f"{size:.1f} MB in {args.export}")
    assert size <= LIMIT_MB


if __name__ == "__main__":
    main()
