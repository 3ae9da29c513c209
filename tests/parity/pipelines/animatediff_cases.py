"""Cases of clips: motion modules of every version and layout, LoRAs on them and beside them, clips longer than they know."""

import os
import sys

import torch
from diffusers import AnimateDiffPipeline, MotionAdapter
from safetensors.torch import save_file

import lora_cases
import text_cases
from tiny_models import loud

sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/../networks")
import free_noise  # noqa: E402

NAME = "animatediff"
EPSILON = dict(block_out_channels=(16, 32), motion_layers_per_block=2, motion_norm_num_groups=8)
SAMPLE = dict(block_out_channels=(16, 32, 32), motion_layers_per_block=1, motion_norm_num_groups=8)
ADAPTERS = {
    "motion-v1": dict(EPSILON, motion_max_seq_length=24, use_motion_mid_block=False, motion_num_attention_heads=4),
    "motion-v2": dict(EPSILON, motion_max_seq_length=32, use_motion_mid_block=True, motion_num_attention_heads=(2, 4)),
    # In AnimateDiff's own layout, whose modules all have 8 heads.
    "motion-v3": dict(EPSILON, motion_max_seq_length=32, use_motion_mid_block=False, motion_num_attention_heads=8),
    "motion-short": dict(SAMPLE, motion_max_seq_length=8, use_motion_mid_block=True, motion_num_attention_heads=4),
}
ORIGINAL = {".transformer_blocks": ".temporal_transformer.transformer_blocks", ".attn1.": ".attention_blocks.0.", ".attn2.": ".attention_blocks.1.",
            ".norm1.": ".norms.0.", ".norm2.": ".norms.1.", ".norm3.": ".ff_norm."}


def original(name):
    """A tensor of a motion module by its name in AnimateDiff's own files."""
    for part in ("norm", "proj_in", "proj_out"):
        for kind in ("weight", "bias"):
            if "transformer_blocks" not in name and name.endswith(f".{part}.{kind}"):
                return name.removesuffix(f"{part}.{kind}") + f"temporal_transformer.{part}.{kind}"
    for ours, there in ORIGINAL.items():
        name = name.replace(ours, there)
    return name


def write_adapters(folder):
    adapters = {}
    for number, (name, options) in enumerate(ADAPTERS.items()):
        torch.manual_seed(60 + number)
        adapter = MotionAdapter(**options)
        loud(adapter, 1.5)
        adapter = adapter.to(torch.float16)
        if name == "motion-v3":
            state = {}
            for key, tensor in adapter.state_dict().items():
                if not key.endswith("pos_embed.pe"):
                    state[original(key)] = tensor.contiguous()
                    continue
                for i in range(2):  # each attention has its own
                    encoder = original(key).replace("pos_embed", f"attention_blocks.{i}.pos_encoder")
                    state[encoder] = tensor.clone()
            save_file(state, f"{folder}/adapters/{name}.safetensors")
        else:
            adapter.save_pretrained(f"{folder}/adapters/{name}")
        adapter = adapter.float()
        if name == "motion-v3":  # diffusers leaves out the file's positions
            for key, buffer in MotionAdapter(**options).named_buffers():
                adapter.get_buffer(key).copy_(buffer)
        adapters[name] = adapter
    return adapters


def write_loras(folder, pipelines, adapters):
    """Each as diffusers loads it, by its file's name. Tensors are called as before PEFT, as AnimateDiff's are."""
    loras = {}

    def write(name, module, rank, strength, as_file):
        state = {}
        for layer, shape in lora_cases.layers_of(module).items():
            if not layer.endswith(tuple(lora_cases.ATTENTION)):
                continue
            layer, last = layer.removesuffix(".0").rsplit(".", 1)
            for part, size in (("down", (rank, shape[1])), ("up", (shape[0], rank))):
                state[f"{layer}.processor.{last}_lora.{part}.weight"] = torch.empty(size)
        state = lora_cases.half(lora_cases.randomised(state, strength))
        save_file({as_file(key): tensor for key, tensor in state.items()}, f"{folder}/adapters/{name}.safetensors")
        loras[name] = {f"unet.{key}": tensor for key, tensor in state.items()}

    torch.manual_seed(70)
    write("motion-lora", adapters["motion-v2"], 3, 0.5, lambda key: f"unet.{key}")
    write("motion-lora-original", adapters["motion-v3"], 2, 0.5, original)
    # The adapter that version 3 was trained with: the U-Net's own attentions.
    write("motion-domain", pipelines["tiny-epsilon"].unet, 2, 0.2, lambda key: key)
    return loras


