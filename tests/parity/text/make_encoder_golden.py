#!/usr/bin/env python3
"""Writes tests/golden/text/encoder_{sd1,sd2,xl}.safetensors: transformers' CLIPTextModel on two small configurations, and
CLIPTextModelWithProjection on one.

Weights are made by formula on both sides (see ../networks/make_goldens.py), so a file holds the configuration, the ids and
the outputs. Deterministic:

    python tests/parity/text/make_encoder_golden.py
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "networks"))
from make_goldens import uniform  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden/text"
VOCABULARY = 96

CONFIGS = {
    # OpenAI's CLIP: quick GELU, and the wrong end token of old files, so that the pooled state is that of the largest id.
    "sd1": dict(hidden_act="quick_gelu", hidden_size=24, intermediate_size=96, num_hidden_layers=4,
                num_attention_heads=3, bos_token_id=0, eos_token_id=2, pad_token_id=1),
    # OpenCLIP: GELU, its own end token, heads of another size.
    "sd2": dict(hidden_act="gelu", hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2,
                layer_norm_eps=1e-3, bos_token_id=94, eos_token_id=60, pad_token_id=0),
}


def fill_parameters(model):
    """As fill_parameters of make_goldens.py, under the names that files have: transformers 5 dropped their prefix."""
    for name, parameter in model.named_parameters():
        name = name if name.startswith("text_") else "text_model." + name
        values = torch.from_numpy(uniform(name, parameter.numel()))
        if name.endswith(".bias"):
            values = 0.2 * values
        elif parameter.dim() == 1:
            values = 1 + 0.3 * values
        else:
            values = 2 / (parameter.numel() // parameter.shape[0]) ** 0.5 * values
        parameter.data = values.float().view(parameter.shape)


def write(name, config, tensors):
    save_file({k: v.contiguous() for k, v in tensors.items()}, GOLDEN / f"encoder_{name}.safetensors",
              {"config": json.dumps(config.to_diff_dict())})


def make_projected():
    """Stable Diffusion XL's second encoder: the states before the last layer, as they are, and the projected end."""
    config = CLIPTextConfig(vocab_size=VOCABULARY, max_position_embeddings=77, projection_dim=20, hidden_act="gelu", hidden_size=32,
                            intermediate_size=64, num_hidden_layers=4, num_attention_heads=2, bos_token_id=94, eos_token_id=2,
                            pad_token_id=0)
    model = CLIPTextModelWithProjection(config).eval()
    fill_parameters(model)
    ids = torch.from_numpy((uniform("idsxl", 3 * 77) * 0.5 + 0.5) * VOCABULARY).long().view(3, 77)
    with torch.no_grad():
        out = model(ids, output_hidden_states=True)
    write("xl", config, {"ids": ids, "states": out.hidden_states[-2], "skip1": out.hidden_states[-3], "skip3": out.hidden_states[-5],
                         "pooled": out.text_embeds})


def main():
    make_projected()
    for name, fields in CONFIGS.items():
        config = CLIPTextConfig(vocab_size=VOCABULARY, max_position_embeddings=77, projection_dim=16, **fields)
        model = CLIPTextModel(config).eval()
        fill_parameters(model)
        ids = torch.from_numpy((uniform("ids" + name, 3 * 77) * 0.5 + 0.5) * VOCABULARY).long().view(3, 77)
        ids[:2, 50] = fields["eos_token_id"]
        with torch.no_grad():
            out = model(ids, output_hidden_states=True)
            # diffusers' clip_skip: an earlier state through the last layer norm
            skipped = [model.final_layer_norm(out.hidden_states[-(skip + 1)]) for skip in (1, 2)]
        tensors = {"ids": ids, "last": out.last_hidden_state, "skip1": skipped[0], "skip2": skipped[1],
                   "pooled": out.pooler_output}
        write(name, config, tensors)


if __name__ == "__main__":
    main()
