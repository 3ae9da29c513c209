#include "model/weights/renamed_source.h"

#include <utility>

#include "model/errors.h"

namespace latentd::model {

std::shared_ptr<const RenamedSource> RenamedSource::Make(std::shared_ptr<const TensorSource> source,
                                                         const KeyMap& map) {
  return Select(std::move(source), [&map](const std::string& name, const TensorInfo& info) {
    return std::vector<RenamedTensor>{map(name, info)};
  });
}

std::shared_ptr<const RenamedSource> RenamedSource::Select(std::shared_ptr<const TensorSource> source,
                                                           const PartsMap& map) {
  return std::shared_ptr<const RenamedSource>(new RenamedSource(std::move(source), map));
}

RenamedSource::RenamedSource(std::shared_ptr<const TensorSource> source, const PartsMap& map)
    : source_(std::move(source)) {
  std::vector<std::string> problems;
  for (const auto& [name, info] : source_->tensors()) {
    for (RenamedTensor& part : map(name, info)) {
      const Origin origin{.name = name, .first_row = part.first_row, .transposed = part.transposed};
      const auto [other, is_new] = origins_.emplace(part.name, origin);
      if (!is_new) {
        problems.push_back("'" + other->second.name + "' and '" + name + "' are both '" + part.name + "'");
      }
      tensors_.emplace(part.name, TensorInfo{.dtype = info.dtype, .shape = std::move(part.shape)});
    }
  }
  if (!problems.empty()) throw ModelError(where(), std::move(problems));
}

at::Tensor RenamedSource::Get(const std::string& name) const {
  const Origin& origin = origins_.at(name);
  const std::vector<int64_t>& shape = tensors_.at(name).shape;
  at::Tensor tensor = source_->Get(origin.name);
  if (origin.transposed) return tensor.t();
  if (tensor.numel() != c10::multiply_integers(shape)) tensor = tensor.narrow(0, origin.first_row, shape[0]);
  return tensor.view(shape);
}

}  // namespace latentd::model
