#include "model/adapters/read_controlnet.h"

#include <ATen/core/grad_mode.h>

#include <string>
#include <utility>
#include <vector>

#include "model/adapters/controlnet_shape.h"
#include "model/errors.h"
#include "model/weights/key_maps/original_controlnet_keys.h"
#include "model/weights/load_weights.h"
#include "model/weights/renamed_source.h"
#include "model/weights/safetensors_file.h"

namespace latentd::model {
namespace {

using Source = std::shared_ptr<const TensorSource>;

// The tensors under diffusers' names.
Source FromOriginal(const Source& file) {
  const std::string prefix = OriginalControlNetPrefix(file->tensors());
  const Source own = RenamedSource::Select(file, [&](const std::string& name, const TensorInfo& info) {
    if (!name.starts_with(prefix)) return std::vector<RenamedTensor>();
    return std::vector<RenamedTensor>{{.name = name.substr(prefix.size()), .shape = info.shape}};
  });
  return RenamedSource::Make(own, OriginalControlNetKeys(own->tensors()));
}

ControlNetConfig ConfigOf(const std::filesystem::path& file, const TensorSource& tensors, bool original,
                          const UNetConfig& unet) {
  const std::filesystem::path config = file.parent_path() / "config.json";
  std::error_code error;
  if (original || !std::filesystem::exists(config, error)) return ControlNetConfigOf(tensors, unet);
  return ReadControlNetConfig(ConfigReader::FromFile(config));
}

}  // namespace

std::shared_ptr<const ControlNet> ReadControlNet(const std::filesystem::path& file, const ControlledModel& model) {
  const at::NoGradGuard no_grad;
  Source tensors = SafetensorsFile::Open(file);
  const bool original = IsOriginalControlNet(tensors->tensors());
  if (original) tensors = FromOriginal(tensors);
  const ControlNetConfig config = ConfigOf(file, *tensors, original, model.unet);
  std::vector<std::string> misfits = ControlNetMisfits(config, model.unet, model.picture_scale);
  if (!misfits.empty()) throw ModelError(tensors->where(), std::move(misfits));
  ControlNetModel network(config, model.tensors);
  LoadWeights(*network, *tensors);
  return std::make_shared<ControlNet>(std::move(network));
}

}  // namespace latentd::model
