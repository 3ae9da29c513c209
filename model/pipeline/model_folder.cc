#include "model/pipeline/model_folder.h"

#include <array>
#include <string_view>
#include <utility>

#include "model/config/config_reader.h"
#include "model/errors.h"
#include "model/pipeline/folder_reader.h"
#include "model/pipeline/layouts.h"

namespace latentd::model {
namespace {

struct Layout {
  std::string_view pipeline;  // its class in diffusers
  ModelFolder (*open)(FolderReader&);
};

constexpr std::array kLayouts = {
    Layout{"StableDiffusionPipeline", OpenStableDiffusion},
    Layout{"DDPMPipeline", OpenPixelDiffusion},
    Layout{"DDIMPipeline", OpenPixelDiffusion},
    Layout{"LDMPipeline", OpenUnconditionalLdm},
};

}  // namespace

ModelFolder ModelFolder::Open(const std::filesystem::path& path) {
  ConfigReader index = ConfigReader::FromFile(path / "model_index.json");
  const nlohmann::json& pipeline = index.Raw("_class_name");
  std::string known;
  for (const Layout& layout : kLayouts) {
    if (pipeline == layout.pipeline) {
      FolderReader reader(path);
      return layout.open(reader);
    }
    known.append(known.empty() ? "\"" : ", \"").append(layout.pipeline).append("\"");
  }
  throw ModelError(path.string(), {"model_index.json: _class_name: " + pipeline.dump() +
                                   " is not supported (supported: " + known + ")"});
}

}  // namespace latentd::model