def cases():
    base = dict(prompt="a red apple", negative_prompt="green", guidance_scale=5.0, guidance_rescale=0.0, eta=0.0, num_images=1,
                sigmas="default", model="tiny-epsilon")
    number = 0

    def case(name, motion, frames, loras=(), **changes):
        nonlocal number
        number += 1
        spec = {"animation": {"motion": motion, "frames": frames}, "output": {"format": "IMAGE_FORMAT_PNG"}}
        if loras:
            spec["loras"] = [{"name": lora, "scale": scale} for lora, scale in loras]
        return dict(base, name=f"animatediff-{name}", seed=900 + number, spec=spec, **changes)

    yield case("v1", "motion-v1", 5, sampler="ddim", steps=5, width=72, height=56)
    yield case("v2", "motion-v2", 4, sampler="euler", steps=5, width=40, height=88, num_images=2)
    yield case("v3", "motion-v3", 6, [("motion-domain", 1.0)], sampler="dpmpp_2m", steps=4, width=56, height=72)
    yield case("levels", "motion-short", 4, model="tiny-sample", sampler="ddpm", steps=4, width=72, height=40, guidance_scale=1.0)
    yield case("motion-lora", "motion-v2", 5, [("motion-lora", 0.8), ("lora-attention", 0.5)], sampler="pndm", steps=5, width=56, height=40)
    yield case("original-lora", "motion-v3", 4, [("motion-lora-original", -0.7)], sampler="euler_a", steps=5, width=40, height=56)
    yield case("one-frame", "motion-v1", 1, sampler="ddim", steps=4, width=72, height=64)
    # Two windows of 8 frames; three, the last of which ends with the clip.
    yield case("long", "motion-short", 12, model="tiny-sample", sampler="ddim", steps=4, width=40, height=32)
    yield case("long-rest", "motion-short", 15, model="tiny-sample", sampler="euler", steps=4, width=32, height=40, guidance_scale=4.0)


def clips(pipelines, adapters, loras, case, motion, chosen_loras):
    own = pipelines[case["model"]]
    fresh = lora_cases.open_pipeline(case["folder"], case["model"])
    pipeline = AnimateDiffPipeline(vae=fresh.vae, text_encoder=fresh.text_encoder, tokenizer=fresh.tokenizer, unet=fresh.unet,
                                   motion_adapter=adapters[motion],
                                   scheduler=text_cases.SAMPLERS[case["sampler"]].from_config(own.own_scheduler_config))
    pipeline.set_progress_bar_config(disable=True)
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)  # see text_cases.open_pipelines
    for lora in chosen_loras:
        name = lora["name"]
        source = dict(loras[name]) if name in loras else f"{case['folder']}/adapters/{name}.safetensors"
        pipeline.load_lora_weights(source, adapter_name=name)
    if chosen_loras:
        pipeline.set_adapters([lora["name"] for lora in chosen_loras], [lora["scale"] for lora in chosen_loras])
    frames = case["spec"]["animation"]["frames"]
    known = ADAPTERS[motion]["motion_max_seq_length"]
    if frames > known:
        pipeline.enable_free_noise(context_length=min(16, known), context_stride=4)
    made = []
    for i in range(case["num_images"]):
        result = pipeline(case["prompt"], negative_prompt=case["negative_prompt"], width=case["width"], height=case["height"],
                          num_frames=frames, num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"], eta=case["eta"],
                          generator=torch.Generator("cpu").manual_seed(case["seed"] + i), output_type="np").frames[0]
        made += [(frame * 255).round().astype("uint8") for frame in result]
    return made


def make(goldens):
    free_noise.put_right()
    folder = goldens.folder
    pipelines = {name: lora_cases.open_pipeline(folder, name) for name in ("tiny-epsilon", "tiny-sample")}
    adapters = write_adapters(folder)
    loras = write_loras(folder, pipelines, adapters)
    for case in cases():
        case["folder"] = folder
        motion, chosen = case["spec"]["animation"]["motion"], case["spec"].get("loras", [])
        # What it must react to: its LoRAs, or its motion module; one frame alone to its prompt.
        others = {"motion-v1": "motion-v2", "motion-v2": "motion-v1"}.get(motion)
        if chosen:
            other = clips(pipelines, adapters, loras, case, motion, [])
        elif others:
            other = clips(pipelines, adapters, loras, case, others, [])
        else:
            other = clips(pipelines, adapters, loras, dict(case, prompt="green", negative_prompt="the"), motion, [])
        goldens.write(case, clips(pipelines, adapters, loras, case, motion, chosen), other)
