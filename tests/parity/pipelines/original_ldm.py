"""Class-conditional latent diffusion as its authors wrote it, for the reference: the networks under the names of their
checkpoints (`cin256-v2`: github.com/CompVis/latent-diffusion, ldm/modules/diffusionmodules/{openaimodel,model}.py,
ldm/modules/attention.py, ldm/modules/encoders/modules.py) and their DDIM (ldm/models/diffusion/ddim.py), smaller and
without what training needs. Written anew after those files; random weights.
"""

import math

import numpy
import torch
from torch import nn
from torch.nn import functional

GROUPS = 8  # the authors' is 32
MULTIPLES = (1, 2)  # of the channels, level by level
RES_BLOCKS = 1
CHANNELS = 16
CLASSES = 10
FEATURES = 16
SCALE_FACTOR = 1.0


def norm(channels, eps=1e-5):
    return nn.GroupNorm(GROUPS, channels, eps=eps)


def conv(channels_in, channels_out, size=3, stride=1, padding=None):
    return nn.Conv2d(channels_in, channels_out, size, stride, size // 2 if padding is None else padding)


def sinusoids(timesteps, features):
    half = features // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
    angles = timesteps[:, None].float() * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class ResBlock(nn.Module):
    def __init__(self, channels, embedding, out):
        super().__init__()
        self.in_layers = nn.Sequential(norm(channels), nn.SiLU(), conv(channels, out))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, out))
        self.out_layers = nn.Sequential(norm(out), nn.SiLU(), nn.Dropout(0), conv(out, out))
        self.skip_connection = nn.Identity() if channels == out else conv(channels, out, 1)

    def forward(self, x, embedding, context):
        h = self.in_layers(x) + self.emb_layers(embedding)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


class CrossAttention(nn.Module):
    def __init__(self, features, context_features, heads):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(features, features, bias=False)
        self.to_k = nn.Linear(context_features, features, bias=False)
        self.to_v = nn.Linear(context_features, features, bias=False)
        self.to_out = nn.Sequential(nn.Linear(features, features), nn.Dropout(0))

    def forward(self, x, context=None):
        context = x if context is None else context
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in (self.to_q(x), self.to_k(context), self.to_v(context)))
        weights = (q @ k.transpose(2, 3) * q.shape[-1] ** -0.5).softmax(dim=-1)
        return self.to_out((weights @ v).transpose(1, 2).flatten(2))


class GatedGelu(nn.Module):
    def __init__(self, features, inner):
        super().__init__()
        self.proj = nn.Linear(features, 2 * inner)

    def forward(self, x):
        x, gate = self.proj(x).chunk(2, dim=-1)
        return x * functional.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.net = nn.Sequential(GatedGelu(features, 4 * features), nn.Dropout(0), nn.Linear(4 * features, features))

    def forward(self, x):
        return self.net(x)


class TransformerBlock(nn.Module):
    def __init__(self, features, context_features, heads):
        super().__init__()
        self.attn1 = CrossAttention(features, features, heads)
        self.ff = FeedForward(features)
        self.attn2 = CrossAttention(features, context_features, heads)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(features) for _ in range(3))

    def forward(self, x, context):
        x = self.attn1(self.norm1(x)) + x
        x = self.attn2(self.norm2(x), context) + x
        return self.ff(self.norm3(x)) + x


class SpatialTransformer(nn.Module):
    def __init__(self, channels, context_features, heads):
        super().__init__()
        self.norm = norm(channels, eps=1e-6)
        self.proj_in = conv(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, context_features, heads)])
        self.proj_out = conv(channels, channels, 1)

    def forward(self, x, embedding, context):
        height, width = x.shape[2:]
        h = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            h = block(h, context)
        return self.proj_out(h.transpose(1, 2).unflatten(2, (height, width))) + x


class Convolution(nn.Module):
    """A convolution that changes the size, under the name that it has there."""

    def __init__(self, channels, name):
        super().__init__()
        self.up = name == "conv"
        self.add_module(name, conv(channels, channels, 3, 1 if self.up else 2, 1))
        self.inner = name

    def forward(self, x, embedding, context):
        x = functional.interpolate(x, scale_factor=2, mode="nearest") if self.up else x
        return getattr(self, self.inner)(x)


