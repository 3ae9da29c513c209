#include "model/weights/tensor_bytes.h"

#include <ATen/ops/empty.h>

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "model/weights/safetensors_header.h"

namespace latentd::model {
namespace {

const char* NameOf(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return "F64";
    case at::kFloat:
      return "F32";
    case at::kHalf:
      return "F16";
    case at::kBFloat16:
      return "BF16";
    case at::kLong:
      return "I64";
    case at::kInt:
      return "I32";
    case at::kByte:
      return "U8";
    default:
      TORCH_CHECK(false, "tensors of type ", type, " are not written");
  }
}

}  // namespace

std::string WriteTensors(const std::map<std::string, at::Tensor>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::vector<at::Tensor> data;
  size_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    data.push_back(tensor.cpu().contiguous());
    const size_t begin = end;
    end += data.back().nbytes();
    header[name] = {
        {"dtype", NameOf(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data is aligned

  std::string bytes;
  bytes.reserve(sizeof(uint64_t) + text.size() + end);
  for (size_t i = 0; i < sizeof(uint64_t); ++i) bytes.push_back(static_cast<char>(text.size() >> (8 * i)));
  bytes += text;
  for (const at::Tensor& tensor : data) {
    bytes.append(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  }
  return bytes;
}

std::map<std::string, at::Tensor> ReadTensors(const std::string& where, std::string_view bytes) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, entry] : ParseSafetensorsHeader(where, bytes)) {
    at::Tensor tensor = at::empty(entry.info.shape, entry.info.dtype);
    std::memcpy(tensor.mutable_data_ptr(), bytes.data() + entry.offset, entry.length);
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

}  // namespace latentd::model
