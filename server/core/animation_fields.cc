#include "server/core/animation_fields.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/core/adapter_fields.h"

namespace latentd::core {
namespace {

constexpr int kDefaultFrames = 16;
constexpr int kDefaultFps = 8;

constexpr char kClipFormat[] = "spec.output.clip_format";

}  // namespace

void CheckAnimation(RequestFields& fields, const RequestLimits& limits, std::vector<FieldViolation>& violations) {
  if (!fields.animation) {
    if (fields.clip_format) violations.push_back({kClipFormat, "must not be set without spec.animation"});
    return;
  }
  const auto check = [&](const char* field, int& value, int by_default, int most) {
    if (value == 0) value = by_default;
    if (value >= 1 && value <= most) return;
    violations.push_back({field, absl::StrCat("must be from 1 to ", most, "; got ", value)});
  };
  if (!fields.output_format && !fields.clip_format) fields.clip_format = ClipFormat::kWebp;
  check("spec.animation.frames", fields.animation->frames, kDefaultFrames, limits.max_frames);
  check("spec.animation.fps", fields.animation->fps, kDefaultFps,
        fields.clip_format == ClipFormat::kGif ? kMaxGifFps : kMaxFps);
  if (fields.output_format && fields.clip_format) {
    violations.push_back({kClipFormat, "must not be set beside spec.output.format, which asks for the frames"});
  }
  if (fields.output_format == ImageFormat::kLatent) {
    violations.push_back({"spec.output.format",
                          "must be a format of pictures (PNG, JPEG, WEBP): frames have no file of "
                          "latents"});
  }
  for (size_t i = 0; i < fields.adapters.size(); ++i) {
    if (fields.adapters[i].kind != AdapterKind::kImagePrompt) continue;
    violations.push_back({AdapterField(fields.adapters, i), "must not be set beside spec.animation: clips take none"});
  }
  if (fields.task && *fields.task != Task::kTextToImage) {
    violations.push_back({absl::StrCat("spec.", std::string(Name(*fields.task))),
                          "must not be set beside spec.animation: clips are made from text"});
  }
}

}  // namespace latentd::core
