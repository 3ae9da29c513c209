#include <optional>
#include <utility>
#include <vector>

#include "model/pipeline/unet_denoiser.h"
#include "model/unet/guidance_embedding.h"

namespace latentd::model {

TextDenoiser::TextDenoiser(UNet2DConditionModel unet)
    : unet_(std::move(unet)),
      adaptable_("unet", *unet_),
      motion_layers_(MotionLayers(unet_->config(), unet_->parameters().front().options())),
      attentions_(*unet_),
      graphs_(*unet_) {}

std::shared_ptr<const MotionModule> TextDenoiser::LoadMotion(const std::filesystem::path& file) const {
  return ReadMotionModule(file, unet_->config(), unet_->parameters().front().options());
}

at::Tensor TextDenoiser::Predict(const Lanes& lanes) const {
  std::vector<LoraSet> loras;  // of the U-Net's lanes
  for (const LoraSet& each : lanes.loras) loras.insert(loras.end(), static_cast<size_t>(lanes.frames), each);
  const LoraScope scope(adaptable_, loras);
  const ImagePromptScope prompts(attentions_, lanes.image_prompts);
  std::optional<LoraScope> motion_scope;
  const int64_t features = unet_->config().guidance_features;
  AddedConditions added{.class_labels = lanes.class_labels};
  if (features > 0) added.guidance = GuidanceEmbedding(lanes.guidance, features);
  if (lanes.motion != nullptr) {
    motion_scope.emplace(lanes.motion->layers(), lanes.loras);
    added.motion = {.adapter = &lanes.motion->network(), .frames = lanes.frames};
  }
  const std::vector<LaneResiduals> residuals = ControlResiduals(lanes, added);
  added.residuals = residuals;
  Context context = lanes.context;
  int64_t first_lane = 0;
  for (size_t i = 0; i < lanes.grounding.size(); ++i) {
    if (!lanes.grounding[i].empty()) context[i].objects = unet_->Objects(lanes.grounding[i], first_lane);
    first_lane += context[i].lanes();
  }
  const UNetInputs inputs = unet_->Prepare(lanes.samples, lanes.timesteps, context, added);
  return HasAdapters(lanes) ? unet_->Run(inputs) : graphs_.Run(inputs);
}

}  // namespace latentd::model
