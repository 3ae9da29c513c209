#include "tests/model/adapters/lora_file.h"

#include <ATen/ops/empty.h>

#include <nlohmann/json.hpp>

namespace latentd::model {
namespace {

const char* NameOf(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "F32";
    case at::kHalf:
      return "F16";
    case at::kBFloat16:
      return "BF16";
    case at::kDouble:
      return "F64";
    default:
      return "I64";
  }
}

}  // namespace

std::filesystem::path WriteLoraFile(const TestFolder& folder, const std::map<std::string, at::Tensor>& tensors) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.contiguous();
    const size_t first = data.size();
    data.append(static_cast<const char*>(values.const_data_ptr()), values.nbytes());
    header[name] = {{"dtype", NameOf(values.scalar_type())},
                    {"shape", values.sizes().vec()},
                    {"data_offsets", {first, data.size()}}};
  }
  return folder.Write("lora.safetensors", SafetensorsBytes(header.dump(), data));
}

}  // namespace latentd::model
