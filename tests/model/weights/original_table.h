#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// A tensor of a network of diffusers, and what it comes from in the original layout.
struct OriginalTarget {
  std::string original;
  std::vector<int64_t> shape;
};

// A file of tests/golden/weights/original, which says what diffusers makes of a full-size checkpoint.
struct OriginalTable {
  std::map<std::string, TensorInfo> tensors;                           // of the checkpoint, in float16
  std::map<std::string, std::map<std::string, OriginalTarget>> parts;  // component, then name in diffusers

  static OriginalTable Read(const std::string& system);
};

// The folder of these tables.
std::string OriginalTables();

}  // namespace latentd::model
