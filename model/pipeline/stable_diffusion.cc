#include "model/pipeline/stable_diffusion.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <map>
#include <utility>

#include "model/pipeline/guidance.h"
#include "model/pipeline/pixels.h"
#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/load_weights.h"

namespace latentd::model {
namespace {

template <typename Network, typename Config>
Network Load(const Config& config, const TensorSource& weights, const at::TensorOptions& options,
             const LoadOptions& load = {}) {
  Network network(config, options);
  LoadWeights(*network, weights, load);
  return network;
}

int64_t Bytes(const torch::nn::Module& module) {
  int64_t bytes = 0;
  for (const at::Tensor& parameter : module.parameters()) bytes += static_cast<int64_t>(parameter.nbytes());
  return bytes;
}

}  // namespace

StableDiffusion::StableDiffusion(const ModelFolder& folder, const at::TensorOptions& options)
    : options_(options),
      sampler_config_(folder.sampler),
      tokenizer_(ClipTokenizer::FromFolder(folder.path / "tokenizer")),
      text_encoder_(Load<ClipTextModel>(folder.text, *folder.text_weights, options, {.may_ignore = IsClipConstant})),
      unet_(Load<UNet2DConditionModel>(folder.unet, *folder.unet_weights, options)),
      vae_(Load<AutoencoderKL>(folder.vae, *folder.vae_weights, options)),
      preview_(LatentPreview::Fit(vae_, options)) {}

std::vector<int64_t> StableDiffusion::LatentShape(int width, int height) const {
  const VaeConfig& vae = vae_->config();
  return {vae.latent_channels, height / vae.Scale(), width / vae.Scale()};
}

std::shared_ptr<const Sampler> StableDiffusion::MakeSampler(const SamplerOptions& options) const {
  return model::MakeSampler(sampler_config_, options);
}

std::vector<Conditioning> StableDiffusion::Encode(std::span<const Prompt> prompts) {
  // One forward for all prompts of a clip skip.
  std::map<int, std::vector<size_t>> by_clip_skip;
  std::vector<Conditioning> encoded(prompts.size());
  std::vector<at::Tensor> ids(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    Tokenized tokens = tokenizer_.Encode(prompts[i].text);
    ids[i] = at::tensor(tokens.ids, at::kLong);
    encoded[i].cut_text = std::move(tokens.truncated);
    by_clip_skip[prompts[i].clip_skip].push_back(i);
  }
  for (const auto& [clip_skip, places] : by_clip_skip) {
    std::vector<at::Tensor> batch;
    for (const size_t place : places) batch.push_back(ids[place]);
    const at::Tensor states =  // [n, T, D]
        text_encoder_->Encode(at::stack(batch).to(options_.device()), clip_skip);
    for (size_t i = 0; i < places.size(); ++i) encoded[places[i]].states = states[static_cast<int64_t>(i)].clone();
  }
  return encoded;
}

std::vector<at::Tensor> StableDiffusion::Predict(std::span<const PredictRow> rows) {
  // Lanes in the order of the length of their text, so that equal lengths are neighbours and share a group.
  struct Lane {
    const PredictRow* row;
    const Conditioning* conditioning;
  };
  std::vector<Lane> lanes;
  for (const PredictRow& row : rows) {
    if (row.uncond != nullptr) lanes.push_back({&row, row.uncond});
    lanes.push_back({&row, row.cond});
  }
  std::stable_sort(lanes.begin(), lanes.end(), [](const Lane& a, const Lane& b) {
    return a.conditioning->states.size(0) < b.conditioning->states.size(0);
  });

  std::vector<at::Tensor> latents;
  std::vector<float> timesteps;
  std::vector<std::vector<at::Tensor>> texts;  // by group
  for (const Lane& lane : lanes) {
    latents.push_back(lane.row->latent);
    timesteps.push_back(static_cast<float>(lane.row->timestep));
    const at::Tensor& states = lane.conditioning->states;
    if (texts.empty() || texts.back().front().size(0) != states.size(0)) texts.emplace_back();
    texts.back().push_back(states);
  }
  Context context;
  for (const std::vector<at::Tensor>& group : texts) context.push_back({.states = at::stack(group)});
  // The timesteps stay on the CPU, where their embedding is made: no round trip to the device.
  const at::Tensor noise = unet_->forward(at::stack(latents), at::tensor(timesteps), context);  // [L, C, h, w]

  std::map<const PredictRow*, std::pair<at::Tensor, at::Tensor>> by_row;  // uncond (undefined without guidance), cond
  for (size_t i = 0; i < lanes.size(); ++i) {
    auto& [uncond, cond] = by_row[lanes[i].row];
    (lanes[i].conditioning == lanes[i].row->uncond && !uncond.defined() ? uncond : cond) =
        noise[static_cast<int64_t>(i)];
  }
  std::vector<at::Tensor> predictions;
  for (const PredictRow& row : rows) {
    const auto& [uncond, cond] = by_row[&row];
    predictions.push_back(uncond.defined() ? Guide(cond, uncond, row.guidance_scale, row.guidance_rescale)
                                           : cond.to(at::kFloat).clone());
  }
  return predictions;
}

std::vector<at::Tensor> StableDiffusion::Decode(std::span<const at::Tensor> latents) {
  const at::Tensor batch = at::stack(std::vector<at::Tensor>(latents.begin(), latents.end()));
  const at::Tensor images = vae_->Decode((batch / vae_->config().scaling_factor).to(options_));  // [B, 3, H, W]
  TORCH_CHECK(at::isfinite(images).all().item<bool>(), "the VAE's decoder gave NaN or infinite values");
  const at::Tensor bytes = ToBytes(images.permute({0, 2, 3, 1}));
  std::vector<at::Tensor> pictures;
  for (size_t i = 0; i < latents.size(); ++i) pictures.push_back(bytes[static_cast<int64_t>(i)]);
  return pictures;
}

at::Tensor StableDiffusion::Preview(const at::Tensor& predicted_clean) const { return preview_(predicted_clean); }

double StableDiffusion::scaling_factor() const { return vae_->config().scaling_factor; }

int64_t StableDiffusion::memory_bytes() const { return Bytes(*text_encoder_) + Bytes(*unet_) + Bytes(*vae_); }

}  // namespace latentd::model
