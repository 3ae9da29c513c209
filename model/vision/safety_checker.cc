#include "model/vision/safety_checker.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "model/errors.h"
#include "model/kernels/row_linear.h"
#include "model/layers/network_bytes.h"

namespace latentd::model {
namespace {

constexpr int64_t kConcepts = 17;
constexpr int64_t kSpecialConcepts = 3;
constexpr float kAdjustment = 0.01F;  // once a special concept is seen
constexpr double kLeastNorm = 1e-12;  // torch.nn.functional.normalize's

at::Tensor UnitRows(const at::Tensor& rows) {
  const at::Tensor values = rows.to(at::kFloat);
  return values / values.norm(2, {1}, /*keepdim=*/true).clamp_min(kLeastNorm);
}

// Cosines of the angles between the rows of two matrices: [B, P], [N, P] -> float32 [B, N] on the CPU
at::Tensor Cosines(const at::Tensor& pictures, const at::Tensor& concepts) {
  return kernels::RowLinear(UnitRows(pictures), UnitRows(concepts), /*bias=*/{}).to(at::kCPU).contiguous();
}

// Whether numpy's round(cosine - threshold + adjustment, 3) of float32 values is above 0.
bool Exceeds(float cosine, float threshold, float adjustment) {
  const float score = cosine - threshold + adjustment;
  return std::nearbyint(score * 1000.0F) > 0;
}

}  // namespace

ClipVisionConfig ReadSafetyCheckerConfig(ConfigReader reader) {
  const nlohmann::json vision = reader.Raw("vision_config");
  if (!vision.is_object()) reader.AddProblem("vision_config", "must be an object");
  const auto projection_dim = reader.Get<int64_t>("projection_dim", 512);
  reader.GetChoice("model_type", "clip", {"clip"});
  // The text encoder beside it, training, and repetitions.
  reader.Ignore({"architectures", "attention_dropout", "dtype", "initializer_factor", "initializer_range",
                 "logit_scale_init_value", "text_config", "text_config_dict", "torch_dtype", "transformers_version",
                 "vision_config_dict"});
  reader.Finish();
  nlohmann::json merged = vision;
  merged["projection_dim"] = projection_dim;
  return ReadClipVisionConfig(ConfigReader(reader.where() + ": vision_config", std::move(merged)));
}

StableDiffusionSafetyCheckerImpl::StableDiffusionSafetyCheckerImpl(const ClipVisionConfig& config,
                                                                   const at::TensorOptions& options)
    : vision_model_(register_module("vision_model", ClipVisionTransformer(config, options))),
      visual_projection_(register_module(
          "visual_projection", Linear(config.hidden_size, config.projection_dim, /*with_bias=*/false, options))) {
  const auto parameter = [&](const char* name, std::vector<int64_t> shape) {
    return register_parameter(name, at::empty(shape, options), /*requires_grad=*/false);
  };
  concept_embeds_ = parameter("concept_embeds", {kConcepts, config.projection_dim});
  special_care_embeds_ = parameter("special_care_embeds", {kSpecialConcepts, config.projection_dim});
  concept_embeds_weights_ = parameter("concept_embeds_weights", {kConcepts});
  special_care_embeds_weights_ = parameter("special_care_embeds_weights", {kSpecialConcepts});
}

std::vector<bool> StableDiffusionSafetyCheckerImpl::forward(const at::Tensor& pixels) const {
  const at::Tensor embedded =
      kernels::RowLinear(vision_model_->Pooled(pixels), visual_projection_->weight, /*bias=*/{});  // [B, P]
  const at::Tensor concepts = Cosines(embedded, concept_embeds_);                                  // [B, 17]
  const at::Tensor special = Cosines(embedded, special_care_embeds_);                              // [B, 3]
  const auto thresholds = [](const at::Tensor& weights) { return weights.to(at::kCPU, at::kFloat).contiguous(); };
  const at::Tensor concept_thresholds = thresholds(concept_embeds_weights_);
  const at::Tensor special_thresholds = thresholds(special_care_embeds_weights_);
  const auto exceeds = [](const at::Tensor& cosines, const at::Tensor& limits, int64_t picture, int64_t at,
                          float adjustment) {
    return Exceeds(cosines.const_data_ptr<float>()[picture * limits.numel() + at], limits.const_data_ptr<float>()[at],
                   adjustment);
  };

  std::vector<bool> flagged;
  for (int64_t i = 0; i < pixels.size(0); ++i) {
    float adjustment = 0;  // counts for the special concepts behind the first that is seen, too
    for (int64_t c = 0; c < kSpecialConcepts; ++c) {
      if (exceeds(special, special_thresholds, i, c, adjustment)) adjustment = kAdjustment;
    }
    bool seen = false;
    for (int64_t c = 0; c < kConcepts; ++c) seen = seen || exceeds(concepts, concept_thresholds, i, c, adjustment);
    flagged.push_back(seen);
  }
  return flagged;
}

std::vector<bool> SafetyChecker::Check(std::span<const at::Tensor> pictures) const {
  const at::Tensor batch = at::stack(std::vector<at::Tensor>(pictures.begin(), pictures.end()));  // [B, S, S, 3]
  return network_->forward(Normalise(batch, processor_));
}

int64_t SafetyChecker::memory_bytes() const { return NetworkBytes(*network_); }

}  // namespace latentd::model
