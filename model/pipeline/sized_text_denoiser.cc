#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <vector>

#include "model/pipeline/unet_denoiser.h"

namespace latentd::model {
namespace {

// diffusers' `time_ids`. [K] float32
at::Tensor Numbers(const SizeCondition& size, bool with_aesthetic_score) {
  std::vector<double> numbers = {static_cast<double>(size.original_height), static_cast<double>(size.original_width),
                                 static_cast<double>(size.crop_top), static_cast<double>(size.crop_left)};
  if (with_aesthetic_score) {
    numbers.push_back(size.aesthetic_score);
  } else {
    numbers.insert(numbers.end(), {static_cast<double>(size.target_height), static_cast<double>(size.target_width)});
  }
  return at::tensor(numbers, at::kFloat);
}

}  // namespace

at::Tensor SizedTextDenoiser::Predict(const Lanes& lanes) const {
  const LoraScope scope(adaptable_, lanes.loras);
  const ImagePromptScope prompts(attentions_, lanes.image_prompts);
  std::vector<at::Tensor> numbers;
  for (const SizeCondition& size : lanes.sizes) numbers.push_back(Numbers(size, takes_aesthetic_score_));
  AddedConditions added{.pooled = lanes.pooled, .numbers = at::stack(numbers)};
  const std::vector<LaneResiduals> residuals = ControlResiduals(lanes, added);
  added.residuals = residuals;
  const UNetInputs inputs = unet_->Prepare(lanes.samples, lanes.timesteps, lanes.context, added);
  return HasAdapters(lanes) ? unet_->Run(inputs) : graphs_.Run(inputs);
}

}  // namespace latentd::model
