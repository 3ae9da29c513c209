#include "server/core/generation_request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/core/adapter_fields.h"
#include "server/core/animation_fields.h"
#include "server/core/conditioning_fields.h"
#include "server/core/control_fields.h"
#include "server/core/task_fields.h"
#include "server/core/utf8.h"

namespace latentd::core {
namespace {

constexpr double kMaxGuidanceScale = 100;
constexpr int kMaxPreviewEdge = 2048;
constexpr int kDefaultQuality = 90;
constexpr int kMaxPriority = 10;
constexpr size_t kMaxLabels = 16;
constexpr int64_t kMaxLabelKey = 63;
constexpr int64_t kMaxLabelValue = 128;  // a hash, such as OpenAI's callers send for a user, has 64

struct PromptField {
  absl::string_view field;
  std::string RequestFields::*text;
};
constexpr std::array kPrompts = {PromptField{"spec.prompt", &RequestFields::prompt},
                                 PromptField{"spec.negative_prompt", &RequestFields::negative_prompt},
                                 PromptField{"spec.prompt_2", &RequestFields::prompt_2},
                                 PromptField{"spec.negative_prompt_2", &RequestFields::negative_prompt_2}};

// Checks the fields one after the other, filling in what was left out: first those that mean the same for every model.
class Validator {
 public:
  Validator(RequestFields& fields, const RequestLimits& limits) : fields_(fields), limits_(limits) {}

  void CheckWithoutModel(absl::Time now) {
    for (size_t i = 0; i < kPrompts.size(); ++i)
      prompt_fits_[i] = CheckPrompt(kPrompts[i].field, fields_.*kPrompts[i].text);
    CheckImagesAndSeed();
    steps_fit_ = fields_.steps == 0 || CheckRange("spec.steps", fields_.steps, 1, limits_.max_steps);
    if (fields_.guidance_scale.has_value()) {
      CheckReal("spec.guidance_scale", *fields_.guidance_scale, kMaxGuidanceScale);
    }
    CheckReal("spec.guidance_rescale", fields_.guidance_rescale, 1);
    eta_fits_ = CheckReal("spec.eta", fields_.eta, 1);
    CheckAdapters(fields_.adapters, violations_);
    CheckAnimation(fields_, limits_, violations_);
    CheckPictures();
    CheckOptions(now);
  }

  // REQUIRES: CheckWithoutModel was called.
  void CheckAgainst(const ModelInfo& model) {
    fields_.task = TaskFor(fields_.task, model);
    CheckTaskFields(fields_, model, violations_);
    CheckSyntax(model);
    CheckLatents(fields_, model, violations_);
    CheckDenoisingRange(fields_, violations_);
    CheckSecondPrompts(fields_, model, violations_);
    // The first layer at least has to stay.
    CheckRange("spec.clip_skip", fields_.clip_skip, 0, std::max(0, model.text_layers - 1));
    CheckSize(model);
    CheckControls(fields_, violations_);
    CheckSizeConditioning(fields_, model, violations_);
    if (!fields_.guidance_scale.has_value()) fields_.guidance_scale = model.default_guidance_scale;
    if (model.embeds_guidance && !fields_.negative_prompt.empty()) {
      Violate("spec.negative_prompt", "must be empty: the model was distilled with the guidance of an empty one");
    }
    const SamplerInfo* sampler = CheckSampler(model);
    if (sampler == nullptr) return;
    CheckSteps(model, *sampler);
    if (eta_fits_ && fields_.eta > 0 && !sampler->takes_eta) {
      Violate("spec.eta", absl::StrCat("must be 0 with the sampler ", sampler->name, "; got ", fields_.eta));
    }
  }

  std::vector<FieldViolation> violations() && { return std::move(violations_); }

 private:
  void CheckImagesAndSeed() {
    if (fields_.num_images == 0) fields_.num_images = 1;
    const bool count_fits = CheckRange("spec.num_images", fields_.num_images, 1, limits_.max_num_images);
    const int64_t largest = std::numeric_limits<int64_t>::max() - (count_fits ? fields_.num_images - 1 : 0);
    if (const int64_t seed = fields_.seed.value_or(0); seed < 0 || seed > largest) {
      Violate("spec.seed",
              absl::StrCat("must be from 0 to ", largest, ", so that every image's seed (seed + its index) ",
                           "is below 2^63; got ", seed));
    }
  }

