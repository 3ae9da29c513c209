#include "model/vision/clip_vision_config.h"

#include "model/layers/clip_encoder_fields.h"

namespace latentd::model {
namespace {

// Far above any model, so that the number of tokens stays far from the limits of memory.
constexpr int64_t kLargestImage = 4096;

}  // namespace

ClipVisionConfig ReadClipVisionConfig(ConfigReader reader) {
  ClipVisionConfig config;
  config.image_size = ReadSize(reader, "image_size", config.image_size);
  config.patch_size = ReadSize(reader, "patch_size", config.patch_size);
  ReadClipEncoderFields(reader, config);
  if (config.image_size > kLargestImage) {
    reader.AddProblem("image_size", "must be at most 4096");
  }
  if (config.patch_size > config.image_size) reader.AddProblem("patch_size", "must be at most image_size");
  reader.GetChoice("model_type", "clip_vision_model", {"clip_vision_model"});
  reader.Only("num_channels", 3);
  reader.Ignore({"eos_token_id"});
  reader.Finish();
  return config;
}

}  // namespace latentd::model
