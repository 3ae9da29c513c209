#include "model/vae/vae.h"

#include <ATen/ops/exp.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "model/vae/tiles.h"

namespace latentd::model {
namespace {

LatentDistribution Split(const at::Tensor& moments) {
  const int64_t latent = moments.size(1) / 2;
  return {.mean = moments.narrow(1, 0, latent), .log_var = moments.narrow(1, latent, latent).clamp(-30.0, 20.0)};
}

bool IsLarge(int64_t pixels) { return pixels > AutoencoderKLImpl::kTileAboveEdge * AutoencoderKLImpl::kTileAboveEdge; }

}  // namespace

// In float64, since ATen's vectorised float32 exponential differs by a bit between the body of a tensor and its tail,
// and an element's place depends on the batch.
at::Tensor LatentDistribution::Deviation() const {
  return at::exp(0.5 * log_var.to(at::kDouble)).to(mean.scalar_type());
}

at::Tensor LatentDistribution::Sample(const at::Tensor& noise) const {
  return mean + Deviation() * noise.to(mean.options());
}

AutoencoderKLImpl::AutoencoderKLImpl(const VaeConfig& config, const at::TensorOptions& options)
    : config_(config),
      encoder_(register_module("encoder", Encoder(config, /*out_channels=*/2 * config.latent_channels, options))),
      decoder_(register_module("decoder", Decoder(config, options))) {
  const int64_t latent = config.latent_channels;
  if (config.quant_conv) {
    quant_conv_ = register_module(
        "quant_conv", Linear(2 * latent, 2 * latent, /*with_bias=*/true, options, WeightLayout::kPointwise));
  }
  if (config.post_quant_conv) {
    post_quant_conv_ = register_module("post_quant_conv",
                                       Linear(latent, latent, /*with_bias=*/true, options, WeightLayout::kPointwise));
  }
}

LatentDistribution AutoencoderKLImpl::Encode(const at::Tensor& images) const {
  if (IsLarge(images.size(2) * images.size(3))) return EncodeTiled(images, DefaultTile());
  const c10::InferenceMode no_gradients;
  return Split(Moments(ToNetwork(images)));
}

at::Tensor AutoencoderKLImpl::Decode(const at::Tensor& latents) const {
  const int64_t pixels = latents.size(2) * latents.size(3) * config_.Scale() * config_.Scale();
  if (IsLarge(pixels)) return DecodeTiled(latents, DefaultTile());
  const c10::InferenceMode no_gradients;
  return Pixels(ToNetwork(latents));
}

LatentDistribution AutoencoderKLImpl::EncodeTiled(const at::Tensor& images, int64_t tile_pixels) const {
  const c10::InferenceMode no_gradients;
  const Tiling tiling{.tile_in = tile_pixels, .tile_out = tile_pixels / config_.Scale()};
  return Split(RunTiled(ToNetwork(images), tiling, [this](const at::Tensor& tile) { return Moments(tile); }));
}

at::Tensor AutoencoderKLImpl::DecodeTiled(const at::Tensor& latents, int64_t tile_pixels) const {
  const c10::InferenceMode no_gradients;
  const Tiling tiling{.tile_in = tile_pixels / config_.Scale(), .tile_out = tile_pixels};
  return RunTiled(ToNetwork(latents), tiling, [this](const at::Tensor& tile) { return Pixels(tile); });
}

at::Tensor AutoencoderKLImpl::Moments(const at::Tensor& images) const {
  const at::Tensor moments = encoder_->forward(images.contiguous(at::MemoryFormat::ChannelsLast));
  return quant_conv_ ? quant_conv_->ForwardMap(moments) : moments;
}

at::Tensor AutoencoderKLImpl::Pixels(const at::Tensor& latents) const {
  const at::Tensor x = latents.contiguous(at::MemoryFormat::ChannelsLast);
  return decoder_->forward(post_quant_conv_ ? post_quant_conv_->ForwardMap(x) : x);
}

at::Tensor AutoencoderKLImpl::ToNetwork(const at::Tensor& x) const { return x.to(parameters().front().options()); }

int64_t AutoencoderKLImpl::DefaultTile() const {
  // The size it was trained on; small models state a size whose tiles would be nothing but seams.
  const int64_t edge = std::clamp<int64_t>(config_.sample_size, 256, kTileAboveEdge);
  // A quarter of a tile, which overlaps the next, must be whole in latents too.
  const int64_t unit = 4 * config_.Scale();
  return std::max(unit, edge / unit * unit);
}

}  // namespace latentd::model
