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
#include "model/weights/mapped_file.h"
#include "model/weights/recognise.h"
#include "model/weights/safetensors_file.h"
#include "server/engine/status.h"
#include "server/imaging/sha256.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;

// The hash of a file, which is read again when its size or its time have changed.
class FileHash {
 public:
  explicit FileHash(fs::path file) : file_(std::move(file)) {}

  // REQUIRES: called on one thread at a time, which the loader is.
  const std::string& operator()() {
    const Stamp stamp{fs::file_size(file_), fs::last_write_time(file_)};
    if (stamp_ == stamp) return hash_;
    hash_ = imaging::Sha256Hex(model::MappedFile(file_).bytes());
    stamp_ = stamp;
    return hash_;
  }

 private:
  using Stamp = std::pair<uintmax_t, fs::file_time_type>;

  const fs::path file_;
  std::optional<Stamp> stamp_;
  std::string hash_;
};

// What an adapter of a kind is read from.
std::vector<fs::path> FilesOf(core::AdapterKind kind, const fs::path& file) {
  std::vector<fs::path> files = {file};
  if (kind != core::AdapterKind::kImagePrompt) return files;
  std::error_code error;
  const fs::path encoder = model::ImageEncoderOf(file);
  for (fs::directory_iterator each(encoder, error); !error && each != fs::directory_iterator(); each.increment(error)) {
    const std::string extension = each->path().extension().string();
    if (extension == ".safetensors" || extension == ".json") files.push_back(each->path());
  }
  std::sort(files.begin() + 1, files.end());
  return files;
}

// The hash of all of them.
std::function<std::string()> ContentHash(core::AdapterKind kind, const fs::path& file) {
  auto hashes = std::make_shared<std::vector<FileHash>>();
  for (const fs::path& each : FilesOf(kind, file)) hashes->emplace_back(each);
  return [hashes] {
    if (hashes->size() == 1) return std::string(hashes->front()());
    std::string all;
    for (FileHash& hash : *hashes) absl::StrAppend(&all, hash(), "\n");
    return imaging::Sha256Hex(all);
  };
}

// The file that an entry of the folder stands for; empty: it is no adapter.
fs::path WeightsOf(const fs::path& entry) {
  std::error_code error;
  if (entry == model::ImageEncoderOf(entry)) return {};  // a part of the IP-Adapters beside it
  const auto is_weights = [](const fs::path& path) { return path.extension() == ".safetensors"; };
  if (!fs::is_directory(entry, error)) return is_weights(entry) ? entry : fs::path();
  std::vector<fs::path> files;
  for (fs::directory_iterator each(entry, error); !error && each != fs::directory_iterator(); each.increment(error)) {
    if (is_weights(each->path())) files.push_back(each->path());
  }
  return files.size() == 1 ? files.front() : fs::path();
}

std::string NameOf(const fs::path& entry) {
  std::error_code error;
  return fs::is_directory(entry, error) ? entry.filename().string() : entry.stem().string();
}

using Load = std::function<std::shared_ptr<const model::Adapter>(const model::DiffusionModel&)>;

// How an adapter of a kind is brought to a model; empty: this program cannot.
Load LoaderOf(core::AdapterKind kind, const fs::path& file) {
  switch (kind) {
    case core::AdapterKind::kLora:
      return [file](const model::DiffusionModel& model) { return model.LoadLora(file); };
    case core::AdapterKind::kImagePrompt:
      return [file](const model::DiffusionModel& model) { return model.LoadImagePrompt(file); };
    case core::AdapterKind::kControlNet:
    case core::AdapterKind::kMotion:
    case core::AdapterKind::kEmbedding:
      break;
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
    for (const auto& [name, tensor] : weights->tensors()) {
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
    if (LoaderOf(*kind, file) == nullptr) {
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
    if (!WeightsOf(entry->path()).empty()) paths.push_back(entry->path());
  }
  if (error) return absl::NotFoundError(absl::StrCat("the adapters' folder ", folder.string(), ": ", error.message()));
  std::sort(paths.begin(), paths.end());

  std::vector<AdapterEntry> adapters;
  for (const fs::path& path : paths) {
    const fs::path file = WeightsOf(path);
    AdapterEntry found;
    found.info.name = NameOf(path);
    const bool taken = std::any_of(adapters.begin(), adapters.end(),
                                   [&](const AdapterEntry& other) { return other.info.name == found.info.name; });
    if (taken) {
      return absl::InvalidArgumentError(
          absl::StrCat("the adapters' folder ", folder.string(), " has two adapters of the name ", found.info.name));
    }
    found.info.error = Recognise(file, element_bytes, found.info);
    found.content_hash = ContentHash(found.info.kind, file);
    found.load = LoaderOf(found.info.kind, file);
    adapters.push_back(std::move(found));
  }
  std::sort(adapters.begin(), adapters.end(),
            [](const AdapterEntry& a, const AdapterEntry& b) { return a.info.name < b.info.name; });
  return adapters;
}

}  // namespace latentd::engine
