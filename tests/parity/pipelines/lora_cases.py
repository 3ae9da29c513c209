"""Cases of LoRA: files of every key style, several at once, text encoders and convolutions, alone and under guidance."""

import copy
import os
import re

import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

import text_cases

NAME = "lora"
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]


def open_pipeline(folder, model):
    pipeline = StableDiffusionPipeline.from_pretrained(f"{folder}/models/{model}", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.own_scheduler_config = pipeline.scheduler.config
    return pipeline


def randomised(state, strength):
    """Changes as loud as the layers: PEFT begins with lora_B = 0. `strength` is that of up · down beside a default weight."""
    for name in state:
        features = state[name][0].numel()
        state[name] = strength**0.5 * (2 * torch.rand(state[name].shape) - 1) * (3 / features) ** 0.5
    return state


def adapt(module, rank, alpha, targets, strength, **options):
    """PEFT's change of a copy of a network: its tensors, and what it says of them."""
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, **options)
    module = copy.deepcopy(module)
    module.add_adapter(config, "made")
    state = randomised(get_peft_model_state_dict(module, adapter_name="made"), strength)
    return state, config.to_dict() | {"base_model_name_or_path": None}  # where it was on the machine that made it


def half(state):
    return {name: tensor.to(torch.float16).contiguous() for name, tensor in state.items()}


def layers_of(module):
    """Every layer that PEFT changes by a product: its name and its weight's shape."""
    return {name: layer.weight.shape for name, layer in module.named_modules()
            if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d))}


def flattened(prefix, layers, rank, alpha, window_alpha, strength):
    """kohya's style: underscores for dots, ranks that differ, an alpha for all linear layers and another for all windows."""
    state = {}
    for i, (name, shape) in enumerate(layers.items()):
        own_rank = min(rank + i % 2, *shape[:2])
        window = shape[2:]
        tensors = randomised({"lora_down.weight": torch.empty(own_rank, shape[1], *window),
                              "lora_up.weight": torch.empty(shape[0], own_rank, *[1 for _ in window])}, strength)
        tensors["alpha"] = torch.tensor(float(window_alpha if window and window[0] > 1 else alpha))
        state |= {f"{prefix}_{name.replace('.', '_')}.{part}": tensor for part, tensor in tensors.items()}
    return state


