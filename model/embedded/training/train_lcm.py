"""The LCM-LoRA of the text-to-image model: four steps without guidance instead of 25 with it.

    python train_lcm.py --model ../pictograms --latents work/latents.pt --out work/lcm.pt --minutes 80

Latent consistency distillation (Luo et al. 2023, arXiv:2310.04378 and 2311.05556; after diffusers' example
train_lcm_distill_lora_sd.py): the model with the LoRA learns to jump from a noised latent to where the model without it,
guided, would end, by agreeing with itself at an earlier timestep, which the model without it has led to. Resumes from --out if it is there.

Only the timesteps of four steps are learnt, and a few steps of the solver lie between two of them. With the paper's fifty timesteps the end is
known at one in fifty, and news of it travels by one timestep an update: a training of minutes then teaches the network to agree with
itself by letting noise through.
"""

import argparse
import pathlib
import random

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from transformers import CLIPTextModel, CLIPTokenizer

import common
import networks
from train_diffusion import Batches

TIMESTEPS = (0, 259, 499, 759, 999)  # of four steps of LCMScheduler; 0 is the end
SOLVER_STEPS = 2  # between two of them
GUIDANCE = 3.0  # w of cond + w * (cond - uncond); a guidance scale is 1 + w
HUBER = 0.1  # below it an error counts by its square
RANK = 32
LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2",
          "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj"]


def build(folder: pathlib.Path) -> torch.nn.ModuleDict:
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", dtype=torch.float32).requires_grad_(False)
    unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=LAYERS, init_lora_weights=True))
    text = CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", dtype=torch.float32).requires_grad_(False)
    return torch.nn.ModuleDict({"text": text, "unet": unet})


def lora_state(unet: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in unet.state_dict().items() if "lora_" in name}


def boundary(timesteps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How much of the latent and of the prediction the answer is: all of the latent at timestep 0. As LCMScheduler has it."""
    scaled = timesteps[:, None, None, None] * 10.0
    return 0.25 / (scaled**2 + 0.25), scaled / (scaled**2 + 0.25).sqrt()


class Network:
    """The network as a student, with the LoRA, and as its own teacher, without."""

    def __init__(self, unet: torch.nn.Module, signals: torch.Tensor):
        self.unet, self.signals = unet, signals

    def parts(self, latents, timesteps, context):
        """The clean latent and the noise that the network sees in `latents`; it predicts velocities."""
        velocity = self.unet(latents, timesteps, context).sample.float()
        signal = self.signals[timesteps][:, None, None, None]
        a, b = signal.sqrt(), (1 - signal).sqrt()
        return a * latents - b * velocity, b * latents + a * velocity

    def answer(self, latents, timesteps, context):
        keep, take = boundary(timesteps)
        return keep * latents + take * self.parts(latents, timesteps, context)[0]

    def solve(self, latents, timesteps, earlier, context, nothing):
        """Without the LoRA, guided, by DDIM from each row's timestep to its earlier one. `nothing` is the empty prompt's context."""
        contexts = torch.cat([context, nothing.expand_as(context)])
        self.unet.disable_adapters()
        for step in range(SOLVER_STEPS):
            now, then = (timesteps + (earlier - timesteps) * k // SOLVER_STEPS for k in (step, step + 1))
            clean, noise = (part.chunk(2) for part in self.parts(latents.repeat(2, 1, 1, 1), now.repeat(2), contexts))
            guided_clean, guided_noise = (cond + GUIDANCE * (cond - none) for cond, none in (clean, noise))
            signal = self.signals[then][:, None, None, None]
            latents = signal.sqrt() * guided_clean + (1 - signal).sqrt() * guided_noise
        self.unet.enable_adapters()
        return latents


def work(rank: int, args: argparse.Namespace, both: torch.nn.ModuleDict, steps: torch.Tensor) -> None:
    device = common.pick_device()
    tokenizer = CLIPTokenizer.from_pretrained(args.model / "tokenizer")
    data = Batches(args.latents, tokenizer, device, args.tints, empty_share=0)
    unet, text = both["unet"], both["text"]
    signals = networks.build_scheduler().alphas_cumprod.to(device)
    learnt = torch.tensor(TIMESTEPS, device=device)
    network = Network(unet, signals)
    empty = tokenizer([""], padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt").input_ids.to(device)
    averaged = {name: weight.clone() for name, weight in lora_state(unet).items()}
    first, seen, spent = 0, 0, 0.0
    if state := common.load(args.out, device):
        averaged, first, seen = state["ema"], state["step"], state["seen"]
        spent = 0.0 if args.restart_clock else state["spent"]
    optimiser = common.adamw(both, args.rate, 0.99, state and state["optimiser"])
    torch.manual_seed(first * args.workers + rank)
    rng = random.Random(first * args.workers + rank)
    budget = common.Budget(args.minutes, spent)
    with torch.no_grad():
        nothing = text(empty).last_hidden_state

    def checkpoint() -> None:
        common.save(args.out, {"model": lora_state(unet), "ema": averaged, "optimiser": optimiser.state_dict(), "step": step,
                               "seen": seen, "spent": budget.spent})

    with common.log(args.out.with_suffix(".csv"), ["step", "rows", "seconds", "loss"], rank) as row:
        total, last, step = 0.0, budget.spent, first
        while not budget.over():
            ids, clean = data.next(args.rows, rng)
            place = torch.randperm(args.rows, device=device) % (len(learnt) - 1)  # as many rows of each timestep
            timesteps, earlier = learnt[place + 1], learnt[place]
            latents, _ = networks.noised(clean, torch.randn_like(clean), signals[timesteps])
            with common.bfloat16(device, args.bfloat16):
                with torch.no_grad():
                    context = text(ids).last_hidden_state
                    moved = network.solve(latents, timesteps, earlier, context, nothing)
                    target = network.answer(moved, earlier, context)
                answer = network.answer(latents, timesteps, context)
            loss = (((answer - target).square() + HUBER**2).sqrt() - HUBER).mean()  # pseudo-Huber
            common.update(both, optimiser, loss, args.rate * budget.rate(first + int(steps.sum()), warmup=20))
            steps[rank] += 1
            if rank:
                continue
            seen += (first + int(steps.sum()) - step) * args.rows
            step = first + int(steps.sum())
            decay = min(args.ema, (1 + step) / (10 + step))
            for name, weight in lora_state(unet).items():
                averaged[name].lerp_(weight, 1 - decay)
            total += loss.item()
            if steps[0] % 10 == 0:
                row(step, seen, round(budget.spent, 1), total / 10)
                total = 0.0
            if budget.spent - last > 120:
                checkpoint()
                last = budget.spent
    if rank == 0:
        checkpoint()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="the exported folder")
    parser.add_argument("--latents", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--workers", type=int, default=1, help="processes; without a GPU, the number of cores")
    parser.add_argument("--rows", type=int, default=16, help="pictures a step and worker")
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--ema", type=float, default=0.995)
    parser.add_argument("--tints", type=float, default=0.2, help="share of recoloured pictures")
    parser.add_argument("--bfloat16", action="store_true", help="on a CPU as well; pays where it has AMX")
    parser.add_argument("--restart-clock", action="store_true", help="count --minutes from now, keeping the weights")
    args = parser.parse_args()

    device = common.start(args.workers)
    both = build(args.model).to(device)
    print(f"LoRA {sum(w.numel() for w in lora_state(both['unet']).values()):,} parameters")
    if state := common.load(args.out, device):
        both["unet"].load_state_dict(state["model"], strict=False)
    common.launch(work, args, both)


if __name__ == "__main__":
    main()