class Steps(nn.Sequential):
    def forward(self, x, embedding, context):
        for layer in self:
            x = layer(x) if isinstance(layer, nn.Conv2d) else layer(x, embedding, context)
        return x


class UNetModel(nn.Module):
    """Attention on every level but the finest, as cin256."""

    def __init__(self, channels_in, channels, features, heads):
        super().__init__()
        self.channels = channels
        embedding = 4 * channels
        self.time_embed = nn.Sequential(nn.Linear(channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.input_blocks = nn.ModuleList([Steps(conv(channels_in, channels))])
        skips, now = [channels], channels
        for level, multiple in enumerate(MULTIPLES):
            for _ in range(RES_BLOCKS):
                layers = [ResBlock(now, embedding, multiple * channels)]
                now = multiple * channels
                if level > 0:
                    layers.append(SpatialTransformer(now, features, heads))
                self.input_blocks.append(Steps(*layers))
                skips.append(now)
            if level < len(MULTIPLES) - 1:
                self.input_blocks.append(Steps(Convolution(now, "op")))
                skips.append(now)
        self.middle_block = Steps(ResBlock(now, embedding, now), SpatialTransformer(now, features, heads), ResBlock(now, embedding, now))
        self.output_blocks = nn.ModuleList()
        for level, multiple in reversed(list(enumerate(MULTIPLES))):
            for i in range(RES_BLOCKS + 1):
                layers = [ResBlock(now + skips.pop(), embedding, multiple * channels)]
                now = multiple * channels
                if level > 0:
                    layers.append(SpatialTransformer(now, features, heads))
                if level > 0 and i == RES_BLOCKS:
                    layers.append(Convolution(now, "conv"))
                self.output_blocks.append(Steps(*layers))
        self.out = nn.Sequential(norm(now), nn.SiLU(), conv(now, channels_in))

    def forward(self, x, timesteps, context):
        embedding = self.time_embed(sinusoids(timesteps, self.channels))
        skips = []
        for block in self.input_blocks:
            x = block(x, embedding, context)
            skips.append(x)
        x = self.middle_block(x, embedding, context)
        for block in self.output_blocks:
            x = block(torch.cat([x, skips.pop()], dim=1), embedding, context)
        return self.out(x)


class ResnetBlock(nn.Module):
    def __init__(self, channels, out):
        super().__init__()
        self.norm1, self.conv1 = norm(channels, 1e-6), conv(channels, out)
        self.norm2, self.conv2 = norm(out, 1e-6), conv(out, out)
        if channels != out:
            self.nin_shortcut = conv(channels, out, 1)

    def forward(self, x):
        h = self.conv1(functional.silu(self.norm1(x)))
        h = self.conv2(functional.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class AttnBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = norm(channels, 1e-6)
        self.q, self.k, self.v, self.proj_out = (conv(channels, channels, 1) for _ in range(4))

    def forward(self, x):
        h = self.norm(x)
        q, k, v = (layer(h).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))  # [B, HW, C]
        weights = (q @ k.transpose(1, 2) * x.shape[1] ** -0.5).softmax(dim=2)
        return x + self.proj_out((weights @ v).transpose(1, 2).unflatten(2, x.shape[2:]))


def middle(channels):
    block = nn.Module()
    block.block_1, block.attn_1, block.block_2 = ResnetBlock(channels, channels), AttnBlock(channels), ResnetBlock(channels, channels)
    return block


class Resize(nn.Module):
    def __init__(self, channels, up):
        super().__init__()
        self.up = up
        self.conv = conv(channels, channels, 3, 1 if up else 2, 1 if up else 0)

    def forward(self, x):
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else functional.pad(x, (0, 1, 0, 1)))


class Coder(nn.Module):
    def __init__(self, channels_in, channels_out, channels, up):
        super().__init__()
        widths = [channels * multiple for multiple in MULTIPLES]
        self.conv_in = conv(channels_in, widths[-1] if up else channels)
        self.mid = middle(widths[-1])
        now = widths[-1] if up else channels
        levels = [nn.Module() for _ in MULTIPLES]
        for i in reversed(range(len(levels))) if up else range(len(levels)):
            level = levels[i]
            level.block, level.attn = nn.ModuleList(), nn.ModuleList()
            for _ in range(RES_BLOCKS + up):
                level.block.append(ResnetBlock(now, widths[i]))
                now = widths[i]
            if up and i > 0:
                level.upsample = Resize(now, up)
            if not up and i < len(levels) - 1:
                level.downsample = Resize(now, up)
        setattr(self, "up" if up else "down", nn.ModuleList(levels))
        self.norm_out, self.conv_out = norm(now, 1e-6), conv(now, channels_out)

    def middle(self, x):
        return self.mid.block_2(self.mid.attn_1(self.mid.block_1(x)))

    def forward(self, x):
        x = self.conv_in(x)
        up = hasattr(self, "up")
        if up:
            x = self.middle(x)
        for level in reversed(self.up) if up else self.down:
            for block in level.block:
                x = block(x)
            for name in ("upsample", "downsample"):
                x = getattr(level, name)(x) if hasattr(level, name) else x
        if not up:
            x = self.middle(x)
        return self.conv_out(functional.silu(self.norm_out(x)))


class VQModelInterface(nn.Module):
    def __init__(self, channels, latent, codes):
        super().__init__()
        self.encoder = Coder(3, latent, channels, False)
        self.decoder = Coder(latent, 3, channels, True)
        self.quantize = nn.Module()
        self.quantize.embedding = nn.Embedding(codes, latent)
        self.quant_conv, self.post_quant_conv = conv(latent, latent, 1), conv(latent, latent, 1)

    def decode(self, latents):
        table = self.quantize.embedding.weight
        flat = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
        distances = (flat ** 2).sum(1, keepdim=True) + (table ** 2).sum(1) - 2 * flat @ table.T
        nearest = table[distances.argmin(1)].view(latents.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)
        return self.decoder(self.post_quant_conv(nearest))


class LatentDiffusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Module()
        self.model.diffusion_model = UNetModel(3, CHANNELS, FEATURES, heads=1)
        self.first_stage_model = VQModelInterface(8, 3, 64)
        self.cond_stage_model = nn.Module()
        self.cond_stage_model.embedding = nn.Embedding(CLASSES + 1, FEATURES)  # the last stands for no class
        betas = numpy.linspace(0.0015 ** 0.5, 0.0195 ** 0.5, 1000, dtype=numpy.float64) ** 2
        self.register_buffer("betas", torch.tensor(betas, dtype=torch.float32))
        self.register_buffer("alphas_cumprod", torch.tensor(numpy.cumprod(1 - betas), dtype=torch.float32))

    def noise(self, x, timestep, label):
        context = self.cond_stage_model.embedding(torch.tensor([[label]]))  # [1, 1, features]
        return self.model.diffusion_model(x, torch.tensor([timestep]), context)

    @torch.no_grad()
    def sample(self, label, width, height, steps, scale, eta, generator):
        """One picture, [H, W, 3] in [0, 1]. `steps` divides 1000."""
        edge = 2 ** (len(MULTIPLES) - 1)
        x = torch.randn(1, 3, height // edge, width // edge, generator=generator)
        timesteps = numpy.arange(0, 1000, 1000 // steps) + 1
        alphas = self.alphas_cumprod.double().numpy()
        before = [alphas[0], *alphas[timesteps[:-1]]]
        for i in reversed(range(len(timesteps))):
            timestep, alpha, alpha_before = int(timesteps[i]), alphas[timesteps[i]], before[i]
            e = self.noise(x, timestep, label)
            if scale > 1:
                without = self.noise(x, timestep, CLASSES)
                e = without + scale * (e - without)
            sigma = eta * numpy.sqrt((1 - alpha_before) / (1 - alpha) * (1 - alpha / alpha_before))
            clean = (x - (1 - alpha) ** 0.5 * e) / alpha ** 0.5
            x = alpha_before ** 0.5 * clean + (1 - alpha_before - sigma ** 2) ** 0.5 * e
            if eta > 0:
                x = x + sigma * torch.randn(x.shape, generator=generator)
        image = self.first_stage_model.decode(x / SCALE_FACTOR)
        return ((image + 1) / 2).clamp(0, 1)[0].permute(1, 2, 0).numpy()


def build(seed):
    torch.manual_seed(seed)
    model = LatentDiffusion().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(1.4)
        table = model.first_stage_model.quantize.embedding.weight
        table.uniform_(-2, 2)
        model.first_stage_model.decoder.conv_out.weight.mul_(2.2)
        for parameter in model.parameters():  # what a file of float16 holds
            parameter.copy_(parameter.half().float())
    return model
