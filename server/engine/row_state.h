#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <string>

#include "absl/status/statusor.h"
#include "model/pipeline/step_range.h"
#include "model/samplers/sampler.h"

namespace latentd::engine {

// All that changes of a row from one evaluation to the next: with the request it gives the same picture elsewhere.
struct RowState {
  at::Tensor latent;  // float32
  model::SamplerState sampler;
  at::Tensor generator;  // its state, as at::Generator has it

  static RowState Of(const at::Tensor& latent, const model::SamplerState& sampler, const at::Generator& generator);

  // For a checkpoint. Brings tensors to the CPU; throws what LibTorch throws.
  std::string Save() const;

  // On the CPU. INVALID_ARGUMENT: the bytes are not what Save writes, or not of a row with such steps and latents.
  static absl::StatusOr<RowState> Read(const std::string& bytes, const model::StepRange& steps,
                                       at::IntArrayRef latent_shape);
};

}  // namespace latentd::engine
