"""The autoencoder: 64x64x3 pictures <-> 16x16x8 latents. Nothing that follows can be sharper than this.

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
    model = AutoencoderKL(
        sample_size=64,
        latent_channels=LATENT_CHANNELS,
        down_block_types=["DownEncoderBlock2D"] * 3,
        up_block_types=["UpDecoderBlock2D"] * 3,
        block_out_channels=[32, 32, 64],
        layers_per_block=1,
        norm_num_groups=8,
        force_upcast=False,
    )
    common.start_linear(model)
    return model


def draw(pixels: torch.Tensor, weights: torch.Tensor, count: int, crop: int) -> torch.Tensor:
    """[count, 3, crop, crop] in -1..1: one cut from each picture, mirrored, and sometimes in other colours."""
    chosen = pixels[torch.multinomial(weights, count, replacement=True)].to(weights.device)
    batch = F.pad(chosen.float() / 127.5 - 1, (4, 4, 4, 4), value=1.0)
    room = batch.shape[-1] - crop
    # A cut keeps away from the empty corners: the mean of two draws is more often in the middle.
    corners = (torch.randint(0, room + 1, (2, count, 2)).sum(0) // 2).tolist()
    batch = torch.stack([picture[:, y : y + crop, x : x + crop] for picture, (y, x) in zip(batch, corners)])
    mirrored = torch.rand(count, 1, 1, 1, device=batch.device) < 0.5
    batch = torch.where(mirrored, batch.flip(3), batch)
    recoloured = torch.rand(count, 1, 1, 1, device=batch.device) < 0.2
    return torch.where(recoloured, batch[:, torch.randperm(3)], batch).contiguous(memory_format=common.layout(batch.device))


def edges(picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return picture[..., :, 1:] - picture[..., :, :-1], picture[..., 1:, :] - picture[..., :-1, :]


def loss_of(model: AutoencoderKL, batch: torch.Tensor, kl_weight: float, frozen_encoder: bool):
    with torch.set_grad_enabled(not frozen_encoder):
        posterior = model.encode(batch).latent_dist
    decoded = model.decode(posterior.sample()).sample.float()  # [B, 3, 64, 64]
    pixel = (decoded - batch).abs().mean()
    error = decoded - batch
    square = error.square().mean() + 2 * (error - error.mean(1, keepdim=True)).square().mean()  # what first finds the colours
    edge = sum((a - b).abs().mean() for a, b in zip(edges(decoded), edges(batch)))
    kl = posterior.kl().float().mean() / posterior.mean[0].numel()
    return pixel + square + 0.5 * edge + kl_weight * kl, pixel, edge, kl


def work(rank: int, args: argparse.Namespace, model: AutoencoderKL, steps: torch.Tensor) -> None:
    device = common.pick_device()
    pixels, records = common.load_pictures(args.pictures)
    weights = torch.tensor([5.0 if 0 <= r["rank"] < args.favoured else 1.0 for r in records], device=device)
    pixels = pixels.to(device)
    if args.decoder_only:
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    ema = common.Ema(model, 0.995)
    first, spent = 0, 0.0
    if state := common.load(args.out, device):
        ema.module.load_state_dict(state["ema"])
        first, spent = state["step"], 0.0 if args.restart_clock else state["spent"]
    optimiser = common.adamw(model, args.rate, 0.98, state and state["optimiser"])
    torch.manual_seed(first * args.workers + rank)
    budget = common.Budget(args.minutes, spent)
    model.train()

    def checkpoint() -> None:
        common.save(args.out, {
            "model": model.state_dict(), "ema": ema.module.state_dict(), "optimiser": optimiser.state_dict(),
            "step": step, "spent": budget.spent,
        })

    with common.log(args.out.with_suffix(".csv"), ["step", "seconds", "pixel", "edge", "kl"], rank) as row:
        sums, last = torch.zeros(3, device=device), budget.spent
        while not budget.over():
            batch = draw(pixels, weights, args.batch, args.crop)
            with common.bfloat16(device, cpu=False):  # its few channels are faster in float32 there
                loss, *parts = loss_of(model, batch, args.kl, args.decoder_only)
            common.update(model, optimiser, loss, args.rate * budget.rate(first + int(steps.sum())))
            steps[rank] += 1
            if rank:
                continue
            step = first + int(steps.sum())
            ema.update(model, step)
            sums += torch.stack([part.detach() for part in parts])
            if steps[0] % 50 == 0:
                row(step, round(budget.spent, 1), *(sums / 50).tolist())
                sums.zero_()
            if budget.spent - last > 60:
                checkpoint()
                last = budget.spent
    if rank == 0:
        checkpoint()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=14)
    parser.add_argument("--workers", type=int, default=1, help="processes; without a GPU, the number of cores")
    parser.add_argument("--batch", type=int, default=16, help="pictures a step and worker")
    parser.add_argument("--crop", type=int, default=64, help="edge of the cuts; 32 at first gives four times the steps")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--kl", type=float, default=2e-5)
    parser.add_argument("--favoured", type=int, default=320, help="concepts that are drawn five times as often")
    parser.add_argument("--decoder-only", action="store_true", help="keep the latents as they are and sharpen the decoder")
    parser.add_argument("--restart-clock", action="store_true", help="count --minutes from now, keeping the weights")
    args = parser.parse_args()

    device = common.start(args.workers)
    model = build().to(device, memory_format=common.layout(device))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    if state := common.load(args.out, device):
        model.load_state_dict(state["model"])
    common.launch(work, args, model)


if __name__ == "__main__":
    main()
