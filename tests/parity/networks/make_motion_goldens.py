"""Writes tests/golden/motion/*.safetensors: what diffusers' UNetMotionModel makes with motion modules of each version, of clips within the
frames that they know and beyond. Weights come from the formula of make_goldens.py, which see.

    python tests/parity/networks/make_motion_goldens.py
"""

import json

import torch
from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel

import free_noise
from make_goldens import fill_parameters, make_input, write

UNET = dict(
    block_out_channels=[16, 32], layers_per_block=1, attention_head_dim=4, cross_attention_dim=24, norm_num_groups=8,
    down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
ADAPTERS = {
    "v1": dict(motion_max_seq_length=24, use_motion_mid_block=False, motion_num_attention_heads=8),
    "v2": dict(motion_max_seq_length=32, use_motion_mid_block=True, motion_num_attention_heads=[2, 4]),
    "few": dict(motion_max_seq_length=6, use_motion_mid_block=True, motion_num_attention_heads=4),
}
# Frames, height and width; for modules that know few frames beyond them. Windows of 6 frames every 4: 10 frames are two, 9 and 12 need one
# more that ends with the clip.
CLIPS = {"v1": [(5, 6, 9), (1, 4, 4), (24, 3, 2)], "v2": [(4, 8, 8), (7, 5, 3)], "few": [(6, 4, 5), (10, 4, 5), (9, 3, 4), (12, 2, 3)]}


def make(name, options):
    adapter = MotionAdapter(block_out_channels=UNET["block_out_channels"], motion_layers_per_block=UNET["layers_per_block"],
                            motion_norm_num_groups=UNET["norm_num_groups"], **options).eval()
    unet = UNet2DConditionModel(**UNET).eval()
    fill_parameters(adapter)
    fill_parameters(unet)
    known = options["motion_max_seq_length"]
    timesteps = torch.tensor([981.0, 17.0])
    short, long = make_input("short", 1, 7, UNET["cross_attention_dim"]), make_input("long", 1, 13, UNET["cross_attention_dim"])
    tensors = {"timesteps": timesteps, "short": short, "long": long, "pe": adapter.down_blocks[1].motion_modules[0].transformer_blocks[0].pos_embed.pe}
    for frames, height, width in CLIPS[name]:
        motion = UNetMotionModel.from_unet2d(unet, adapter).eval()
        if frames > known:
            windows = free_noise.Windows(motion, adapter, context_length=min(16, known), context_stride=4)
            noise = torch.randn(1, 4, frames, height, width, generator=torch.Generator().manual_seed(frames))
            tensors[f"noise{frames}"] = noise[0]
            tensors[f"shuffled{frames}"] = windows._prepare_latents_free_noise(
                1, 4, frames, height, width, torch.float32, "cpu", torch.Generator().manual_seed(frames))[0]
        size = f"{frames}x{height}x{width}"
        sample = make_input(f"sample{size}", 2, 4, frames, height, width)
        out = [motion(sample[i:i + 1], timesteps[i:i + 1], text.repeat_interleave(frames, 0)).sample for i, text in enumerate((short, long))]
        tensors |= {f"sample{size}": sample, f"out{size}": torch.cat(out)}
    write("motion", name, dict(unet=UNET, adapter=json.loads(adapter.to_json_string())), tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    free_noise.put_right()
    for each, settings in ADAPTERS.items():
        make(each, settings)
