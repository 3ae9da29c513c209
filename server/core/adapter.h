#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/input_image.h"
#include "server/core/model_catalog.h"

namespace latentd::core {

// Weights that change a base model, or steer it.
enum class AdapterKind { kLora, kControlNet, kMotion, kImagePrompt, kEmbedding };

// As errors call one.
constexpr std::string_view Name(AdapterKind kind) {
  switch (kind) {
    case AdapterKind::kLora:
      return "LoRA";
    case AdapterKind::kControlNet:
      return "ControlNet";
    case AdapterKind::kMotion:
      return "motion module";
    case AdapterKind::kImagePrompt:
      return "IP-Adapter";
    case AdapterKind::kEmbedding:
      return "textual-inversion embedding";
  }
  return "";
}

// One adapter that a request asks for.
struct AdapterUse {
  AdapterKind kind = AdapterKind::kLora;
  std::string name{};
  double scale = 1;
  std::optional<InputImage> image{};  // that a ControlNet steers by, or of an image prompt
  // The share of a row's steps in which a ControlNet acts.
  double start = 0;
  double end = 1;
};

// What is known of an adapter without loading its weights.
struct AdapterInfo {
  std::string name{};
  AdapterKind kind = AdapterKind::kLora;
  // ModelInfo::architecture of the models that it was made for; empty when its tensors do not tell.
  std::string architecture{};
  bool changes_motion = false;  // a LoRA of motion modules, which acts in clips alone
  absl::Status error{};         // why it cannot be used
  int64_t memory_bytes = 0;     // of its weights on the device, roughly
  int picture_size = 0;         // of an IP-Adapter: pixels along both edges of the picture that its encoder sees
};

// Whether `adapter` may be used with `model`, as far as can be told without reading weights.
inline bool MayFit(const AdapterInfo& adapter, const ModelInfo& model) {
  return adapter.error.ok() && (adapter.architecture.empty() || adapter.architecture == model.architecture);
}

// The adapters of this process. Thread-safe; nothing blocks.
class AdapterCatalog {
 public:
  virtual ~AdapterCatalog() = default;

  // Sorted by name.
  virtual std::vector<AdapterInfo> ListAdapters() const = 0;

  // NOT_FOUND, naming the adapters there are.
  virtual absl::StatusOr<AdapterInfo> FindAdapter(const std::string& name) const = 0;
};

}  // namespace latentd::core
