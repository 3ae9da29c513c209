#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// Tensors in memory, for tests; remembers which were released.
class MemorySource : public TensorSource {
 public:
  explicit MemorySource(std::map<std::string, at::Tensor> data) : data_(std::move(data)) {
    for (const auto& [name, tensor] : data_) tensors_[name] = {tensor.scalar_type(), tensor.sizes().vec()};
  }

  const std::string& where() const override { return where_; }
  const std::map<std::string, TensorInfo>& tensors() const override { return tensors_; }
  at::Tensor Get(const std::string& name) const override { return data_.at(name); }
  void Release(const std::string& name) const override { ++released[name]; }

  mutable std::map<std::string, int> released;

 private:
  const std::string where_ = "memory";
  const std::map<std::string, at::Tensor> data_;
  std::map<std::string, TensorInfo> tensors_;
};

}  // namespace latentd::model
