#include "model/weights/safetensors_file.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>
#include <optional>

#include "model/errors.h"

namespace latentd::model {
namespace {

constexpr char kPickle[] =
    "is a PyTorch pickle file, which is not loaded because reading one can run code; convert it to safetensors "
    "with deploy/convert.py";

std::optional<std::string> DescribeForeignName(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".ckpt" || extension == ".bin" || extension == ".pt" || extension == ".pth") return kPickle;
  if (extension != ".safetensors")
    return "is not a safetensors file; deploy/convert.py converts PyTorch checkpoints (.ckpt, .bin, .pt)";
  return std::nullopt;
}

// What a file that cannot be read as safetensors seems to be. Only then: any two bytes can begin a valid header.
std::optional<std::string> DescribeForeignBytes(std::string_view bytes) {
  constexpr std::string_view kZip = "PK\x03\x04";      // torch.save since PyTorch 1.6
  constexpr std::string_view kProtocol2 = "\x80\x02";  // torch.save before it
  if (bytes.starts_with(kZip) || bytes.starts_with(kProtocol2)) return kPickle;
  if (bytes.starts_with("version https://git-lfs")) {
    return "is a Git LFS pointer and not the file itself; fetch it with `git lfs pull`";
  }
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& file) {
  return std::shared_ptr<const SafetensorsFile>(new SafetensorsFile(file));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file)
    : where_(file.string()), file_(std::make_shared<const MappedFile>(file)) {
  if (const auto foreign = DescribeForeignName(file)) throw ModelError(where_, {*foreign});
  try {
    entries_ = ParseSafetensorsHeader(where_, file_->bytes());
  } catch (const ModelError&) {
    if (const auto foreign = DescribeForeignBytes(file_->bytes())) throw ModelError(where_, {*foreign});
    throw;
  }
  for (const auto& [name, entry] : entries_) tensors_.emplace(name, entry.info);
}

at::Tensor SafetensorsFile::Get(const std::string& name) const {
  const SafetensorsEntry& entry = entries_.at(name);
  const char* const data = file_->bytes().data() + entry.offset;
  const size_t element_bytes = c10::elementSize(entry.info.dtype);
  if (reinterpret_cast<uintptr_t>(data) % element_bytes != 0) {
    at::Tensor copy = at::empty(entry.info.shape, entry.info.dtype);
    std::memcpy(copy.mutable_data_ptr(), data, entry.length);
    return copy;
  }
  // from_blob has no way to say read-only; the mapping itself refuses writes.
  return at::from_blob(
      const_cast<char*>(data), entry.info.shape, [mapping = file_](void*) {}, entry.info.dtype);
}

void SafetensorsFile::Release(const std::string& name) const {
  const SafetensorsEntry& entry = entries_.at(name);
  file_->Release(entry.offset, entry.length);
}

}  // namespace latentd::model
