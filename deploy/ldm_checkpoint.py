"""Checkpoints of the first latent diffusion models (github.com/CompVis/latent-diffusion) as folders in diffusers' layout.

Two kinds are told apart by their tensors: those that draw classes (`cin256-v2`) and those that draw from text with a
transformer of their own (`txt2img-f8-large`). What tensors do not say is what the authors' configurations do.
"""

import dataclasses
import json
import pathlib
import re
import shutil

import torch
from safetensors.torch import save_file

UNET, AUTOENCODER, TRANSFORMER = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
CLASSES = "cond_stage_model.embedding.weight"

Tensors = dict[str, torch.Tensor]


@dataclasses.dataclass
class Kind:
    """What the authors' configuration of one checkpoint says, and its tensors do not."""
    pipeline: str
    betas: tuple[float, float]
    heads: int
    sample_size: int  # of the latents
    scaling_factor: float
    norm_groups: int = 32
    head_features: int = 64  # of the text transformer


def kind_of(tensors: Tensors) -> Kind | None:
    if not any(name.startswith(UNET) for name in tensors):
        return None
    if CLASSES in tensors:
        return Kind("LDMClassToImagePipeline", betas=(0.0015, 0.0195), heads=1, sample_size=64, scaling_factor=1.0)
    if TRANSFORMER + "token_emb.weight" in tensors:
        return Kind("LDMTextToImagePipeline", betas=(0.00085, 0.012), heads=8, sample_size=32, scaling_factor=0.18215)
    return None


