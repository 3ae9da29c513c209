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


def check_finite(weights: dict[str, torch.Tensor]) -> None:
    """That float16 holds all of them."""
    for name, value in weights.items():
        assert torch.isfinite(value).all(), name


def save_half(network: torch.nn.Module, folder: pathlib.Path) -> None:
    """Float16 safetensors and a config.json that does not name this machine's folders."""
    network.half()
    check_finite(network.state_dict())
    network.save_pretrained(folder)
    config = folder / "config.json"
    write_json(config, {k: v for k, v in json.loads(config.read_text(encoding="utf-8")).items() if k != "_name_or_path"})


def write_json(path: pathlib.Path, values: dict) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def check_size(folder: pathlib.Path, limit_mb: float) -> None:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    print(f"{size:.1f} MB in {folder}")
    assert size <= limit_mb


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
        save_half(network, args.export / folder)
    networks.build_scheduler().save_pretrained(args.export / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "_latentd_guidance_scale": draw.Recipe().guidance,
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
    write_json(args.export / "model_index.json", index)
    check_size(args.export, LIMIT_MB)


if __name__ == "__main__":
    main()
