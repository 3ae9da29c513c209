#include "server/core/generation_request.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/core/utf8.h"

namespace latentd::core {
namespace {

constexpr double kMaxGuidanceScale = 100;
constexpr int kMaxPreviewEdge = 2048;
constexpr int kDefaultQuality = 90;
constexpr int kMaxPriority = 10;
constexpr size_t kMaxLabels = 16;
constexpr int64_t kMaxLabelCharacters = 63;

// Checks the fields one after the other, filling in what was left out.
class Validator {
 public:
  Validator(RequestFields& fields, const ModelInfo& model, const RequestLimits& limits)
      : fields_(fields), model_(model), limits_(limits) {}

  void CheckPrompts() {
    CheckPrompt("spec.prompt", fields_.prompt);
    CheckPrompt("spec.negative_prompt", fields_.negative_prompt);
    // The first layer at least has to stay.
    CheckRange("spec.clip_skip", fields_.clip_skip, 0, std::max(0, model_.text_layers - 1));
  }

  void CheckSize() {
    const bool width_fits = CheckEdge("spec.width", fields_.width, model_.native_width);
    const bool height_fits = CheckEdge("spec.height", fields_.height, model_.native_height);
    const int64_t pixels = int64_t{fields_.width} * fields_.height;
    if (width_fits && height_fits && pixels > model_.max_pixels) {
      Violate("spec.width", absl::StrCat("width × height must be at most ", model_.max_pixels, " pixels; got ",
                                         fields_.width, " × ", fields_.height, " = ", pixels));
    }
  }

  void CheckImagesAndSeed(const std::function<uint32_t()>& draw_seed) {
    if (fields_.num_images == 0) fields_.num_images = 1;
    const bool count_fits = CheckRange("spec.num_images", fields_.num_images, 1, limits_.max_num_images);

    if (!fields_.seed.has_value()) fields_.seed = draw_seed();
    const int64_t largest = std::numeric_limits<int64_t>::max() - (count_fits ? fields_.num_images - 1 : 0);
    if (*fields_.seed < 0 || *fields_.seed > largest) {
      Violate("spec.seed",
              absl::StrCat("must be from 0 to ", largest, ", so that every image's seed (seed + its index) ",
                           "is below 2^63; got ", *fields_.seed));
    }
  }

  void CheckSampling() {
    if (fields_.steps == 0) fields_.steps = model_.default_steps;
    const SamplerInfo* sampler = CheckSampler();
    const int max_steps = sampler == nullptr ? limits_.max_steps : std::min(limits_.max_steps, sampler->max_steps);
    CheckRange("spec.steps", fields_.steps, 1, max_steps);

    if (!fields_.guidance_scale.has_value()) fields_.guidance_scale = model_.default_guidance_scale;
    CheckReal("spec.guidance_scale", *fields_.guidance_scale, kMaxGuidanceScale);
    CheckReal("spec.guidance_rescale", fields_.guidance_rescale, 1);
    CheckReal("spec.eta", fields_.eta, 1);
  }

  void CheckPictures() {
    if (fields_.preview_every_steps == 0) fields_.preview_every_steps = 1;
    CheckRange("spec.preview.every_steps", fields_.preview_every_steps, 1, limits_.max_steps);
    CheckRange("spec.preview.max_edge", fields_.preview_max_edge, 0, kMaxPreviewEdge);
    if (!fields_.preview_format.has_value()) fields_.preview_format = ImageFormat::kJpeg;

    if (!fields_.output_format.has_value()) fields_.output_format = ImageFormat::kPng;
    if (fields_.output_quality == 0) fields_.output_quality = kDefaultQuality;
    CheckRange("spec.output.quality", fields_.output_quality, 1, 100);
  }

  void CheckOptions(absl::Time now) {
    if (!fields_.timeout.has_value()) fields_.timeout = limits_.max_timeout;
    if (*fields_.timeout <= absl::ZeroDuration() || *fields_.timeout > limits_.max_timeout) {
      Violate("options.timeout",
              absl::StrCat("must be more than 0 and at most ", absl::FormatDuration(limits_.max_timeout), "; got ",
                           absl::FormatDuration(*fields_.timeout)));
    }
    CheckRange("options.priority", fields_.priority, -kMaxPriority, kMaxPriority);
    CheckLabels();
    if (fields_.expire_time.has_value() && *fields_.expire_time <= now) {
      Violate("options.expire_time", absl::StrCat("must lie in the future; got ",
                                                  absl::FormatTime(*fields_.expire_time, absl::UTCTimeZone())));
    }
  }

  std::vector<FieldViolation> violations() && { return std::move(violations_); }

