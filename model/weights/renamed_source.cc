#include "model/weights/renamed_source.h"

#include <utility>

#include "model/errors.h"

namespace latentd::model {

std::shared_ptr<const RenamedSource> RenamedSource::Make(std::shared_ptr<const TensorSource> source,
                                                         const KeyMap& map) {
  return std::shared_ptr<const RenamedSource>(new RenamedSource(std::move(source), map));
}

RenamedSource::RenamedSource(std::shared_ptr<const TensorSource> source, const KeyMap& map)
    : source_(std::move(source)) {
  std::vector<std::string> problems;
  for (const auto& [name, info] : source_->tensors()) {
    RenamedTensor renamed = map(name, info);
    const auto [original, is_new] = originals_.emplace(renamed.name, name);
    if (!is_new) problems.push_back("'" + original->second + "' and '" + name + "' are both '" + renamed.name + "'");
    tensors_.emplace(renamed.name, TensorInfo{.dtype = info.dtype, .shape = std::move(renamed.shape)});
  }
  if (!problems.empty()) throw ModelError(where(), std::move(problems));
}

at::Tensor RenamedSource::Get(const std::string& name) const {
  return source_->Get(originals_.at(name)).view(tensors_.at(name).shape);
}

}  // namespace latentd::model
