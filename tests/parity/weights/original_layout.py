"""Writes networks of diffusers and transformers under the names that the original checkpoints have: the way back from
diffusers' loaders/single_file_utils.py. Whoever uses it lets diffusers read the result and compares."""

import re

import torch

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3",
          "conv_shortcut": "skip_connection"}
UNET_ENDS = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
             "add_embedding.linear_2": "label_emb.0.2", "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj"}


def unet_name(name, layers, names):
    """`layers`: layers_per_block; `names`: all names of the network."""
    layer, parameter = name.rsplit(".", 1)
    if layer in UNET_ENDS:
        return f"{UNET_ENDS[layer]}.{parameter}"
    if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", layer):
        part, number, rest = match.groups()
        return f"middle_block.1.{rest}.{parameter}" if part == "attentions" else f"middle_block.{2 * int(number)}.{RESNET[rest]}.{parameter}"
    side, block, part, number, rest = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", layer).groups()
    first = int(block) * (layers + 1)
    if side == "down":
        if part == "downsamplers":
            return f"input_blocks.{first + layers + 1}.0.op.{parameter}"
        at = f"input_blocks.{first + int(number) + 1}"
    else:
        if part == "upsamplers":
            attends = any(n.startswith(f"up_blocks.{block}.attentions.") for n in names)
            return f"output_blocks.{first + layers}.{2 if attends else 1}.conv.{parameter}"
        at = f"output_blocks.{first + int(number)}"
    return f"{at}.0.{RESNET[rest]}.{parameter}" if part == "resnets" else f"{at}.1.{rest}.{parameter}"


def vae_name(name, levels):
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if match := re.fullmatch(r"(.+)\.mid_block\.attentions\.0\.(.+)\.(\w+)", name):
        side, layer, parameter = match.groups()
        return f"{side}.mid.attn_1.{VAE_ATTENTION[layer]}.{parameter}"
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)", r"down.\1", name)
    name = re.sub(r"up_blocks\.(\d)", lambda m: f"up.{levels - 1 - int(m[1])}", name)
    return name.replace(".resnets.", ".block.").replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")


def unet(network):
    tensors = network.state_dict()
    return {unet_name(name, network.config.layers_per_block, tensors): value for name, value in tensors.items()}


def vae(network):
    """Attention becomes 1×1 convolutions."""
    renamed = {}
    for name, value in network.state_dict().items():
        name = vae_name(name, len(network.config.block_out_channels))
        matrix = ".mid.attn_1." in name and value.ndim == 2
        renamed[name] = value[:, :, None, None] if matrix else value
    return renamed


def clip(network):
    """OpenAI's text encoder: transformers' own names, with the prefix of its version 4."""
    return {name if name.startswith("text_") else f"text_model.{name}": value for name, value in network.state_dict().items()}


def open_clip(network):
    tensors = clip(network)
    renamed = {"positional_embedding": tensors.pop("text_model.embeddings.position_embedding.weight"),
               "token_embedding.weight": tensors.pop("text_model.embeddings.token_embedding.weight"),
               "ln_final.weight": tensors.pop("text_model.final_layer_norm.weight"),
               "ln_final.bias": tensors.pop("text_model.final_layer_norm.bias")}
    if "text_projection.weight" in tensors:
        renamed["text_projection"] = tensors.pop("text_projection.weight").T
    for name, value in tensors.items():
        number, layer, parameter = re.fullmatch(r"text_model\.encoder\.layers\.(\d+)\.(.+)\.(\w+)", name).groups()
        block = f"transformer.resblocks.{number}."
        if layer in OPEN_CLIP:
            renamed[f"{block}{OPEN_CLIP[layer]}.{parameter}"] = value
        elif layer == "self_attn.q_proj":
            fused = [tensors[name.replace("q_proj", f"{x}_proj")] for x in "qkv"]
            renamed[f"{block}attn.in_proj_{parameter}"] = torch.cat(fused)
    return renamed


def below(prefix, tensors):
    return {prefix + name: value for name, value in tensors.items()}
