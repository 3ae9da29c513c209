#pragma once

#include <torch/nn/module.h>

#include <cstdint>

namespace latentd::model {

// Bytes of a network's weights.
inline int64_t NetworkBytes(const torch::nn::Module& network) {
  int64_t bytes = 0;
  for (const at::Tensor& parameter : network.parameters()) bytes += static_cast<int64_t>(parameter.nbytes());
  return bytes;
}

}  // namespace latentd::model
