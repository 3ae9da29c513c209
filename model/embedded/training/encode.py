"""From the trained autoencoder to what the diffusion model learns from.

    python encode.py --pictures work/pictures.npz --autoencoder work/autoencoder.pt --concepts 400 --out work/latents.pt --export export

Each latent channel gets mean 0 and deviation 1 over the chosen pictures. That affine map is folded into the
autoencoder's 1x1 convolutions at the bottleneck, so the exported VAE is an ordinary one with scaling_factor 1.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--autoencoder", type=pathlib.Path, required=True)
    parser.add_argument("--concepts", type=int, default=400)
    parser.add_argument("--tints", type=int, default=7, help="recoloured copies of a picture at most")
    parser.add_argument("--statistics", type=pathlib.Path, help="latents whose mean and deviation to keep, when widening a trained model")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--export", type=pathlib.Path, required=True)
    args = parser.parse_args()

    device = common.pick_device()
    pixels, records = common.load_pictures(args.pictures)
    pictures = pixels.permute(0, 2, 3, 1).numpy()
    chosen = [i for i, r in enumerate(records) if 0 <= r["rank"] < args.concepts]
    taken = {captions.clean(records[i]["name"]) for i in chosen}
    kept = [(records[i], pictures[i]) for i in chosen]
    rng = random.Random(0)
    tinted = []
    for record, picture in kept:
        possible = tints.tints_of(record, picture, taken)
        tinted += rng.sample(possible, min(args.tints, len(possible)))

    vae = train_autoencoder.build().to(device, memory_format=torch.channels_last).eval()
    vae.load_state_dict(common.load(args.autoencoder, device)["ema"])
    plain = encode(vae, np.stack([p for _, p in kept]), device)
    if args.statistics:
        earlier = torch.load(args.statistics, weights_only=True)
        mean, std = earlier["mean"], earlier["std"]
    else:
        mean, std = plain.mean((0, 2, 3)), plain.std((0, 2, 3))
    fold(vae, mean, std)
    vae.register_to_config(scaling_factor=1.0)
    latents = encode(vae, np.stack([p for _, p in kept + tinted]), device)
    assert torch.allclose(latents[: len(kept)], (plain - mean[:, None, None]) / std[:, None, None], atol=1e-2)
    everything = [record for record, _ in kept + tinted]
    vae.save_pretrained(args.export / "vae")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows = ["\t".join([r["code"], r["style"], captions.target_caption(r), *captions.names_of(r)]) for r, _ in kept]
    (args.export / "captions.tsv").write_text("\n".join(["code\tstyle\tcaption\tnames", *rows, ""]), encoding="utf-8")
    torch.save({"latents": latents, "records": json.dumps(everything), "mean": mean, "std": std}, args.out)
    print(f"{len(kept)} pictures and {len(tinted)} tints; before folding, mean {mean.tolist()}, deviation {std.tolist()}")


if __name__ == "__main__":
    main()