def below(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def unet_tensors(tensors: Tensors) -> Tensors:
    """The U-Net's; their running means, with which the authors' programs draw, where the file has them."""
    unet = below(tensors, UNET)
    mean = {name: tensors.get("model_ema.diffusion_model" + name.replace(".", "")) for name in unet}
    return mean if all(value is not None for value in mean.values()) else unet


def renamed(tensors: Tensors, rules: list[tuple[str, str]]) -> Tensors:
    """Each name by the first rule whose pattern its beginning matches; a name without a rule is an error."""
    result = {}
    for name, value in tensors.items():
        for pattern, to in rules:
            if re.match(pattern, name):
                result[re.sub(pattern, to, name, count=1)] = value
                break
        else:
            raise ValueError(f"does not know the tensor {name}")
    return result


RES_BLOCK = [("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"), ("out_layers.0", "norm2"),
             ("out_layers.3", "conv2"), ("skip_connection", "conv_shortcut")]


def res_block(prefix: str, to: str) -> list[tuple[str, str]]:
    return [(rf"{re.escape(f'{prefix}.{old}')}\.", f"{to}.{new}.") for old, new in RES_BLOCK]


def part(prefix: str, to: str) -> tuple[str, str]:
    return rf"{re.escape(prefix)}\.", f"{to}."


def convert_unet(old: Tensors, kind: Kind) -> tuple[dict, Tensors]:
    def has(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in old)

    rules = [part("time_embed.0", "time_embedding.linear_1"), part("time_embed.2", "time_embedding.linear_2"),
             part("input_blocks.0.0", "conv_in"), part("out.0", "conv_norm_out"), part("out.2", "conv_out")]
    levels: list[dict] = [dict(channels=0, layers=0, attention=False)]
    block = 1
    while has(f"input_blocks.{block}."):
        place = f"input_blocks.{block}"
        down = f"down_blocks.{len(levels) - 1}"
        if has(f"{place}.0.op."):
            rules.append(part(f"{place}.0.op", f"{down}.downsamplers.0.conv"))
            levels.append(dict(channels=0, layers=0, attention=False))
        else:
            level = levels[-1]
            rules += res_block(f"{place}.0", f"{down}.resnets.{level['layers']}")
            rules.append(part(f"{place}.1", f"{down}.attentions.{level['layers']}"))
            level.update(channels=old[f"{place}.0.in_layers.2.weight"].shape[0], layers=level["layers"] + 1, attention=has(f"{place}.1."))
        block += 1
    for index, to in (("0", "resnets.0"), ("2", "resnets.1")):
        rules += res_block(f"middle_block.{index}", f"mid_block.{to}")
    rules.append(part("middle_block.1", "mid_block.attentions.0"))

    layers = levels[0]["layers"]
    if any(level["layers"] != layers for level in levels):
        raise ValueError("has levels with different numbers of residual blocks")
    for index in range(len(levels) * (layers + 1)):
        place, up = f"output_blocks.{index}", f"up_blocks.{index // (layers + 1)}"
        rules += res_block(f"{place}.0", f"{up}.resnets.{index % (layers + 1)}")
        rules += [part(f"{place}.{n}.conv", f"{up}.upsamplers.0.conv") for n in (1, 2)]
        rules.append(part(f"{place}.1", f"{up}.attentions.{index % (layers + 1)}"))

    keys = [name for name in old if name.endswith("attn2.to_k.weight")]
    if not keys:
        raise ValueError("its U-Net has no cross-attention")
    attends = [level["attention"] for level in levels]
    config = dict(
        _class_name="UNet2DConditionModel", sample_size=kind.sample_size, in_channels=old["input_blocks.0.0.weight"].shape[1],
        out_channels=old["out.2.weight"].shape[0], block_out_channels=[level["channels"] for level in levels], layers_per_block=layers,
        down_block_types=["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attends],
        up_block_types=["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)],
        transformer_layers_per_block=1 + max(int(re.search(r"transformer_blocks\.(\d+)", name)[1]) for name in keys),
        cross_attention_dim=old[keys[0]].shape[1], attention_head_dim=kind.heads, norm_num_groups=kind.norm_groups)
    return config, renamed(old, rules)


def convert_autoencoder(old: Tensors, kind: Kind) -> tuple[dict, Tensors]:
    old = {name: value for name, value in old.items() if not name.startswith("loss.")}
    count = 1 + max(int(name.split(".")[2]) for name in old if name.startswith("encoder.down."))
    layers = 1 + max(int(name.split(".")[4]) for name in old if name.startswith("encoder.down.0.block."))
    attention = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
    rules = [(r"(quantize\.embedding|quant_conv|post_quant_conv|(?:en|de)coder\.conv_(?:in|out))\.", r"\1."),
             (r"((?:en|de)coder)\.norm_out\.", r"\1.conv_norm_out.")]
    for which, way, sample in (("encoder", "down", "downsample"), ("decoder", "up", "upsample")):
        for level in range(count):
            to = f"{which}.{way}_blocks.{level if way == 'down' else count - 1 - level}"
            here = re.escape(f"{which}.{way}.{level}.")
            rules += [(rf"{here}block\.(\d+)\.nin_shortcut\.", rf"{to}.resnets.\1.conv_shortcut."),
                      (rf"{here}block\.(\d+)\.", rf"{to}.resnets.\1."), (rf"{here}{sample}\.conv\.", f"{to}.{sample}rs.0.conv.")]
        for n in (1, 2):
            rules.append((rf"{which}\.mid\.block_{n}\.", f"{which}.mid_block.resnets.{n - 1}."))
        rules += [(rf"{which}\.mid\.attn_1\.{name}\.", f"{which}.mid_block.attentions.0.{to}.") for name, to in attention.items()]
    new = renamed(old, rules)
    for name, value in new.items():
        if ".mid_block.attentions.0.to_" in name and name.endswith(".weight"):
            new[name] = value.flatten(1).contiguous()  # a convolution of one pixel is a matrix
    channels = [old[f"encoder.down.{level}.block.0.conv2.weight"].shape[0] for level in range(count)]
    config = dict(in_channels=old["encoder.conv_in.weight"].shape[1], out_channels=old["decoder.conv_out.weight"].shape[0],
                  block_out_channels=channels, down_block_types=["DownEncoderBlock2D"] * count, up_block_types=["UpDecoderBlock2D"] * count,
                  layers_per_block=layers, latent_channels=old["decoder.conv_in.weight"].shape[1], norm_num_groups=kind.norm_groups,
                  sample_size=kind.sample_size * 2 ** (count - 1), scaling_factor=kind.scaling_factor)
    if "quantize.embedding.weight" in old:
        codes, features = old["quantize.embedding.weight"].shape
        return config | dict(_class_name="VQModel", num_vq_embeddings=codes, vq_embed_dim=features), new
    return config | dict(_class_name="AutoencoderKL"), new


def convert_transformer(old: Tensors, kind: Kind) -> tuple[dict, Tensors]:
    """x-transformers' encoder: layers alternate between attention and feed-forward, each with its norm."""
    layers = (1 + max(int(name.split(".")[2]) for name in old if name.startswith("attn_layers.layers."))) // 2
    rules = [part("token_emb", "model.embed_tokens"), part("pos_emb.emb", "model.embed_positions"), part("norm", "model.layer_norm"),
             part("to_logits", "to_logits")]
    for layer in range(layers):
        attention, forward, to = f"attn_layers.layers.{2 * layer}", f"attn_layers.layers.{2 * layer + 1}", f"model.layers.{layer}"
        rules += [part(f"{attention}.0", f"{to}.self_attn_layer_norm"), part(f"{attention}.1.to_out", f"{to}.self_attn.out_proj"),
                  part(f"{forward}.0", f"{to}.final_layer_norm"), part(f"{forward}.1.net.0.0", f"{to}.fc1"),
                  part(f"{forward}.1.net.2", f"{to}.fc2")]
        rules += [part(f"{attention}.1.to_{x}", f"{to}.self_attn.{x}_proj") for x in "qkv"]
    new = renamed(old, rules)
    vocab, features = new["model.embed_tokens.weight"].shape
    inner = new["model.layers.0.self_attn.q_proj.weight"].shape[0]
    config = dict(model_type="ldmbert", architectures=["LDMBertModel"], vocab_size=vocab, d_model=features,
                  max_position_embeddings=new["model.embed_positions.weight"].shape[0], encoder_layers=layers,
                  encoder_ffn_dim=new["model.layers.0.fc1.weight"].shape[0], head_dim=kind.head_features,
                  encoder_attention_heads=inner // kind.head_features, activation_function="gelu")
    return config, new


def scheduler_config(tensors: Tensors, kind: Kind) -> dict:
    start, end = kind.betas
    betas = tensors.get("betas")
    if betas is not None and not torch.allclose(betas[[0, -1]].float(), torch.tensor(kind.betas), rtol=1e-4):
        raise ValueError(f"was trained with betas from {betas[0]:g} to {betas[-1]:g}, and its kind with {start:g} to {end:g}")
    # set_alpha_to_one and steps_offset are what make diffusers' DDIM the authors'.
    return dict(_class_name="DDIMScheduler", num_train_timesteps=1000, beta_start=start, beta_end=end, beta_schedule="scaled_linear",
                clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="epsilon")


def write_component(folder: pathlib.Path, config: dict, tensors: Tensors) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    name = "model" if "model_type" in config or "num_classes" in config else "diffusion_pytorch_model"
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors", metadata={"format": "pt"})


def write_folder(tensors: Tensors, kind: Kind, folder: pathlib.Path, vocab: pathlib.Path | None) -> None:
    """Writes everything or nothing: what is wrong is found before the folder is there."""
    scheduler = scheduler_config(tensors, kind)
    components = {"unet": convert_unet(unet_tensors(tensors), kind), "vqvae": convert_autoencoder(below(tensors, AUTOENCODER), kind)}
    index = {"_class_name": kind.pipeline, "scheduler": ["diffusers", "DDIMScheduler"]}
    if CLASSES in tensors:
        table = tensors[CLASSES]
        components["class_embedder"] = (dict(num_classes=table.shape[0] - 1, embed_dim=table.shape[1]), {"embedding.weight": table})
        index["class_embedder"] = ["latentd", "ClassEmbedder"]
    else:
        if vocab is None:
            raise ValueError("draws from text: --vocab must name the vocab.txt of BERT (uncased), which the checkpoint does not hold")
        components["bert"] = convert_transformer(below(tensors, TRANSFORMER), kind)
        index |= {"bert": ["latent_diffusion", "LDMBertModel"], "tokenizer": ["transformers", "BertTokenizer"]}
    index |= {name: ["diffusers", components[name][0]["_class_name"]] for name in ("unet", "vqvae")}

    draft = folder.with_name(folder.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    for name, (config, values) in components.items():
        write_component(draft / name, config, values)
    (draft / "scheduler").mkdir()
    (draft / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler, indent=2) + "\n", encoding="utf-8")
    if vocab is not None:
        (draft / "tokenizer").mkdir()
        shutil.copy(vocab, draft / "tokenizer" / "vocab.txt")
    (draft / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    draft.rename(folder)
