#include "model/weights/open_component.h"

#include <string>

#include "model/errors.h"
#include "model/weights/safetensors_file.h"
#include "model/weights/sharded_source.h"

namespace latentd::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStems[] = {"diffusion_pytorch_model", "model"};
constexpr const char* kVariants[] = {"", ".fp16", ".bf16"};

// The name of a pickle file in the folder; empty when there is none.
std::string FindPickle(const fs::path& folder) {
  std::string found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".bin" && extension != ".ckpt" && extension != ".pt" && extension != ".pth") continue;
    const std::string name = entry.path().filename().string();
    if (found.empty() || name < found) found = name;
  }
  return found;
}

}  // namespace

std::shared_ptr<const TensorSource> OpenComponent(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) throw ModelError(folder.string(), {"is missing, or is not a folder"});
  for (const std::string variant : kVariants) {
    for (const std::string stem : kStems) {
      const fs::path file = folder / (stem + variant + ".safetensors");
      if (fs::exists(file, error)) return SafetensorsFile::Open(file);
      const fs::path index = folder / (stem + ".safetensors.index" + variant + ".json");
      if (fs::exists(index, error)) return ShardedSource::Open(index);
    }
  }
  if (const std::string pickle = FindPickle(folder); !pickle.empty()) {
    throw ModelError(folder.string(), {"holds '" + pickle +
                                       "' but no safetensors file: PyTorch pickle files are not loaded because reading "
                                       "one can run code; convert it with deploy/convert.py"});
  }
  throw ModelError(folder.string(), {"holds no weights (diffusion_pytorch_model.safetensors, model.safetensors, their "
                                     "fp16 and bf16 variants, or an index of shards)"});
}

}  // namespace latentd::model
