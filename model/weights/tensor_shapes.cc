#include "model/weights/tensor_shapes.h"

#include <utility>

#include "model/errors.h"

namespace latentd::model {

bool TensorShapes::Has(const std::string& prefix) const {
  const auto found = source_.tensors().lower_bound(prefix);
  return found != source_.tensors().end() && found->first.starts_with(prefix);
}

int64_t TensorShapes::Count(const std::string& prefix) const {
  int64_t count = 0;
  while (Has(prefix + std::to_string(count) + ".")) ++count;
  return count;
}

const std::vector<int64_t>* TensorShapes::Find(const std::string& name) const {
  const auto found = source_.tensors().find(name);
  return found == source_.tensors().end() ? nullptr : &found->second.shape;
}

void TensorShapes::AddProblem(std::string problem) { problems_.push_back(std::move(problem)); }

void TensorShapes::Finish() {
  if (!problems_.empty()) throw ModelError(source_.where(), std::exchange(problems_, {}));
}

}  // namespace latentd::model
