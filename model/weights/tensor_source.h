#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace latentd::model {

// What a file says of a tensor, known without touching its data.
struct TensorInfo {
  at::ScalarType dtype;
  std::vector<int64_t> shape;
};

// Named tensors, wherever they come from: one safetensors file, a sharded set, or another source under other names.
// Implementations are immutable after construction and may be read from any thread.
class TensorSource {
 public:
  virtual ~TensorSource() = default;

  // How errors call the source: a file or folder.
  virtual const std::string& where() const = 0;

  // Every tensor, sorted by name.
  virtual const std::map<std::string, TensorInfo>& tensors() const = 0;

  // The tensor as it is stored, a view of the mapped file where possible: read-only (writing to it ends the process).
  // The view keeps what it needs of the source alive.
  // REQUIRES: tensors().contains(name).
  virtual at::Tensor Get(const std::string& name) const = 0;

  // Says that the data of `name` was copied elsewhere and need not stay in memory. Views stay valid: the pages come
  // back from the file when they are touched again. REQUIRES: tensors().contains(name).
  virtual void Release(const std::string& name) const = 0;
};

}  // namespace latentd::model
