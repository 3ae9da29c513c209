#include "model/pipeline/model_folder.h"

#include <array>
#include <string_view>
#include <utility>

#include "model/config/config_reader.h"
#include "model/errors.h"
#include "model/pipeline/autoencoder_part.h"
#include "model/pipeline/folder_reader.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/safety_checker_part.h"
#include "model/pipeline/single_file.h"

namespace latentd::model {
namespace {

struct Layout {
  std::string_view pipeline;  // its class in diffusers
  ModelFolder (*open)(FolderReader&);
};

constexpr std::array kLayouts = {
    Layout{"StableDiffusionPipeline", OpenStableDiffusion},
    Layout{"StableDiffusionImg2ImgPipeline", OpenStableDiffusion},
    Layout{"StableDiffusionInpaintPipeline", OpenStableDiffusion},
    Layout{"StableDiffusionGLIGENPipeline", OpenGrounded},
    Layout{"LatentConsistencyModelPipeline", OpenLatentConsistency},
    Layout{"LatentConsistencyModelImg2ImgPipeline", OpenLatentConsistency},
    Layout{"StableDiffusionXLPipeline", OpenStableDiffusionXl},
    Layout{"StableDiffusionXLImg2ImgPipeline", OpenStableDiffusionXl},
    Layout{"StableDiffusionXLInpaintPipeline", OpenStableDiffusionXl},
    Layout{"DDPMPipeline", OpenPixelDiffusion},
    Layout{"DDIMPipeline", OpenPixelDiffusion},
    Layout{"LDMPipeline", OpenUnconditionalLdm},
    Layout{"LDMTextToImagePipeline", OpenLdmText},
    Layout{"LDMClassToImagePipeline", OpenLdmClass},
    Layout{"LDMSuperResolutionPipeline", OpenLdmSuperResolution},
    Layout{"StableDiffusionUpscalePipeline", OpenStableDiffusionUpscaler},
};

// Our own key; diffusers passes over those that begin with an underscore.
std::optional<double> ReadGuidanceScale(const std::filesystem::path& path, ConfigReader& index) {
  const nlohmann::json& value = index.Raw("_latentd_guidance_scale");
  if (value.is_null()) return std::nullopt;
  if (!value.is_number() || !(value >= 0 && value <= 100)) {
    throw ModelError(path.string(),
                     {"model_index.json: _latentd_guidance_scale: " + value.dump() + " is not a number from 0 to 100"});
  }
  return value.get<double>();
}

// For every layout: whichever autoencoder fits its latents may be there.
void AddPreviewDecoder(FolderReader& reader, ModelFolder& folder) {
  const std::optional<AutoencoderPart> decoder = OpenPreviewDecoder(reader);
  reader.Finish();
  if (!decoder) return;
  folder.parameters += decoder->parameters;
  folder.load = [load = std::move(folder.load), decoder](const at::TensorOptions& options) {
    PipelineParts parts = load(options);
    decoder->load(options, parts);
    return parts;
  };
}

// Likewise: whichever pipelines name one.
void AddSafetyChecker(FolderReader& reader, ModelFolder& folder) {
  const std::optional<SafetyCheckerPart> checker = OpenSafetyChecker(reader);
  reader.Finish();
  if (!checker) return;
  folder.has_safety_checker = true;
  folder.parameters += checker->network->parameters;
  folder.load = [load = std::move(folder.load), checker](const at::TensorOptions& options) {
    PipelineParts parts = load(options);
    parts.safety_checker = checker->Load(options);
    return parts;
  };
}

}  // namespace

ModelFolder ModelFolder::Open(const std::filesystem::path& path, const OptionalParts& parts) {
  if (!std::filesystem::is_directory(path)) return OpenSingleFile(path);
  ConfigReader index = ConfigReader::FromFile(path / "model_index.json");
  const nlohmann::json& pipeline = index.Raw("_class_name");
  std::string known;
  for (const Layout& layout : kLayouts) {
    if (pipeline == layout.pipeline) {
      FolderReader reader(path);
      ModelFolder folder = layout.open(reader);
      if (const auto scale = ReadGuidanceScale(path, index)) folder.guidance_scale = scale;
      AddPreviewDecoder(reader, folder);
      if (parts.safety_checker) AddSafetyChecker(reader, folder);
      return folder;
    }
    known.append(known.empty() ? "\"" : ", \"").append(layout.pipeline).append("\"");
  }
  throw ModelError(path.string(), {"model_index.json: _class_name: " + pipeline.dump() +
                                   " is not supported (supported: " + known + ")"});
}

}  // namespace latentd::model
