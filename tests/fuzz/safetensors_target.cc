#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/weights/safetensors_file.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/require.h"

namespace latentd::model {
namespace {

// The header's tensors must tile the data.
void CheckPromises(const std::map<std::string, SafetensorsEntry>& entries, std::string_view bytes) {
  std::vector<std::pair<size_t, size_t>> places;
  for (const auto& [name, entry] : entries) {
    places.emplace_back(entry.offset, entry.length);
    size_t expected = c10::elementSize(entry.info.dtype);
    for (const int64_t size : entry.info.shape) {
      Require(size >= 0, "no negative size");
      expected *= static_cast<size_t>(size);
    }
    Require(entry.length == expected, "a tensor is as long as its shape and type say");
  }
  std::sort(places.begin(), places.end());
  size_t end = places.empty() ? bytes.size() : places.front().first;
  for (const auto& [offset, length] : places) {
    Require(offset == end, "no hole and no overlap");
    end = offset + length;
  }
  Require(end == bytes.size(), "the tensors end with the file");
}

// A file's name in a folder that goes with the process.
class ScratchFile {
 public:
  ScratchFile() {
    std::string folder = std::filesystem::temp_directory_path() / "latentd-fuzz-XXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  std::filesystem::path path() const { return folder_ / "x.safetensors"; }

 private:
  std::filesystem::path folder_;
};

}  // namespace

void FuzzSafetensors(std::string_view bytes) {
  try {
    CheckPromises(ParseSafetensorsHeader("input", bytes), bytes);
  } catch (const ModelError& error) {
    Require(!error.problems().empty(), "an error says what is wrong");
    return;
  }
  static const ScratchFile kScratch;
  std::ofstream(kScratch.path(), std::ios::binary) << bytes;
  const auto file = SafetensorsFile::Open(kScratch.path());
  unsigned sum = 0;
  for (const auto& [name, info] : file->tensors()) {
    const at::Tensor tensor = file->Get(name);
    const auto* data = static_cast<const uint8_t*>(tensor.const_data_ptr());
    for (size_t i = 0; i < tensor.nbytes(); ++i) sum += data[i];
    file->Release(name);
  }
  std::filesystem::remove(kScratch.path());  // the next input is another file: this one is still mapped
  volatile unsigned sink = sum;              // the reads must happen
  (void)sink;
}

}  // namespace latentd::model
