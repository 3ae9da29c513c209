#include "server/engine/row_state.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/errors.h"
#include "model/weights/tensor_bytes.h"

namespace latentd::engine {
namespace {

constexpr char kLatent[] = "latent";
constexpr char kGenerator[] = "generator";
constexpr char kEvaluations[] = "evaluations";  // [2]: the next one, and the first
constexpr char kHistory[] = "history.";

// In the order of their numbers.
std::string HistoryName(size_t index) { return absl::StrFormat("%s%04d", kHistory, index); }

absl::Status Bad(const std::string& what) { return absl::InvalidArgumentError(absl::StrCat("a row's state ", what)); }

}  // namespace

RowState RowState::Of(const at::Tensor& latent, const model::SamplerState& sampler, const at::Generator& generator) {
  return {.latent = latent, .sampler = sampler, .generator = generator.get_state()};
}

std::string RowState::Save() const {
  std::map<std::string, at::Tensor> tensors = {
      {kLatent, latent},
      {kGenerator, generator},
      {kEvaluations, at::tensor({int64_t{sampler.evaluation}, int64_t{sampler.begin}})}};
  for (size_t i = 0; i < sampler.history.size(); ++i) tensors.emplace(HistoryName(i), sampler.history[i]);
  return model::WriteTensors(tensors);
}

absl::StatusOr<RowState> RowState::Read(const std::string& bytes, const model::StepRange& steps,
                                        at::IntArrayRef latent_shape) {
  std::map<std::string, at::Tensor> tensors;
  try {
    tensors = model::ReadTensors("a row's state", bytes);
  } catch (const model::ModelError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  RowState state;
  for (auto& [name, tensor] : tensors) {
    if (name == kLatent) {
      if (tensor.scalar_type() != at::kFloat || tensor.sizes() != latent_shape) return Bad("has another latent");
      state.latent = std::move(tensor);
    } else if (name == kGenerator) {
      if (tensor.scalar_type() != at::kByte) return Bad("has a bad generator");
      state.generator = std::move(tensor);
    } else if (name == kEvaluations) {
      if (tensor.scalar_type() != at::kLong || tensor.numel() != 2) return Bad("has bad evaluations");
      state.sampler.evaluation = static_cast<int>(tensor[0].item<int64_t>());
      state.sampler.begin = static_cast<int>(tensor[1].item<int64_t>());
    } else if (name == HistoryName(state.sampler.history.size())) {
      state.sampler.history.push_back(std::move(tensor));
    } else {
      return Bad(absl::StrCat("has an unknown tensor, ", name));
    }
  }
  if (!state.latent.defined() || !state.generator.defined()) return Bad("lacks a tensor");
  const model::SamplerState& sampler = state.sampler;
  if (sampler.begin != steps.begin.begin || sampler.evaluation < steps.begin.evaluation ||
      sampler.evaluation > steps.end) {
    return Bad(absl::StrCat("is before evaluation ", sampler.evaluation, ", begun at ", sampler.begin,
                            ": those of the row are ", steps.begin.evaluation, " to ", steps.end));
  }
  return state;
}

}  // namespace latentd::engine