def original(name, layers_per_block):
    """The name of a U-Net's layer in the original layout, as kohya's trainers write Stable Diffusion XL."""
    blocks = layers_per_block + 1
    name = re.sub(r"down_blocks\.(\d)\.(resnets|attentions)\.(\d)",
                  lambda m: f"input_blocks.{1 + blocks * int(m[1]) + int(m[3])}.{int(m[2] == 'attentions')}", name)
    name = re.sub(r"up_blocks\.(\d)\.(resnets|attentions)\.(\d)",
                  lambda m: f"output_blocks.{blocks * int(m[1]) + int(m[3])}.{int(m[2] == 'attentions')}", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.conv", lambda m: f"input_blocks.{blocks * (int(m[1]) + 1)}.0.op", name)
    for ours, there in {"mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
                        "mid_block.resnets.1": "middle_block.2", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
                        "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}.items():
        name = name.replace(ours, there)
    return name


def in_original_names(unet):
    """The layers of a U-Net's blocks that the reference knows by these names: no enlargement without attention before it."""
    return {original(name, unet.config.layers_per_block): shape for name, shape in layers_of(unet).items()
            if name.startswith(("down", "mid", "up")) and "upsamplers" not in name}


def text_layers(encoder):
    return {f"text_model.{name}".replace("text_model.text_model", "text_model"): shape
            for name, shape in layers_of(encoder).items() if "text_projection" not in name}


def write_files(folder):
    os.makedirs(f"{folder}/adapters", exist_ok=True)
    torch.manual_seed(40)
    epsilon, v = open_pipeline(folder, "tiny-epsilon"), open_pipeline(folder, "tiny-v")

    # As diffusers writes it, attention alone; how strong it is stands in the file's metadata.
    # A stronger one makes the reference ill-conditioned: at 1.0 its own picture in float64 is 2 grey levels from that in float32.
    state, config = adapt(epsilon.unet, 4, 6, ATTENTION, 0.3, alpha_pattern={"mid_block.attentions.0.transformer_blocks.0.attn1.to_q": 3})
    StableDiffusionPipeline.save_lora_weights(f"{folder}/adapters", unet_lora_layers=half(state), unet_lora_adapter_metadata=config,
                                              weight_name="lora-attention.safetensors")
    # The same style before there was metadata, on every kind of layer and the text encoder, without alphas.
    state, _ = adapt(v.unet, 2, 2, list(layers_of(v.unet)), 0.3)
    text, _ = adapt(v.text_encoder, 3, 3, [name for name in layers_of(v.text_encoder) if "text_projection" not in name], 0.5)
    everything = {f"unet.{name}": tensor for name, tensor in state.items()} | {f"text_encoder.{name}": tensor for name, tensor in text.items()}
    save_file(half(everything), f"{folder}/adapters/lora-everything.safetensors")
    # kohya's, with convolutions (LoCon) and the text encoder.
    layers = {name: shape for name, shape in layers_of(epsilon.unet).items() if not name.startswith("up_blocks.0")}
    kohya = flattened("lora_unet", layers, 1, alpha=1.5, window_alpha=1, strength=0.15)
    kohya |= flattened("lora_te", text_layers(epsilon.text_encoder), 2, alpha=2.5, window_alpha=0, strength=0.5)
    save_file(half(kohya), f"{folder}/adapters/lora-kohya.safetensors")
    # The same with the original layout's names of layers.
    kohya = flattened("lora_unet", in_original_names(v.unet), 1, alpha=2, window_alpha=1, strength=0.15)
    save_file(half(kohya), f"{folder}/adapters/lora-original-names.safetensors")
    # diffusers' names before PEFT.
    state, _ = adapt(epsilon.unet, 3, 3, ["to_q", "to_v", "ff.net.0.proj"], 1.0)
    before = {"unet." + name.replace("lora_A.", "lora.down.").replace("lora_B.", "lora.up."): tensor for name, tensor in state.items()}
    save_file(half(before), f"{folder}/adapters/lora-before-peft.safetensors")


def cases():
    base = dict(prompt="a red apple", negative_prompt="green", guidance_scale=5.0, guidance_rescale=0.0, eta=0.0, num_images=1,
                sigmas="default")
    number = 0

    def case(name, loras, **changes):
        nonlocal number
        number += 1
        return dict(base, name=name, seed=700 + number,
                    spec={"loras": [{"name": lora, "scale": scale} for lora, scale in loras]}, **changes)

    yield case("lora-attention", [("lora-attention", 1.0)], model="tiny-epsilon", sampler="ddim", steps=6, width=72, height=56)
    yield case("lora-kohya", [("lora-kohya", 0.9)], model="tiny-epsilon", sampler="euler", steps=6, width=40, height=88)
    yield case("lora-two", [("lora-attention", 0.8), ("lora-kohya", -0.5)], model="tiny-epsilon", sampler="dpmpp_2m", steps=5, width=136,
               height=128, num_images=2)
    yield case("lora-everything", [("lora-everything", 0.7)], model="tiny-v", sampler="euler_a", steps=6, width=56, height=104)
    yield case("lora-before-peft", [("lora-before-peft", 1.2)], model="tiny-epsilon", sampler="pndm", steps=7, width=88, height=40,
               guidance_scale=1.0)
    yield case("lora-original-names", [("lora-original-names", 1.0)], model="tiny-v", sampler="ddim", steps=5, width=72, height=64)
    yield case("lora-three", [("lora-kohya", 0.3), ("lora-before-peft", 0.6), ("lora-attention", -0.7)], model="tiny-epsilon",
               sampler="heun", steps=5, width=56, height=72, clip_skip=1, literal_prompt=True)


def load(pipeline, folder, loras):
    for lora in loras:
        pipeline.load_lora_weights(f"{folder}/adapters", weight_name=f"{lora['name']}.safetensors", adapter_name=lora["name"],
                                   unet_config=pipeline.unet.config)
    if loras:
        pipeline.set_adapters([lora["name"] for lora in loras], [lora["scale"] for lora in loras])


def pictures(folder, case, loras):
    pipeline = open_pipeline(folder, case["model"])
    load(pipeline, folder, loras)
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)  # see text_cases.open_pipelines
    return text_cases.pictures(pipeline, case)


def make(goldens):
    write_files(goldens.folder)
    for case in cases():
        goldens.write(case, pictures(goldens.folder, case, case["spec"]["loras"]), pictures(goldens.folder, case, []))
