#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "model/config/config_reader.h"
#include "model/weights/safetensors_file.h"

namespace latentd::model {

// A golden file of tests/parity/networks/make_goldens.py: a configuration, inputs, and the reference's outputs.
class Golden {
 public:
  explicit Golden(const std::string& name);  // below tests/golden/, such as "unet/sd1.safetensors"

  ConfigReader Config() const;
  at::Tensor operator[](const std::string& name) const { return file_->Get(name); }
  bool Has(const std::string& name) const { return file_->tensors().contains(name); }
  std::vector<std::string> NamesThatBegin(const std::string& start) const;

 private:
  const std::filesystem::path path_;
  const std::shared_ptr<const SafetensorsFile> file_;
};

// `count` numbers in [-1, 1), float64, that depend on `name` alone: the same formula as in make_goldens.py.
at::Tensor UniformByFormula(const std::string& name, int64_t count);

// Gives every parameter the values that make_goldens.py gives the reference's parameter of that name.
void FillParameters(torch::nn::Module& module);

// 1.7 times the formula, float32: inputs of the size that networks see.
at::Tensor InputByFormula(const std::string& name, at::IntArrayRef shape);

// Largest absolute difference, also printed, so that a run shows how near the reference it is.
double LargestDifference(const std::string& name, const at::Tensor& ours, const at::Tensor& reference);

// Whether two tensors have the same type, shape and bytes (memory order aside).
bool SameBytes(const at::Tensor& a, const at::Tensor& b);

}  // namespace latentd::model