  void CheckSize(const ModelInfo& model) {
    if (fields_.task == Task::kSuperResolution) return CheckEnlargement(fields_, model, violations_);
    const PictureSize own = DefaultSize(fields_, model);
    const bool width_fits = CheckEdge("spec.width", fields_.width, own.width, model);
    const bool height_fits = CheckEdge("spec.height", fields_.height, own.height, model);
    const int64_t pixels = int64_t{fields_.width} * fields_.height;
    if (width_fits && height_fits && pixels > model.max_pixels) {
      Violate("spec.width", absl::StrCat("width × height must be at most ", model.max_pixels, " pixels; got ",
                                         fields_.width, " × ", fields_.height, " = ", pixels));
    }
    if (width_fits && height_fits) CheckFits(fields_, violations_);
  }

  void CheckSteps(const ModelInfo& model, const SamplerInfo& sampler) {
    int most = std::min(limits_.max_steps, sampler.max_steps);
    if (sampler.shortened_by_strength && fields_.task == Task::kImageToImage) {
      const double strength = *fields_.strength;
      if (!(strength >= 0 && strength <= 1)) return;  // has been said
      const int left = static_cast<int>(sampler.max_steps * strength);
      if (left < sampler.min_steps) {
        return Violate("spec.image_to_image.strength",
                       absl::StrCat("must be at least ", 1.0 / sampler.max_steps, " with the sampler ", sampler.name,
                                    ", one of its ", sampler.max_steps, " steps; got ", strength));
      }
      most = std::min(most, left);
    }
    if (fields_.steps == 0) fields_.steps = std::max(sampler.min_steps, std::min(most, model.default_steps));
    if (steps_fit_) CheckRange("spec.steps", fields_.steps, sampler.min_steps, most);
  }

  void CheckPictures() {
    if (fields_.preview_every_steps == 0) fields_.preview_every_steps = 1;
    CheckRange("spec.preview.every_steps", fields_.preview_every_steps, 1, limits_.max_steps);
    CheckRange("spec.preview.max_edge", fields_.preview_max_edge, 0, kMaxPreviewEdge);
    if (!fields_.preview_format.has_value()) fields_.preview_format = ImageFormat::kJpeg;

    if (!fields_.output_format.has_value() && !fields_.clip_format.has_value())
      fields_.output_format = ImageFormat::kPng;
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
    if (fields_.single_flight && !fields_.seed.has_value()) {
      Violate("options.single_flight", "needs spec.seed: without one no two jobs are equal");
    }
  }

  void Violate(absl::string_view field, std::string description) {
    violations_.push_back({std::string(field), std::move(description)});
  }

  bool CheckRange(absl::string_view field, int value, int low, int high) {
    if (value >= low && value <= high) return true;
    Violate(field, absl::StrCat("must be from ", low, " to ", high, "; got ", value));
    return false;
  }

  bool CheckReal(absl::string_view field, double value, double high) {
    if (value >= 0 && value <= high) return true;  // false for NaN
    Violate(field, absl::StrCat("must be a number from 0 to ", high, "; got ", value));
    return false;
  }

  bool CheckPrompt(absl::string_view field, const std::string& prompt) {
    const std::optional<int64_t> characters = CountCharacters(prompt);
    if (!characters.has_value()) {
      Violate(field, "must be valid UTF-8");
      return false;
    }
    if (*characters > limits_.max_prompt_characters) {
      Violate(field,
              absl::StrCat("must have at most ", limits_.max_prompt_characters, " characters; got ", *characters));
      return false;
    }
    return true;
  }

  // `fits`: nothing else is wrong with the prompt.
  void CheckSyntax(const ModelInfo& model) {
    if (model.prompt_fault == nullptr || fields_.literal_prompt) return;
    for (size_t i = 0; i < kPrompts.size(); ++i) {
      if (!prompt_fits_[i]) continue;
      const std::string fault = model.prompt_fault(fields_.*kPrompts[i].text);
      if (!fault.empty()) Violate(kPrompts[i].field, absl::StrCat(fault, ", and spec.literal_prompt the whole prompt"));
    }
  }

  // 0 stands for `own`.
  bool CheckEdge(absl::string_view field, int& edge, int own, const ModelInfo& model) {
    const bool chosen = edge != 0;
    if (!chosen) edge = own;
    if (edge >= model.min_size && edge <= model.max_size && edge % model.size_multiple == 0) return true;
    Violate(field, absl::StrCat("must be a multiple of ", model.size_multiple, " from ", model.min_size, " to ",
                                model.max_size, ", or 0 for ",
                                fields_.image ? "the picture's own size" : absl::StrCat("the model's own ", own),
                                "; got ", edge, chosen ? "" : ", the picture's own size"));
    return false;
  }

