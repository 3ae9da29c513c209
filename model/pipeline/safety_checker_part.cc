#include "model/pipeline/safety_checker_part.h"

#include <string>
#include <string_view>

namespace latentd::model {
namespace {

constexpr const char* kName = "safety_checker";

// The key map of its files: transformers wrote `vision_model.` twice before version 5.
RenamedTensor CheckerKey(const std::string& name, const TensorInfo& info) {
  constexpr std::string_view kPrefix = "vision_model.";
  const bool twice = name.starts_with(std::string(kPrefix).append(kPrefix));
  return {.name = twice ? name.substr(kPrefix.size()) : name, .shape = info.shape};
}

bool IsNamed(FolderReader& reader) {
  bool named = false;
  reader.Part([&] {
    ConfigReader index = ConfigReader::FromFile(reader.path() / "model_index.json");
    const nlohmann::json& value = index.Raw(kName);
    const bool absent = value.is_null() || (value.is_array() && value.size() == 2 && value[1].is_null());
    named = !absent;
  });
  return named;
}

}  // namespace

std::unique_ptr<const SafetyChecker> SafetyCheckerPart::Load(const at::TensorOptions& options) const {
  return std::make_unique<SafetyChecker>(network->Load<StableDiffusionSafetyChecker>(options), processor);
}

std::optional<SafetyCheckerPart> OpenSafetyChecker(FolderReader& reader) {
  if (!IsNamed(reader)) return std::nullopt;
  reader.ClassOf(kName, {"StableDiffusionSafetyChecker"});
  SafetyCheckerPart part;
  part.network = reader.Open<StableDiffusionSafetyChecker>(kName, ReadSafetyCheckerConfig, CheckerKey,
                                                           {.may_ignore = IsVisionConstant});
  const bool read = reader.Part([&] {
    part.processor = ReadImageProcessorConfig(
        ConfigReader::FromFile(reader.PathOf("feature_extractor") / "preprocessor_config.json"));
  });
  if (part.network == nullptr || !read) return std::nullopt;
  const int64_t edge = part.network->config.image_size;
  if (part.processor.crop_size != edge) {
    std::string problem = "feature_extractor/preprocessor_config.json: crop_size must be the image_size of ";
    reader.AddProblem(problem.append("safety_checker/config.json, ").append(std::to_string(edge)));
    return std::nullopt;
  }
  return part;
}

}  // namespace latentd::model
