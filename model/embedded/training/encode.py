"""From the trained autoencoder to what the diffusion model learns from.

    python encode.py --pictures work/pictures.npz --autoencoder work/autoencoder.pt --concepts 400 --out work/latents.pt --export export
    python encode.py --pictures work/pictures.npz --model ../pictograms --concepts 320 --out work/latents.pt

The first begins a model: each latent channel gets mean 0 and deviation 1 over the chosen pictures. That affine map is folded
into the autoencoder's 1x1 convolutions at the bottleneck, so the exported VAE is an ordinary one with scaling_factor 1.
The second encodes for a model that is exported already, with its VAE as it is: for train_lcm.py.
"""

import argparse
import json
import pathlib
import random

import numpy as np
import torch
from diffusers import AutoencoderKL

import captions
import common
import tints
import train_autoencoder


def encode(vae: AutoencoderKL, pictures: np.ndarray, device: torch.device, batch: int = 64) -> torch.Tensor:
    """[N, 64, 64, 3] uint8 -> posterior means [N, C, 16, 16] float32."""
    means = []
    with torch.no_grad():
        for part in np.array_split(pictures, max(1, len(pictures) // batch)):
            pixels = torch.from_numpy(part).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
            means.append(vae.encode(pixels.contiguous(memory_format=torch.channels_last)).latent_dist.mean.cpu())
    return torch.cat(means)


@torch.no_grad()
def fold(vae: AutoencoderKL, mean: torch.Tensor, std: torch.Tensor) -> None:
    """Makes z' = (z - mean) / std the latent: the encoder's last convolution scales, the decoder's first undoes it."""
    channels = len(mean)
    scale = torch.cat([1 / std, torch.ones(channels)]).to(vae.quant_conv.weight)
    shift = torch.cat([-mean / std, -2 * std.log()]).to(vae.quant_conv.weight)  # the second half is the log variance
    vae.quant_conv.weight.mul_(scale[:, None, None, None])
    vae.quant_conv.bias.mul_(scale).add_(shift)
    weight = vae.post_quant_conv.weight  # [C, C, 1, 1]
    vae.post_quant_conv.bias.add_(weight[:, :, 0, 0] @ mean.to(weight))
    weight.mul_(std.to(weight)[None, :, None, None])


def choose(path: pathlib.Path, concepts: int, tints_each: int) -> tuple[list[tuple[dict, np.ndarray]], list[tuple[dict, np.ndarray]]]:
    """The pictures of the first `concepts` concepts, and recoloured copies of them, each with its record."""
    pixels, records = common.load_pictures(path)
    pictures = pixels.permute(0, 2, 3, 1).numpy()
    kept = [(record, picture) for record, picture in zip(records, pictures) if 0 <= record["rank"] < concepts]
    taken = {captions.clean(record["name"]) for record, _ in kept}
    rng = random.Random(0)
    tinted = []
    for record, picture in kept:
        possible = tints.tints_of(record, picture, taken)
        tinted += rng.sample(possible, min(tints_each, len(possible)))
    return kept, tinted


def normalise(vae: AutoencoderKL, pictures: np.ndarray, statistics: pathlib.Path | None, device: torch.device) -> dict[str, torch.Tensor]:
    """Gives the latents of `pictures` mean 0 and deviation 1, or those of earlier latents; returns what was folded in."""
    plain = encode(vae, pictures, device)
    if statistics:
        earlier = torch.load(statistics, weights_only=True)
        mean, std = earlier["mean"], earlier["std"]
    else:
        mean, std = plain.mean((0, 2, 3)), plain.std((0, 2, 3))
    fold(vae, mean, std)
    vae.register_to_config(scaling_factor=1.0)
    assert torch.allclose(encode(vae, pictures, device), (plain - mean[:, None, None]) / std[:, None, None], atol=1e-2)
    print(f"before folding, mean {mean.tolist()}, deviation {std.tolist()}")
    return {"mean": mean, "std": std}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--autoencoder", type=pathlib.Path, help="checkpoint of train_autoencoder.py; needs --export")
    source.add_argument("--model", type=pathlib.Path, help="an exported folder, whose VAE is taken as it is")
    parser.add_argument("--concepts", type=int, default=400)
    parser.add_argument("--tints", type=int, default=7, help="recoloured copies of a picture at most")
    parser.add_argument("--statistics", type=pathlib.Path, help="latents whose mean and deviation to keep, when widening a trained model")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--export", type=pathlib.Path, help="where vae/ and captions.tsv go")
    args = parser.parse_args()
    if (args.autoencoder is None) != (args.export is None):
        parser.error("--autoencoder and --export belong together")

    device = common.pick_device()
    kept, tinted = choose(args.pictures, args.concepts, args.tints)
    statistics: dict[str, torch.Tensor] = {}
    if args.model:
        vae = AutoencoderKL.from_pretrained(args.model / "vae", dtype=torch.float32).to(device, memory_format=torch.channels_last).eval()
    else:
        vae = train_autoencoder.build().to(device, memory_format=torch.channels_last).eval()
        vae.load_state_dict(common.load(args.autoencoder, device)["ema"])
        statistics = normalise(vae, np.stack([p for _, p in kept]), args.statistics, device)
    latents = encode(vae, np.stack([p for _, p in kept + tinted]), device)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"latents": latents, "records": json.dumps([record for record, _ in kept + tinted]), **statistics}, args.out)
    if args.export:
        vae.save_pretrained(args.export / "vae")
        rows = ["\t".join([r["code"], r["style"], captions.target_caption(r), *captions.names_of(r)]) for r, _ in kept]
        (args.export / "captions.tsv").write_text("\n".join(["code\tstyle\tcaption\tnames", *rows, ""]), encoding="utf-8")
    deviation = latents[: len(kept)].std((0, 2, 3))
    print(f"{len(kept)} pictures and {len(tinted)} tints; deviation of the latents {deviation.min():.3f} to {deviation.max():.3f}")


if __name__ == "__main__":
    main()