  // The sampler; null when there is no such.
  const SamplerInfo* CheckSampler(const ModelInfo& model) {
    if (fields_.sampler.empty()) fields_.sampler = model.default_sampler;
    const auto sampler = std::find_if(model.samplers.begin(), model.samplers.end(),
                                      [&](const SamplerInfo& info) { return info.name == fields_.sampler; });
    if (sampler == model.samplers.end()) {
      const auto append_name = [](std::string* out, const SamplerInfo& info) { out->append(info.name); };
      Violate("spec.sampler", absl::StrCat("must be one of ", absl::StrJoin(model.samplers, ", ", append_name),
                                           "; got ", Quote(fields_.sampler)));
      return nullptr;
    }
    const auto& sigmas = sampler->sigmas;
    const auto takes = [&](const std::string& name) {
      return std::find(sigmas.begin(), sigmas.end(), name) != sigmas.end();
    };
    if (fields_.sigmas.empty()) {
      // The model's configuration is about its own sampler: another one may not take its spacing.
      fields_.sigmas = takes(model.default_sigmas) || sigmas.empty() ? model.default_sigmas : sigmas.front();
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
    const auto fits = [](absl::string_view text, int64_t most) {
      return CountCharacters(text).value_or(most + 1) <= most;
    };
    for (const auto& [key, value] : fields_.labels) {
      // ListJobs is asked for labels as "key=value".
      const bool has_equals_sign = key.find('=') != std::string::npos;
      if (key.empty() || has_equals_sign || !fits(key, kMaxLabelKey) || !fits(value, kMaxLabelValue)) {
        Violate("options.labels",
                absl::StrCat("keys must have 1 to ", kMaxLabelKey, " characters, none of them '=', and values at most ",
                             kMaxLabelValue, ", in valid UTF-8; got ", Quote(key), ": ", Quote(value)));
      }
    }
  }

  RequestFields& fields_;
  const RequestLimits& limits_;
  std::array<bool, kPrompts.size()> prompt_fits_{};
  bool steps_fit_ = false;
  bool eta_fits_ = false;
  std::vector<FieldViolation> violations_;
};

}  // namespace

GenerationRequest::Validated GenerationRequest::Validate(const RequestFields& fields, const ModelInfo& model,
                                                         const RequestLimits& limits, absl::Time now,
                                                         const std::function<uint32_t()>& draw_seed) {
  RequestFields complete = fields;
  Validator validator(complete, limits);
  validator.CheckWithoutModel(now);
  validator.CheckAgainst(model);
  if (!complete.seed.has_value()) complete.seed = draw_seed();

  Validated result{.request = std::nullopt, .violations = std::move(validator).violations()};
  if (result.violations.empty()) {
    const bool guided = *complete.guidance_scale > 1 && !model.embeds_guidance;
    result.request = GenerationRequest(std::move(complete), guided);
  }
  return result;
}

std::shared_ptr<const GenerationRequest> GenerationRequest::Restore(RequestFields fields, bool guided) {
  return std::shared_ptr<const GenerationRequest>(new GenerationRequest(std::move(fields), guided));
}

std::vector<FieldViolation> GenerationRequest::CheckWithoutModel(const RequestFields& fields,
                                                                 const RequestLimits& limits, absl::Time now) {
  RequestFields complete = fields;
  Validator validator(complete, limits);
  validator.CheckWithoutModel(now);
  return std::move(validator).violations();
}

std::shared_ptr<const GenerationRequest> WithoutPictures(std::shared_ptr<const GenerationRequest> request) {
  if (PicturesOf(request->fields()).empty()) return request;
  auto without = std::make_shared<GenerationRequest>(*request);
  for (std::optional<InputImage>* image : {&without->fields_.image, &without->fields_.mask}) {
    if (*image) (*image)->data = nullptr;
  }
  for (AdapterUse& adapter : without->fields_.adapters) {
    if (adapter.image) adapter.image->data = nullptr;
  }
  return without;
}

std::vector<const InputImage*> PicturesOf(const RequestFields& fields) {
  std::vector<const InputImage*> pictures;
  for (const std::optional<InputImage>* image : {&fields.image, &fields.mask}) {
    if (*image) pictures.push_back(&**image);
  }
  for (const AdapterUse& adapter : fields.adapters) {
    if (adapter.image) pictures.push_back(&*adapter.image);
  }
  return pictures;
}

}  // namespace latentd::core
