"""The autoencoder: 64x64x3 pictures <-> 8x8x8 latents. Nothing that follows can be sharper than this.

    python train_autoencoder.py --pictures work/pictures.npz --out work/autoencoder.pt --minutes 14

Resumes from --out if it is there. It learns from every picture of both sets, not from the chosen concepts alone.
"""

import argparse
import pathlib

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import common

LATENT_CHANNELS = 8


def build() -> AutoencoderKL:
    return AutoencoderKL(
        sample_size=64,
        latent_channels=LATENT_CHANNELS,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[16, 32, 96, 128],
        layers_per_block=1,
        norm_num_groups=8,
        force_upcast=False,
    )


def draw(pixels: torch.Tensor, weights: torch.Tensor, count: int) -> torch.Tensor:
    """[count, 3, 64, 64] in -1..1: shifted, mirrored, and sometimes in other colours."""
    chosen = pixels[torch.multinomial(weights, count, replacement=True)].to(weights.device)
    batch = chosen.float() / 127.5 - 1
    edge = batch.shape[-1]
    dx, dy = torch.randint(0, 9, (2,)).tolist()
    batch = F.pad(batch, (4, 4, 4, 4), value=1.0)[:, :, dy : dy + edge, dx : dx + edge]
    mirrored = torch.rand(count, 1, 1, 1, device=batch.device) < 0.5
    batch = torch.where(mirrored, batch.flip(3), batch)
    recoloured = torch.rand(count, 1, 1, 1, device=batch.device) < 0.3
    batch = torch.where(recoloured, batch[:, torch.randperm(3)], batch)
    return batch.contiguous(memory_format=torch.channels_last)


def edges(picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return picture[..., :, 1:] - picture[..., :, :-1], picture[..., 1:, :] - picture[..., :-1, :]


def loss_of(model: AutoencoderKL, batch: torch.Tensor, kl_weight: float, frozen_encoder: bool):
    with torch.set_grad_enabled(not frozen_encoder):
        posterior = model.encode(batch).latent_dist
    decoded = model.decode(posterior.sample()).sample.float()  # [B, 3, 64, 64]
    pixel = (decoded - batch).abs().mean()
    edge = sum((a - b).abs().mean() for a, b in zip(edges(decoded), edges(batch)))
    kl = posterior.kl().float().mean() / posterior.mean[0].numel()
    return pixel + 0.5 * edge + kl_weight * kl, pixel, edge, kl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--kl", type=float, default=5e-4)
    parser.add_argument("--favoured", type=int, default=400, help="concepts that are drawn three times as often")
    parser.add_argument("--decoder-only", action="store_true", help="keep the latents as they are and sharpen the decoder")
    args = parser.parse_args()

    device = common.pick_device()
    pixels, records = common.load_pictures(args.pictures)
    weights = torch.tensor([3.0 if 0 <= r["rank"] < args.favoured else 1.0 for r in records], device=device)
    pixels = pixels.to(device)

    torch.manual_seed(0)
    model = build().to(device, memory_format=torch.channels_last)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=1e-3)
    ema = common.Ema(model, 0.995)
    step, spent = 0, 0.0
    if state := common.load(args.out, device):
        model.load_state_dict(state["model"])
        ema.module.load_state_dict(state["ema"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    torch.manual_seed(step)
    if args.decoder_only:
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    budget = common.Budget(args.minutes, spent)
    model.train()

    def checkpoint() -> None:
        common.save(args.out, {
            "model": model.state_dict(), "ema": ema.module.state_dict(), "optimiser": optimiser.state_dict(),
            "step": step, "spent": budget.spent,
        })

    with common.log(args.out.with_suffix(".csv"), ["step", "seconds", "pixel", "edge", "kl"]) as row:
        sums = torch.zeros(3, device=device)
        while not budget.over():
            for group in optimiser.param_groups:
                group["lr"] = args.rate * budget.rate(step)
            batch = draw(pixels, weights, args.batch)
            with common.bfloat16(device, cpu=False):  # its few channels are faster in float32 there
                loss, *parts = loss_of(model, batch, args.kl, args.decoder_only)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            step += 1
            ema.update(model, step)
            sums += torch.stack([part.detach() for part in parts])
            if step % 50 == 0:
                row(step, round(budget.spent, 1), *(sums / 50).tolist())
                sums.zero_()
            if step % 250 == 0:
                checkpoint()
    checkpoint()


if __name__ == "__main__":
    main()
