"""The unconditional DDPM at 32x32 pixels: no words, no autoencoder, faces alone.

    python train_pixels.py --pictures work/pictures.npz --out work/pixels.pt --minutes 80

Resumes from --out if it is there. After Ho et al. 2020 (arXiv:2006.11239), with the cosine schedule of Nichol and Dhariwal 2021
(arXiv:2102.09672), which wastes fewer steps on small pictures, and velocity prediction (Salimans and Ho 2022, arXiv:2202.00512), which
settles colours sooner. The averaged weights are the ones exported (export_pixels.py).
"""

import argparse
import pathlib
import random

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DModel

import common
import networks

EDGE = 32


def build_unet() -> UNet2DModel:
    unet = UNet2DModel(
        sample_size=EDGE, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(48, 96, 128),
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        attention_head_dim=16, norm_num_groups=16,
    )
    common.start_linear(unet)
    return unet


def build_scheduler() -> DDPMScheduler:
    return DDPMScheduler(num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2", variance_type="fixed_small", prediction_type="v_prediction")


def load_pictures(path: pathlib.Path) -> torch.Tensor:
    """[N, 3, 32, 32] in [-1, 1]: whatever has "face" in its name. One kind of thing, so that a small network gets somewhere."""
    pixels, records = common.load_pictures(path)
    faces = [i for i, record in enumerate(records) if record["rank"] >= 0 and "face" in record["name"].split()]
    return F.avg_pool2d(pixels[faces].float() / 127.5 - 1, pixels.shape[-1] // EDGE)


def work(rank: int, args: argparse.Namespace, unet: torch.nn.Module, steps: torch.Tensor) -> None:
    device = common.pick_device()
    pictures = load_pictures(args.pictures).to(device)
    signals = build_scheduler().alphas_cumprod.to(device)
    ema = common.Ema(unet, args.ema)
    first, seen, spent = 0, 0, 0.0
    if state := common.load(args.out, device):
        ema.module.load_state_dict(state["ema"])
        first, seen = state["step"], state["seen"]
        spent = 0.0 if args.restart_clock else state["spent"]
    optimiser = common.adamw(unet, args.rate, 0.99, state and state["optimiser"])
    torch.manual_seed(first * args.workers + rank)
    rng = random.Random(first * args.workers + rank)
    budget = common.Budget(args.minutes, spent)
    unet.train()
    queue: list[int] = []

    def checkpoint() -> None:
        common.save(args.out, {
            "model": unet.state_dict(), "ema": ema.module.state_dict(), "optimiser": optimiser.state_dict(),
            "step": step, "seen": seen, "spent": budget.spent,
        })

    with common.log(args.out.with_suffix(".csv"), ["step", "rows", "seconds", "loss", "error_little_noise", "error_much_noise"], rank) as row:
        sums, last, step = torch.zeros(3, device=device), budget.spent, first
        while not budget.over():
            while len(queue) < args.rows:
                queue = rng.sample(range(len(pictures)), len(pictures)) + queue
            chosen, queue = queue[-args.rows:], queue[:-args.rows]
            clean = pictures[chosen]
            # One timestep from each of `rows` equal slices: the loss varies less from batch to batch.
            slices = (torch.randperm(args.rows, device=device) + torch.rand(args.rows, device=device)) / args.rows
            timesteps = (slices * 1000).long().clamp(max=999)
            noised, target = networks.noised(clean, torch.randn_like(clean), signals[timesteps])
            with common.bfloat16(device, args.bfloat16):
                predicted = unet(noised.contiguous(memory_format=common.layout(device)), timesteps).sample
            error = (predicted.float() - target).square().mean((1, 2, 3))
            loss = error.mean()
            common.update(unet, optimiser, loss, args.rate * budget.rate(first + int(steps.sum())))
            steps[rank] += 1
            if rank:
                continue
            seen += (first + int(steps.sum()) - step) * args.rows
            step = first + int(steps.sum())
            ema.update(unet, step)
            error, much = error.detach(), timesteps >= 500
            sums += torch.stack([loss.detach(), error[~much].mean(), error[much].mean()])
            if steps[0] % 50 == 0:
                row(step, seen, round(budget.spent, 1), *(sums / 50).tolist())
                sums.zero_()
            if budget.spent - last > 120:
                checkpoint()
                last = budget.spent
    if rank == 0:
        checkpoint()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--workers", type=int, default=1, help="processes; without a GPU, the number of cores")
    parser.add_argument("--rows", type=int, default=16, help="pictures a step and worker")
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--bfloat16", action="store_true", help="on a CPU as well; pays where it has AMX")
    parser.add_argument("--restart-clock", action="store_true", help="count --minutes from now, keeping the weights")
    args = parser.parse_args()

    device = common.start(args.workers)
    unet = build_unet().to(device, memory_format=common.layout(device))
    print(f"U-Net {sum(p.numel() for p in unet.parameters()):,} parameters")
    if state := common.load(args.out, device):
        unet.load_state_dict(state["model"])
    common.launch(work, args, unet)


if __name__ == "__main__":
    main()
