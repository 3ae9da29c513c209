"""Makes tests/golden/samplers/*.safetensors: runs of diffusers' scheduler classes on a dummy network.

    python tests/parity/samplers/make_goldens.py        (packages: tests/parity/requirements.txt)

Every case is made as a user of diffusers would make it: a scheduler from the model's scheduler_config.json, another class
by `Other.from_config(model_scheduler.config)`, `set_timesteps`, and a loop of `scale_model_input`, network, `step`. What
diffusers refuses, fails at or answers with NaN is recorded as an error.
"""

import json
import pathlib
import warnings

import diffusers
import torch
from safetensors.torch import save_file

from cases import CLASSES, all_cases, known_fields

OUT = pathlib.Path(__file__).resolve().parents[2] / "golden" / "samplers"


def network(latent, timestep):
    """A smooth function of both; tests/model/samplers/golden_cases.cc has the same one."""
    pattern = torch.linspace(-1, 1, latent.numel(), dtype=torch.float32).reshape(latent.shape)
    return 0.6 * torch.tanh(0.8 * latent + 0.3 * pattern) + 0.2 * torch.sin(3.0 * pattern + 0.01 * float(timestep))


def make_scheduler(case):
    config = case["config"]
    own = getattr(diffusers, config["_class_name"]).from_config(config)
    if case["stable_diffusion_pipeline"]:
        pipeline = diffusers.StableDiffusionPipeline(
            vae=None, text_encoder=None, tokenizer=None, unet=None, scheduler=own, safety_checker=None,
            feature_extractor=None, requires_safety_checker=False)
        own = pipeline.scheduler
    changes = {}
    if case["sigmas"] == "karras":
        changes = {"use_karras_sigmas": True, "use_exponential_sigmas": False, "use_beta_sigmas": False}
    wanted = CLASSES[case["sampler"]]
    if wanted == config["_class_name"] and not changes:
        return own
    return getattr(diffusers, wanted).from_config(own.config, **changes)


def predicted_clean(case, scheduler, output, prediction, timestep, latent):
    if hasattr(output, "pred_original_sample"):
        return output.pred_original_sample
    if case["sampler"] == "dpmpp_2m":
        return scheduler.model_outputs[-1]
    alpha = scheduler.alphas_cumprod[timestep]  # PNDM's step() does not say
    if scheduler.config.prediction_type == "v_prediction":
        return alpha**0.5 * latent - (1 - alpha) ** 0.5 * prediction
    return (latent - (1 - alpha) ** 0.5 * prediction) / alpha**0.5


def add_noise(case, clean, noise, index):
    scheduler = make_scheduler(case)
    scheduler.set_timesteps(case["steps"])
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(index)
    return scheduler.add_noise(clean, noise, scheduler.timesteps[index : index + 1])


def run(case):
    scheduler = make_scheduler(case)
    scheduler.set_timesteps(case["steps"])
    timesteps = scheduler.timesteps
    generator = torch.Generator("cpu").manual_seed(case["seed"])
    shape = [1, *case["shape"]]
    noise = torch.randn(shape, generator=generator)
    clean = torch.sin(torch.arange(noise.numel(), dtype=torch.float32)).reshape(shape)
    begin = case["skipped"] * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        # Without it step() looks the first timestep up, and runs off the end where that one occurs twice.
        scheduler.set_begin_index(begin)
    latent = add_noise(case, clean, noise, begin) if case["skipped"] else noise * scheduler.init_noise_sigma

    extra = {}
    if case["sampler"] == "ddim":
        extra = {"eta": case["eta"], "generator": generator}
    elif case["sampler"] in ("ddpm", "euler", "euler_a"):
        extra = {"generator": generator}
    mid = begin + (len(timesteps) - begin) // 2
    for i in range(begin, len(timesteps)):
        timestep = timesteps[i]
        prediction = network(scheduler.scale_model_input(latent, timestep), timestep)
        output = scheduler.step(prediction, timestep, latent, **extra)
        if i == mid:
            mid_clean = predicted_clean(case, scheduler, output, prediction, timestep, latent)
            mid_latent = output.prev_sample
        latent = output.prev_sample
    latents = torch.cat([mid_latent, mid_clean, add_noise(case, clean, noise, mid), latent])
    if not latents.isfinite().all():
        raise ValueError("not finite")
    case["mid"] = mid
    case["init_noise_sigma"] = float(scheduler.init_noise_sigma)
    return timesteps.to(torch.float32), latents.contiguous()


def main():
    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity(50)
    torch.set_num_threads(1)
    cases, tensors = all_cases(), {}
    for case in cases:
        try:
            timesteps, latents = run(case)
        except Exception as error:  # whatever diffusers does with what it cannot do
            case["error"] = f"{type(error).__name__}: {error}"[:120]
            continue
        tensors[case["name"] + ".timesteps"] = timesteps
        tensors[case["name"] + ".latents"] = latents
    failed = [case for case in cases if "error" in case]
    for case in failed:
        print("error:", case["name"], "-", case["error"])
    for case in cases:
        assert ("error" in case) == case.pop("fails", False), (case["name"], case.get("error"))
    OUT.mkdir(parents=True, exist_ok=True)
    metadata = {"cases": json.dumps(cases, separators=(",", ":")), "known_fields": json.dumps(known_fields())}
    save_file(tensors, OUT / "runs.safetensors", metadata=metadata)
    print(f"{len(cases)} cases, {len(failed)} of them errors")


if __name__ == "__main__":
    main()
