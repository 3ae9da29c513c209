#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <span>
#include <vector>

#include "model/vision/clip_vision_config.h"
#include "model/vision/clip_vision_model.h"
#include "model/vision/image_processor.h"

namespace latentd::model {

// `safety_checker/config.json`: a CLIPConfig, of which the vision encoder counts. `projection_dim` is the outer one.
ClipVisionConfig ReadSafetyCheckerConfig(ConfigReader reader);

// Tells pictures that look like concepts which are not to be shown, by how near they are to them in CLIP's space
// (diffusers' StableDiffusionSafetyChecker, whose parameter names it has; Rando et al. 2022, arXiv:2210.04610, describe
// it). B is the batch, S the edge of the picture that it sees.
class StableDiffusionSafetyCheckerImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (type, device), not initialised.
  StableDiffusionSafetyCheckerImpl(const ClipVisionConfig& config, const at::TensorOptions& options);

  // pixels: normalised colours [B, 3, S, S], converted to the network's type and device. For each picture whether it
  // is flagged: diffusers' has_nsfw_concepts. Const; may run from several threads at a time.
  std::vector<bool> forward(const at::Tensor& pixels) const;

 private:
  ClipVisionTransformer vision_model_;
  Linear visual_projection_;
  at::Tensor concept_embeds_;               // [17, P]
  at::Tensor special_care_embeds_;          // [3, P]
  at::Tensor concept_embeds_weights_;       // [17]: the similarity from which a picture is flagged
  at::Tensor special_care_embeds_weights_;  // [3]: the one from which all others are lowered by 0.01
};
TORCH_MODULE(StableDiffusionSafetyChecker);

// A model's checker with what brings pictures to it. Const; may be used from several threads at a time.
class SafetyChecker {
 public:
  SafetyChecker(StableDiffusionSafetyChecker network, const ImageProcessorConfig& processor)
      : network_(std::move(network)), processor_(processor) {}

  // How pictures are brought to its size before they are checked.
  const ImageProcessorConfig& processor() const { return processor_; }

  // pictures: uint8 [S, S, 3] each, S being processor().crop_size. REQUIRES: at least one.
  std::vector<bool> Check(std::span<const at::Tensor> pictures) const;

  int64_t memory_bytes() const;

 private:
  const StableDiffusionSafetyChecker network_;
  const ImageProcessorConfig processor_;
};

}  // namespace latentd::model
