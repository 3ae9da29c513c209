#include "tests/model/adapters/lora_file.h"

#include "model/weights/tensor_bytes.h"

namespace latentd::model {

std::filesystem::path WriteLoraFile(const TestFolder& folder, const std::map<std::string, at::Tensor>& tensors) {
  return folder.Write("lora.safetensors", WriteTensors(tensors));
}

}  // namespace latentd::model
