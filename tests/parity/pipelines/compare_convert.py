"""deploy/convert.py --folder on a checkpoint of latent diffusion from text, against the converters of diffusers.

    python tests/parity/pipelines/compare_convert.py

Writes a small pickled checkpoint under the authors' names (random values), converts it with both, and compares every tensor; then
opens the folder as LDMTextToImagePipeline. Also: running means are taken where the file has them, and what is wrong is named.
Needs the environment of tests/parity/requirements.txt. (Checkpoints of classes are converted by ldm_cases.py, whose pictures the
authors' own formulas make from the unconverted tensors.)
"""

import os
import subprocess
import sys
import tempfile
import types

import torch
from diffusers import LDMTextToImagePipeline
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel
from diffusers.pipelines.stable_diffusion import convert_from_ckpt
from safetensors.torch import load_file
from torch import nn

import ldm_cases
import original_ldm

HEADS, FEATURES, LAYERS = 2, 24, 3


def transformer():
    """x-transformers' modules, as far as their names go."""
    def linear(i, o, bias=True):
        return nn.Linear(i, o, bias=bias)

    layers = nn.ModuleList()
    for _ in range(LAYERS):
        attention = nn.Module()
        attention.to_q, attention.to_k, attention.to_v = (linear(FEATURES, HEADS * 64, False) for _ in range(3))
        attention.to_out = linear(HEADS * 64, FEATURES)
        forward = nn.Module()
        forward.net = nn.Sequential(nn.Sequential(linear(FEATURES, 96), nn.GELU()), nn.Dropout(0), linear(96, FEATURES))
        layers += [nn.ModuleList([nn.LayerNorm(FEATURES), attention]), nn.ModuleList([nn.LayerNorm(FEATURES), forward])]
    net = nn.Module()
    net.token_emb, net.norm = nn.Embedding(len(ldm_cases.VOCABULARY), FEATURES), nn.LayerNorm(FEATURES)
    net.to_logits = linear(FEATURES, len(ldm_cases.VOCABULARY))
    net.pos_emb, net.attn_layers = nn.Module(), nn.Module()
    net.pos_emb.emb, net.attn_layers.layers = nn.Embedding(77, FEATURES), layers
    return net


def checkpoint():
    model = nn.Module()
    model.model, model.first_stage_model, model.cond_stage_model = nn.Module(), nn.Module(), nn.Module()
    model.model.diffusion_model = original_ldm.UNetModel(4, 16, FEATURES, heads=HEADS)
    stage = model.first_stage_model
    stage.encoder, stage.decoder = original_ldm.Coder(3, 8, 8, False), original_ldm.Coder(4, 3, 8, True)
    stage.quant_conv, stage.post_quant_conv = nn.Conv2d(8, 8, 1), nn.Conv2d(4, 4, 1)
    model.cond_stage_model.transformer = transformer()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def convert(place, tensors, *options):
    torch.save({"state_dict": tensors}, f"{place}/model.ckpt")
    return subprocess.run([sys.executable, ldm_cases.CONVERT, f"{place}/model.ckpt", "--folder", f"{place}/model", "--norm-groups",
                           str(original_ldm.GROUPS), "--heads", str(HEADS), *options], capture_output=True, text=True, check=False)


def compare(what, ours, theirs):
    assert set(ours) == set(theirs), (what, set(ours) ^ set(theirs))
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), (what, name)
    print(f"{what}: {len(ours)} tensors, all equal")


def main():
    torch.manual_seed(60)
    model = checkpoint()
    tensors = model.state_dict()
    with tempfile.TemporaryDirectory() as place:
        vocab = f"{place}/vocab.txt"
        with open(vocab, "w", encoding="utf-8") as f:
            f.write("\n".join(ldm_cases.VOCABULARY) + "\n")
        refused = convert(place, tensors)
        assert refused.returncode == 1 and "--vocab" in refused.stderr and not os.path.exists(f"{place}/model"), refused
        for wrong, says in ({"model.diffusion_model.strange": torch.ones(1)}, "strange"), ({"betas": torch.full((1000,), 0.5)}, "betas"):
            refused = convert(place, tensors | wrong, "--vocab", vocab)
            assert refused.returncode == 1 and says in refused.stderr and not os.path.exists(f"{place}/model"), refused
        done = convert(place, tensors, "--vocab", vocab)
        assert done.returncode == 0, done
        again = convert(place, tensors, "--vocab", vocab)
        assert again.returncode == 1 and "exists" in again.stderr, again

        pipeline = LDMTextToImagePipeline.from_pretrained(f"{place}/model", bert=LDMBertModel.from_pretrained(f"{place}/model/bert"))
        config = dict(pipeline.unet.config)
        unet = convert_from_ckpt.convert_ldm_unet_checkpoint(dict(tensors), config)
        compare("unet", pipeline.unet.state_dict(), unet)
        vae = convert_from_ckpt.convert_ldm_vae_checkpoint(dict(tensors), dict(pipeline.vqvae.config))
        compare("vqvae", pipeline.vqvae.state_dict(), vae)
        bert = convert_from_ckpt.convert_ldm_bert_checkpoint(
            types.SimpleNamespace(transformer=model.cond_stage_model.transformer), LDMBertConfig(**pipeline.bert.config.to_dict()))
        compare("bert", pipeline.bert.state_dict(), bert.state_dict())

    means = {"model_ema." + name.removeprefix("model.").replace(".", ""): value + 1 for name, value in tensors.items()
             if name.startswith("model.")}
    with tempfile.TemporaryDirectory() as place:
        with open(f"{place}/vocab.txt", "w", encoding="utf-8") as f:
            f.write("\n".join(ldm_cases.VOCABULARY) + "\n")
        done = convert(place, tensors | means, "--vocab", f"{place}/vocab.txt")
        assert done.returncode == 0, done
        new = load_file(f"{place}/model/unet/diffusion_pytorch_model.safetensors")
        assert torch.equal(new["conv_in.weight"], tensors["model.diffusion_model.input_blocks.0.0.weight"] + 1)
    print("running means are taken; faults are named")


if __name__ == "__main__":
    main()
