#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// Looks at a file's names and shapes, for a configuration that the file does not have, and gathers what is wrong with
// them. Not thread-safe.
class TensorShapes {
 public:
  // `source` outlives it.
  explicit TensorShapes(const TensorSource& source) : source_(source) {}

  // Whether a name begins with `prefix`.
  bool Has(const std::string& prefix) const;

  // How many blocks `prefix` numbers, from 0 on: "down_blocks." of down_blocks.0., down_blocks.1. …
  int64_t Count(const std::string& prefix) const;

  // Null: there is no such tensor.
  const std::vector<int64_t>* Find(const std::string& name) const;

  void AddProblem(std::string problem);

  // Throws ModelError with all problems, if there are any.
  void Finish();

 private:
  const TensorSource& source_;
  std::vector<std::string> problems_;
};

}  // namespace latentd::model
