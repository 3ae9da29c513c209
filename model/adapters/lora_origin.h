#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "model/adapters/adaptable_network.h"
#include "model/weights/tensor_source.h"

namespace latentd::model {

// Guesses from a LoRA file's tensors what kind of model it was made for, to say so when it does not fit.
class LoraOrigin {
 public:
  // Call it with every tensor of the file.
  void See(const std::string& name, const TensorInfo& info);

  // "is made for …; this model is …", or nothing when the file shows nothing, or fits in what it shows.
  std::optional<std::string> OtherThan(std::span<const AdaptableNetwork* const> networks) const;

 private:
  std::set<int64_t> text_features_;  // that the cross-attention's keys and values are made from
  bool transformer_ = false;         // names of diffusion transformers
};

}  // namespace latentd::model
