"""Makes tests/golden/samplers/*.safetensors: runs of diffusers' scheduler classes on a dummy network.

    python tests/parity/samplers/make_goldens.py        (packages: tests/parity/requirements.txt)

Every case is made as a user of diffusers would make it: a scheduler from the model's scheduler_config.json, another class
by `Other.from_config(model_scheduler.config)`, `set_timesteps`, and a loop of `scale_model_input`, network, `step`. What
diffusers refuses, fails at or answers with NaN is recorded as an error.
"""

import json
import pathlib
import sys
import types
import warnings

import diffusers
import torch
from safetensors.torch import save_file

# Only the noise of DPMSolverSDEScheduler comes from torchsde, and run() puts a generator in its place.
sys.modules.setdefault("torchsde", types.ModuleType("torchsde"))
from diffusers.schedulers.scheduling_dpmsolver_sde import DPMSolverSDEScheduler

diffusers.DPMSolverSDEScheduler = DPMSolverSDEScheduler

from cases import CLASSES, all_cases, known_fields

OUT = pathlib.Path(__file__).resolve().parents[2] / "golden" / "samplers"


def network(latent, timestep):
    """A smooth function of both; tests/model/samplers/golden_cases.cc has the same."""
    pattern = torch.linspace(-1, 1, latent.numel(), dtype=torch.float32).reshape(latent.shape)
    return 0.6 * torch.tanh(0.8 * latent + 0.3 * pattern) + 0.2 * torch.sin(3.0 * pattern + 0.01 * float(timestep))


def with_variance(prediction):
    """As networks give it that predict the variance, too."""
    return torch.cat([prediction, prediction.square()], dim=1)


def make_scheduler(case):
    config = case["config"]
    own = getattr(diffusers, config["_class_name"]).from_config(config)
    if case["stable_diffusion_pipeline"]:
        pipeline = diffusers.StableDiffusionPipeline(
            vae=None, text_encoder=None, tokenizer=None, unet=None, scheduler=own, safety_checker=None,
            feature_extractor=None, requires_safety_checker=False)
        own = pipeline.scheduler
    changes = {}
    if case["sigmas"] != "default":
        changes = {f"use_{name}_sigmas": name == case["sigmas"] for name in ("karras", "exponential", "beta")}
    if case["sampler"] != own_sampler(config):
        changes |= variant(case["sampler"], config)
    elif not changes:
        return own
    return getattr(diffusers, CLASSES[case["sampler"]]).from_config(own.config, **changes)


def own_sampler(config):
    """One class of diffusers is several of our samplers."""
    if config["_class_name"] != "DPMSolverMultistepScheduler":
        return {name: sampler for sampler, name in CLASSES.items()}[config["_class_name"]]
    if config.get("algorithm_type") != "sde-dpmsolver++":
        return "dpmpp_2m"
    return "dpmpp_3m_sde" if config.get("solver_order") == 3 else "dpmpp_2m_sde"


def variant(sampler, config):
    """What tells a sampler of a class from the others, where a request names another one than the file does."""
    if sampler == "dpmpp_2m":
        return {"algorithm_type": "dpmsolver++"}
    if sampler == "dpmpp_2m_sde":
        return {"algorithm_type": "sde-dpmsolver++", "solver_order": min(config.get("solver_order", 2), 2)}
    if sampler == "dpmpp_3m_sde":
        return {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}
    return {"algorithm_type": "deis"} if sampler == "deis" else {}


def predicted_clean(case, scheduler, output, prediction, index, latent):
    for name in ("pred_original_sample", "denoised"):
        if hasattr(output, name):
            return getattr(output, name)
    if case["sampler"].startswith("dpmpp") or (case["sampler"] == "unipc" and scheduler.config.predict_x0):
        return scheduler.model_outputs[-1]
    # The others' step() does not say.
    if case["sampler"] in ("unipc", "deis"):
        signal, noise = scheduler._sigma_to_alpha_sigma_t(scheduler.sigmas[index])
    else:
        alpha = scheduler.alphas_cumprod[scheduler.timesteps[index]]
        signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    clean = {"epsilon": (latent - noise * prediction) / signal, "sample": prediction,
             "v_prediction": signal * latent - noise * prediction}[scheduler.config.prediction_type]
    return scheduler._threshold_sample(clean) if case["sampler"] == "deis" and scheduler.config.thresholding else clean


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
    if case["sampler"] in ("ddim", "tcd"):
        extra = {"eta": case["eta"], "generator": generator}
    elif case["sampler"] in ("ddpm", "euler", "euler_a", "dpm2_a", "dpmpp_2m_sde", "dpmpp_3m_sde", "lcm"):
        extra = {"generator": generator}
    elif case["sampler"] == "dpmpp_sde":
        scheduler.noise_sampler = lambda sigma, target: torch.randn(shape, generator=generator)
    mid = begin + (len(timesteps) - begin) // 2
    for i in range(begin, len(timesteps)):
        timestep = timesteps[i]
        prediction = network(scheduler.scale_model_input(latent, timestep), timestep)
        if str(case["config"].get("variance_type")).startswith("learned"):
            prediction = with_variance(prediction)
        output = scheduler.step(prediction, timestep, latent, **extra)
        if i == mid:
            mid_clean = predicted_clean(case, scheduler, output, prediction, i, latent)
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
    surprises = [case["name"] for case in cases if ("error" in case) != case.pop("fails", False)]
    assert not surprises, surprises
    OUT.mkdir(parents=True, exist_ok=True)
    defaults = {"sigmas": "default", "eta": 0.0, "skipped": 0, "stable_diffusion_pipeline": False}
    cases = [{key: value for key, value in case.items() if key not in defaults or value != defaults[key]}
             for case in cases]
    metadata = {"cases": json.dumps(cases, separators=(",", ":")), "known_fields": json.dumps(known_fields())}
    save_file(tensors, OUT / "runs.safetensors", metadata=metadata)
    print(f"{len(cases)} cases, {len(failed)} of them errors")


if __name__ == "__main__":
    main()
