#include "server/imaging/latent_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace latentd::imaging {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "files are little-endian");

constexpr size_t kLengthBytes = 8;
constexpr size_t kMaxHeader = 1 << 20;  // far above what our own metadata takes
constexpr int kMaxChannels = 64;
constexpr char kTensor[] = "latent";

uint64_t HeaderLength(std::string_view file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  return length;
}

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the latent ", std::string(what)));
}

bool IsSize(const json& value, uint64_t most) {
  return value.is_number_unsigned() && value.get<uint64_t>() >= 1 && value.get<uint64_t>() <= most;
}

struct Layout {
  core::LatentShape shape;
  std::string_view data;
};

// `tensor`: the entry of the header; `data`: what follows the header.
absl::StatusOr<Layout> ReadTensor(const json& tensor, std::string_view data, const InputLimits& limits) {
  if (!tensor.is_object() || tensor.value("dtype", json()) != "F32") return Bad("must be a tensor of dtype F32");
  const json shape = tensor.value("shape", json());
  const auto max_edge = static_cast<uint64_t>(limits.max_edge);
  const bool fits = shape.is_array() && shape.size() == 3 && IsSize(shape[0], kMaxChannels) &&
                    IsSize(shape[1], max_edge) && IsSize(shape[2], max_edge);
  if (!fits) {
    return Bad(absl::StrFormat("must have the shape [channels, height, width], at most %d and %d", kMaxChannels,
                               limits.max_edge));
  }
  const auto bytes = sizeof(float) * shape[0].get<uint64_t>() * shape[1].get<uint64_t>() * shape[2].get<uint64_t>();
  if (tensor.value("data_offsets", json()) != json::array({0, bytes}) || data.size() != bytes) {
    return Bad(absl::StrFormat("must have the %d bytes of its shape; the file has %d", bytes, data.size()));
  }
  return Layout{.shape = {.channels = shape[0].get<int>(), .width = shape[2].get<int>(), .height = shape[1].get<int>()},
                .data = data};
}

absl::StatusOr<Layout> Read(std::string_view file, const InputLimits& limits) {
  if (file.size() > limits.max_bytes) {
    return Bad(absl::StrFormat("is %d bytes; at most %d are taken", file.size(), limits.max_bytes));
  }
  if (!IsLatent(file) || HeaderLength(file) > std::min(kMaxHeader, file.size() - kLengthBytes)) {
    return Bad("is cut off, or no safetensors file");
  }
  const std::string_view rest = file.substr(kLengthBytes);
  const std::string_view text = rest.substr(0, HeaderLength(file));
  const json header = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) return Bad("has a header that is not JSON");
  for (const auto& [name, entry] : header.items()) {
    if (name != kTensor && name != "__metadata__") return Bad("must be the one tensor of its file, named \"latent\"");
  }
  if (!header.contains(kTensor)) return Bad("must be a tensor named \"latent\"");
  return ReadTensor(header[kTensor], rest.substr(text.size()), limits);
}

}  // namespace

std::string EncodeLatent(const Latent& latent, const Metadata& metadata) {
  const size_t bytes = sizeof(float) * latent.values.size();
  const json header = {{"__metadata__",
                        {{"software", metadata.software},
                         {"parameters", ParametersText(metadata)},
                         {"latentd", ParametersJson(metadata)},
                         {"xmp", XmpPacket(metadata.software, "")}}},
                       {kTensor,
                        {{"dtype", "F32"},
                         {"shape", {latent.shape.channels, latent.shape.height, latent.shape.width}},
                         {"data_offsets", {0, bytes}}}}};
  std::string text =
      header.dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the values are aligned
  const auto length = static_cast<uint64_t>(text.size());
  std::string file(kLengthBytes, '\0');
  std::memcpy(file.data(), &length, kLengthBytes);
  file.append(text).append(reinterpret_cast<const char*>(latent.values.data()), bytes);
  return file;
}

// No picture begins so: the length of a header of less than 16 MiB, and the brace of its object.
bool IsLatent(std::string_view file) {
  return file.size() > kLengthBytes && HeaderLength(file) < uint64_t{1} << 24 && file[kLengthBytes] == '{';
}

absl::StatusOr<core::LatentShape> InspectLatent(std::string_view file, const InputLimits& limits) {
  const absl::StatusOr<Layout> layout = Read(file, limits);
  if (!layout.ok()) return layout.status();
  return layout->shape;
}

absl::StatusOr<Latent> DecodeLatent(std::string_view file, const InputLimits& limits) {
  const absl::StatusOr<Layout> layout = Read(file, limits);
  if (!layout.ok()) return layout.status();
  Latent latent{.shape = layout->shape, .values = std::vector<float>(layout->data.size() / sizeof(float))};
  std::memcpy(latent.values.data(), layout->data.data(), layout->data.size());
  if (!std::all_of(latent.values.begin(), latent.values.end(), [](float value) { return std::isfinite(value); })) {
    return Bad("holds values that are NaN or infinite");
  }
  return latent;
}

}  // namespace latentd::imaging