 private:
  void Violate(absl::string_view field, std::string description) {
    violations_.push_back({std::string(field), std::move(description)});
  }

  bool CheckRange(absl::string_view field, int value, int low, int high) {
    if (value >= low && value <= high) return true;
    Violate(field, absl::StrCat("must be from ", low, " to ", high, "; got ", value));
    return false;
  }

  void CheckReal(absl::string_view field, double value, double high) {
    if (value >= 0 && value <= high) return;  // false for NaN
    Violate(field, absl::StrCat("must be a number from 0 to ", high, "; got ", value));
  }

  void CheckPrompt(absl::string_view field, const std::string& prompt) {
    const std::optional<int64_t> characters = CountCharacters(prompt);
    if (!characters.has_value()) {
      Violate(field, "must be valid UTF-8");
    } else if (*characters > limits_.max_prompt_characters) {
      Violate(field,
              absl::StrCat("must have at most ", limits_.max_prompt_characters, " characters; got ", *characters));
    }
  }

  bool CheckEdge(absl::string_view field, int& edge, int native) {
    if (edge == 0) edge = native;
    if (edge >= model_.min_size && edge <= model_.max_size && edge % model_.size_multiple == 0) return true;
    Violate(field, absl::StrCat("must be a multiple of ", model_.size_multiple, " from ", model_.min_size, " to ",
                                model_.max_size, ", or 0 for the model's own ", native, "; got ", edge));
    return false;
  }

  // The sampler; null when there is no such.
  const SamplerInfo* CheckSampler() {
    if (fields_.sampler.empty()) fields_.sampler = model_.default_sampler;
    const auto sampler = std::find_if(model_.samplers.begin(), model_.samplers.end(),
                                      [&](const SamplerInfo& info) { return info.name == fields_.sampler; });
    if (sampler == model_.samplers.end()) {
      const auto append_name = [](std::string* out, const SamplerInfo& info) { out->append(info.name); };
      Violate("spec.sampler", absl::StrCat("must be one of ", absl::StrJoin(model_.samplers, ", ", append_name),
                                           "; got ", Quote(fields_.sampler)));
      return nullptr;
    }
    const auto& sigmas = sampler->sigmas;
    const auto takes = [&](const std::string& name) {
      return std::find(sigmas.begin(), sigmas.end(), name) != sigmas.end();
    };
    if (fields_.sigmas.empty()) {
      // The model's configuration is about its own sampler: another one may not take its spacing.
      fields_.sigmas = takes(model_.default_sigmas) || sigmas.empty() ? model_.default_sigmas : sigmas.front();
    }
    if (!takes(fields_.sigmas)) {
      Violate("spec.sigmas", absl::StrCat("must be one of ", absl::StrJoin(sigmas, ", "), " with the sampler ",
                                          fields_.sampler, "; got ", Quote(fields_.sigmas)));
    }
    return &*sampler;
  }

  void CheckLabels() {
    if (fields_.labels.size() > kMaxLabels) {
      Violate("options.labels",
              absl::StrCat("must have at most ", kMaxLabels, " entries; got ", fields_.labels.size()));
      return;  // whoever sends thousands of them is not told of each
    }
    const auto fits = [](absl::string_view text) {
      return CountCharacters(text).value_or(kMaxLabelCharacters + 1) <= kMaxLabelCharacters;
    };
    for (const auto& [key, value] : fields_.labels) {
      if (key.empty() || !fits(key) || !fits(value)) {
        Violate("options.labels",
                absl::StrCat("keys must have 1 to ", kMaxLabelCharacters, " characters and values at most ",
                             kMaxLabelCharacters, ", in valid UTF-8; got ", Quote(key), ": ", Quote(value)));
      }
    }
  }

  RequestFields& fields_;
  const ModelInfo& model_;
  const RequestLimits& limits_;
  std::vector<FieldViolation> violations_;
};

}  // namespace

GenerationRequest::Validated GenerationRequest::Validate(const RequestFields& fields, const ModelInfo& model,
                                                         const RequestLimits& limits, absl::Time now,
                                                         const std::function<uint32_t()>& draw_seed) {
  RequestFields complete = fields;
  Validator validator(complete, model, limits);
  validator.CheckPrompts();
  validator.CheckSize();
  validator.CheckImagesAndSeed(draw_seed);
  validator.CheckSampling();
  validator.CheckPictures();
  validator.CheckOptions(now);

  Validated result{.request = std::nullopt, .violations = std::move(validator).violations()};
  if (result.violations.empty()) result.request = GenerationRequest(std::move(complete));
  return result;
}

}  // namespace latentd::core
