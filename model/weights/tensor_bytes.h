#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

namespace latentd::model {

// Tensors as the bytes of a safetensors file, in memory: what travels between processes.
//
//   std::string bytes = WriteTensors({{"latent", latent}});
//   at::Tensor latent = ReadTensors("the checkpoint", bytes).at("latent");

// They are brought to the CPU. REQUIRES: types that ParseSafetensorsHeader knows.
std::string WriteTensors(const std::map<std::string, at::Tensor>& tensors);

// Copies, on the CPU. `where` is how errors call the bytes. Throws ModelError listing everything that is wrong.
std::map<std::string, at::Tensor> ReadTensors(const std::string& where, std::string_view bytes);

}  // namespace latentd::model
