#include "server/engine/find_adapters.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/weights/key_maps/original_controlnet_keys.h"
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

// PyTorch's formats, which are not read: opening one says what converts it.
bool IsPickle(const fs::path& path) {
  const fs::path extension = path.extension();
  return extension == ".pt" || extension == ".bin" || extension == ".pth" || extension == ".ckpt";
}

// Of an adapter's weights, and of what its folder says about them.
std::function<std::string()> ContentHash(const fs::path& weights) {
  const fs::path config = weights.parent_path() / "config.json";
  std::error_code error;
  if (!fs::exists(config, error)) return FileHash(weights);
  return [weights = FileHash(weights), config = FileHash(config)]() mutable { return weights() + config(); };
}

// Of several files of a folder, such as variants, the one that diffusers would take: of full precision, if there is
// one.
fs::path Preferred(const std::vector<fs::path>& files) {
  for (const char* variant : {"", ".fp16", ".bf16"}) {
    const std::string name = absl::StrCat("diffusion_pytorch_model", variant, ".safetensors");
    const auto found =
        std::find_if(files.begin(), files.end(), [&](const fs::path& f) { return f.filename() == name; });
    if (found != files.end()) return *found;
  }
  return files.size() == 1 ? files.front() : fs::path();
}

// The file that an entry of the folder stands for; empty: it is no adapter.
fs::path WeightsOf(const fs::path& entry) {
  std::error_code error;
  const auto is_weights = [](const fs::path& path) { return path.extension() == ".safetensors"; };
  if (!fs::is_directory(entry, error)) {
    if (!IsPickle(entry)) return is_weights(entry) ? entry : fs::path();
    // Beside the result of its conversion it is nothing.
    return fs::exists(fs::path(entry).replace_extension(".safetensors"), error) ? fs::path() : entry;
  }
  std::vector<fs::path> files;
  for (fs::directory_iterator each(entry, error); !error && each != fs::directory_iterator(); each.increment(error)) {
    if (is_weights(each->path())) files.push_back(each->path());
  }
  return Preferred(files);
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
    case core::AdapterKind::kEmbedding:
      return [file](const model::DiffusionModel& model) { return model.LoadEmbedding(file); };
    case core::AdapterKind::kControlNet:
      return [file](const model::DiffusionModel& model) { return model.LoadControlNet(file); };
    case core::AdapterKind::kMotion:
      return [file](const model::DiffusionModel& model) { return model.LoadMotion(file); };
    case core::AdapterKind::kImagePrompt:
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
    const bool of_xl = *kind == core::AdapterKind::kMotion && identity.architecture == "stable-diffusion-xl";
    if (LoaderOf(*kind, file) == nullptr || of_xl) {
      status =
          absl::UnimplementedError(absl::StrCat("is ", identity.description, ", which this version does not serve"));
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
    found.content_hash = ContentHash(file);
    const bool taken = std::any_of(adapters.begin(), adapters.end(),
                                   [&](const AdapterEntry& other) { return other.info.name == found.info.name; });
    if (taken && IsPickle(path)) continue;  // it could not be used anyway
    if (taken) {
      return absl::InvalidArgumentError(
          absl::StrCat("the adapters' folder ", folder.string(), " has two adapters of the name ", found.info.name));
    }
    found.info.error = Recognise(file, element_bytes, found.info);
    found.load = LoaderOf(found.info.kind, file);
    adapters.push_back(std::move(found));
  }
  std::sort(adapters.begin(), adapters.end(),
            [](const AdapterEntry& a, const AdapterEntry& b) { return a.info.name < b.info.name; });
  return adapters;
}

}  // namespace latentd::engine
