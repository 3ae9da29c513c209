#include "model/weights/load_weights.h"

#include <ATen/core/grad_mode.h>

#include <map>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/weights/shape_text.h"

namespace latentd::model {
namespace {

std::map<std::string, at::Tensor> Targets(torch::nn::Module& module) {
  std::map<std::string, at::Tensor> targets;
  for (const auto& item : module.named_parameters()) targets.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) targets.emplace(item.key(), item.value());
  return targets;
}

}  // namespace

void CheckWeights(torch::nn::Module& module, const TensorSource& source, const LoadOptions& options) {
  const std::map<std::string, at::Tensor> targets = Targets(module);
  std::vector<std::string> problems;
  for (const auto& [name, target] : targets) {
    const auto found = source.tensors().find(name);
    if (found == source.tensors().end()) {
      problems.push_back(name + ": is missing");
      continue;
    }
    const TensorInfo& info = found->second;
    if (target.sizes() != at::IntArrayRef(info.shape)) {
      problems.push_back(name + ": has shape " + ShapeText(info.shape) + " instead of " + ShapeText(target.sizes()));
    }
    if (target.is_floating_point() != at::isFloatingType(info.dtype)) {
      problems.push_back(name + ": has type " + c10::toString(info.dtype) + ", which is not loaded into " +
                         c10::toString(target.scalar_type()));
    }
  }
  for (const auto& [name, info] : source.tensors()) {
    if (!targets.contains(name) && !options.may_ignore(name)) problems.push_back(name + ": is unexpected");
  }
  if (!problems.empty()) throw ModelError(source.where(), std::move(problems));
}

void LoadWeights(torch::nn::Module& module, const TensorSource& source, const LoadOptions& options) {
  CheckWeights(module, source, options);
  const at::NoGradGuard no_grad;
  for (const auto& [name, target] : Targets(module)) {
    target.copy_(source.Get(name));
    source.Release(name);
  }
}

}  // namespace latentd::model
