#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>

#include <map>
#include <string>
#include <utility>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// Names and shapes without data, for tests of full-size checkpoints. Every element of a tensor is its number in the
// order of the names.
class ShapeSource : public TensorSource {
 public:
  explicit ShapeSource(std::map<std::string, TensorInfo> tensors) : tensors_(std::move(tensors)) {}

  const std::string& where() const override { return where_; }
  const std::map<std::string, TensorInfo>& tensors() const override { return tensors_; }
  at::Tensor Get(const std::string& name) const override {
    return at::full({}, Number(name), at::kLong).expand(tensors_.at(name).shape);
  }
  void Release(const std::string&) const override {}

  int64_t Number(const std::string& name) const { return std::distance(tensors_.begin(), tensors_.find(name)); }

 private:
  const std::string where_ = "shapes.safetensors";
  const std::map<std::string, TensorInfo> tensors_;
};

}  // namespace latentd::model
