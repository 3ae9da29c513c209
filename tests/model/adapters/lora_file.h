#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

#include "tests/model/weights/test_folder.h"

namespace latentd::model {

// Writes tensors of any type and shape as a safetensors file and returns its path.
std::filesystem::path WriteLoraFile(const TestFolder& folder, const std::map<std::string, at::Tensor>& tensors);

}  // namespace latentd::model
