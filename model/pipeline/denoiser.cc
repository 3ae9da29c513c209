#include "model/pipeline/denoiser.h"

#include <algorithm>

#include "model/errors.h"

namespace latentd::model {

bool HasAdapters(const Lanes& lanes) {
  return std::ranges::any_of(lanes.loras, [](const LoraSet& loras) { return !loras.empty(); }) ||
         std::ranges::any_of(lanes.image_prompts, [](const LaneImagePrompts& own) { return !own.prompts.empty(); });
}

std::shared_ptr<const MotionModule> Denoiser::LoadMotion(const std::filesystem::path& file) const {
  throw ModelError(file.string(), {"this model takes no motion modules"});
}

}  // namespace latentd::model
