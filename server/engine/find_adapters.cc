#include "server/engine/find_adapters.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/adapters/picture_projection.h"
#include "model/adapters/read_image_prompt.h"
#include "model/weights/key_maps/original_controlnet_keys.h"
#include "model/weights/recognise.h"
#include "model/weights/safetensors_file.h"
#include "server/engine/adapter_files.h"
#include "server/engine/status.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;

using Load = std::function<std::shared_ptr<const model::Adapter>(const model::DiffusionModel&)>;

// How an adapter of a kind is brought to a model.
Load LoaderOf(core::AdapterKind kind, const fs::path& file) {
  switch (kind) {
    case core::AdapterKind::kLora:
      return [file](const model::DiffusionModel& model) { return model.LoadLora(file); };
    case core::AdapterKind::kEmbedding:
      return [file](const model::DiffusionModel& model) { return model.LoadEmbedding(file); };
    case core::AdapterKind::kControlNet:
      return [file](const model::DiffusionModel& model) { return model.LoadControlNet(file); };
    case core::AdapterKind::kMotion:
      return [file](const model::DiffusionModel& model) { return model.LoadMotion(file); };
    case core::AdapterKind::kImagePrompt:
      return [file](const model::DiffusionModel& model) { return model.LoadImagePrompt(file); };
  }
  return nullptr;
}

std::optional<core::AdapterKind> KindOf(model::FileKind kind) {
  switch (kind) {
    case model::FileKind::kLora:
    case model::FileKind::kMotionLora:
      return core::AdapterKind::kLora;
    case model::FileKind::kControlNet:
      return core::AdapterKind::kControlNet;
    case model::FileKind::kMotionModule:
      return core::AdapterKind::kMotion;
    case model::FileKind::kIpAdapter:
      return core::AdapterKind::kImagePrompt;
    case model::FileKind::kEmbedding:
      return core::AdapterKind::kEmbedding;
    case model::FileKind::kCheckpoint:
    case model::FileKind::kVae:
    case model::FileKind::kUnknown:
      break;
  }
  return std::nullopt;
}

// What else is known of an IP-Adapter; or why it is not served.
absl::Status InspectImagePrompt(const fs::path& file, const model::TensorSource& weights, size_t element_bytes,
                                core::AdapterInfo& info) {
  switch (model::PictureProjectionKindOf(weights.tensors())) {
    case model::PictureProjectionKind::kFaceId:
      return absl::UnimplementedError(
          "is an IP-Adapter of the kind FaceID, which needs insightface to recognise faces; this version does not "
          "serve it");
    case model::PictureProjectionKind::kUnknown:
      return absl::FailedPreconditionError("is an IP-Adapter of a kind that is not known: it has no image_proj");
    default:
      break;
  }
  const model::ImageEncoderFiles encoder = model::OpenImageEncoder(model::ImageEncoderOf(file));
  info.picture_size = static_cast<int>(encoder.config.image_size);
  info.memory_bytes += encoder.parameters * static_cast<int64_t>(element_bytes);
  return absl::OkStatus();
}

absl::Status Recognise(const fs::path& file, size_t element_bytes, core::AdapterInfo& info) {
  absl::Status status;
  const absl::Status opened = Guarded([&] {
    const auto weights = model::SafetensorsFile::Open(file);
    // Some ControlNets come with the model that they were trained with, which is not loaded.
    const std::string prefix = model::OriginalControlNetPrefix(weights->tensors());
    for (const auto& [name, tensor] : weights->tensors()) {
      if (!name.starts_with(prefix)) continue;
      int64_t elements = 1;
      for (const int64_t length : tensor.shape) elements *= length;
      info.memory_bytes += elements * static_cast<int64_t>(element_bytes);
    }
    const model::FileIdentity identity = model::Recognise(weights->tensors());
    info.architecture = identity.architecture;
    const std::optional<core::AdapterKind> kind = KindOf(identity.kind);
    if (!kind) {
      status = absl::FailedPreconditionError(absl::StrCat("is ", identity.description, ", not an adapter"));
      return;
    }
    info.kind = *kind;
    info.changes_motion = identity.kind == model::FileKind::kMotionLora;
    if (*kind == core::AdapterKind::kMotion && identity.architecture == "stable-diffusion-xl") {
      status =
          absl::UnimplementedError(absl::StrCat("is ", identity.description, ", which this version does not serve"));
    } else if (*kind == core::AdapterKind::kImagePrompt) {
      status = InspectImagePrompt(file, *weights, element_bytes, info);
    }
  });
  return opened.ok() ? status : opened;
}

}  // namespace

absl::StatusOr<std::vector<AdapterEntry>> FindAdapters(const fs::path& folder, size_t element_bytes) {
  std::error_code error;
  std::vector<fs::path> paths;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!AdapterWeights(entry->path()).empty()) paths.push_back(entry->path());
  }
  if (error) return absl::NotFoundError(absl::StrCat("the adapters' folder ", folder.string(), ": ", error.message()));
  std::sort(paths.begin(), paths.end());

  std::vector<AdapterEntry> adapters;
  for (const fs::path& path : paths) {
    const fs::path file = AdapterWeights(path);
    AdapterEntry found;
    found.info.name = AdapterName(path);
    const bool taken = std::any_of(adapters.begin(), adapters.end(),
                                   [&](const AdapterEntry& other) { return other.info.name == found.info.name; });
    if (taken && IsPickle(path)) continue;  // it could not be used anyway
    if (taken) {
      return absl::InvalidArgumentError(
          absl::StrCat("the adapters' folder ", folder.string(), " has two adapters of the name ", found.info.name));
    }
    found.info.error = Recognise(file, element_bytes, found.info);
    found.content_hash = AdapterContentHash(found.info.kind, file);
    found.load = LoaderOf(found.info.kind, file);
    adapters.push_back(std::move(found));
  }
  std::sort(adapters.begin(), adapters.end(),
            [](const AdapterEntry& a, const AdapterEntry& b) { return a.info.name < b.info.name; });
  return adapters;
}

}  // namespace latentd::engine
