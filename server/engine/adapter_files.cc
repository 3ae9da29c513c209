#include "server/engine/adapter_files.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/adapters/read_image_prompt.h"
#include "model/weights/mapped_file.h"
#include "server/imaging/sha256.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;

class FileHash {
 public:
  explicit FileHash(fs::path file) : file_(std::move(file)) {}

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

bool IsWeights(const fs::path& path) { return path.extension() == ".safetensors"; }

// The files of a folder that are wanted.
template <typename Wanted>
std::vector<fs::path> FilesIn(const fs::path& folder, const Wanted& wanted) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator each(folder, error); !error && each != fs::directory_iterator(); each.increment(error)) {
    if (wanted(each->path())) files.push_back(each->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path Preferred(const std::vector<fs::path>& files) {
  for (const char* variant : {"", ".fp16", ".bf16"}) {
    const std::string name = absl::StrCat("diffusion_pytorch_model", variant, ".safetensors");
    const auto found =
        std::find_if(files.begin(), files.end(), [&](const fs::path& f) { return f.filename() == name; });
    if (found != files.end()) return *found;
  }
  return files.size() == 1 ? files.front() : fs::path();
}

// What an adapter of a kind is read from.
std::vector<fs::path> FilesOf(core::AdapterKind kind, const fs::path& weights) {
  std::vector<fs::path> files = {weights};
  std::error_code error;
  if (const fs::path config = weights.parent_path() / "config.json"; fs::exists(config, error)) files.push_back(config);
  if (kind == core::AdapterKind::kImagePrompt) {
    const auto wanted = [](const fs::path& path) { return IsWeights(path) || path.extension() == ".json"; };
    const std::vector<fs::path> encoder = FilesIn(model::ImageEncoderOf(weights), wanted);
    files.insert(files.end(), encoder.begin(), encoder.end());
  }
  return files;
}

}  // namespace

fs::path AdapterWeights(const fs::path& entry) {
  std::error_code error;
  if (entry == model::ImageEncoderOf(entry)) return {};  // a part of the IP-Adapters beside it
  if (fs::is_directory(entry, error)) return Preferred(FilesIn(entry, IsWeights));
  if (!IsPickle(entry)) return IsWeights(entry) ? entry : fs::path();
  // Beside the result of its conversion it is nothing.
  return fs::exists(fs::path(entry).replace_extension(".safetensors"), error) ? fs::path() : entry;
}

std::string AdapterName(const fs::path& entry) {
  std::error_code error;
  return fs::is_directory(entry, error) ? entry.filename().string() : entry.stem().string();
}

bool IsPickle(const fs::path& path) {
  const fs::path extension = path.extension();
  return extension == ".pt" || extension == ".bin" || extension == ".pth" || extension == ".ckpt";
}

std::function<std::string()> AdapterContentHash(core::AdapterKind kind, const fs::path& weights) {
  auto hashes = std::make_shared<std::vector<FileHash>>();
  for (const fs::path& file : FilesOf(kind, weights)) hashes->emplace_back(file);
  return [hashes] {
    std::string all;
    for (FileHash& hash : *hashes) all += hash();
    return all;
  };
}

}  // namespace latentd::engine
