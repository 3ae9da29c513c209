#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace latentd::model {

// A list of modules of one type, registered as "0", "1", …: the names that torch.nn.ModuleList gives them in a
// checkpoint.
//
//   auto resnets = register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>());
//   resnets->Append(ResnetBlock(…));
template <typename Holder>
class ModuleVector : public torch::nn::Module {
 public:
  void Append(Holder module) { items_.push_back(register_module(std::to_string(items_.size()), std::move(module))); }

  size_t size() const { return items_.size(); }
  const Holder& operator[](size_t index) const { return items_[index]; }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<Holder> items_;
};

}  // namespace latentd::model
