#include "server/core/task_fields.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/core/box_fields.h"

namespace latentd::core {
namespace {

// As diffusers' pipelines.
constexpr double kImageToImageStrength = 0.8;
constexpr double kInpaintStrength = 1;

constexpr int kNoiseLevel = 20;

constexpr int kMaxMargin = 8192;

class TaskChecker {
 public:
  TaskChecker(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations)
      : fields_(fields),
        model_(model),
        violations_(violations),
        task_(absl::StrCat("spec.", std::string(Name(*fields.task)))) {}

  void Check() {
    switch (*fields_.task) {
      case Task::kImageToImage:
        if (fields_.denoising_start) {
          CheckNoStrength();
        } else {
          CheckStrength(kImageToImageStrength);
        }
        return;
      case Task::kInpaint:
        CheckStrength(kInpaintStrength);
        return CheckMask();
      case Task::kOutpaint:
        return CheckMargins();
      case Task::kUnconditional:
        CheckNoText("the model draws without any condition");
        return CheckUnguided();
      case Task::kClassToImage:
        CheckNoText("the model draws classes and reads no text");
        return CheckLabel();
      case Task::kSuperResolution:
        CheckNoiseLevel();
        if (model_.TakesText()) return;
        CheckNoText("the model enlarges pictures and reads no text");
        return CheckUnguided();
      case Task::kBoxesToImage:
        return CheckBoxes(fields_, violations_);
      case Task::kTextToImage:
        return;
    }
  }

 private:
  void Violate(absl::string_view field, std::string description) {
    violations_.push_back({std::string(field), std::move(description)});
  }

  void CheckStrength(double by_default) {
    const double strength = fields_.strength.value_or(by_default);
    fields_.strength = strength;
    if (strength >= 0 && strength <= 1) return;  // false for NaN
    Violate(absl::StrCat(task_, ".strength"), absl::StrCat("must be a number from 0 to 1; got ", strength));
  }

  void CheckNoStrength() {
    if (!fields_.strength) return;
    Violate(absl::StrCat(task_, ".strength"), "must not be set beside denoising_start, which takes its place");
  }

  // A mask belongs to its picture: another size is a mistake, unless the request says what to do about it.
  void CheckMask() {
    if (!fields_.image || !fields_.mask || fields_.mask->fit) return;
    const InputImage& image = *fields_.image;
    InputImage& mask = *fields_.mask;
    mask.fit = image.fit;
    if (mask.width == image.width && mask.height == image.height) return;
    Violate(absl::StrCat(task_, ".mask"),
            absl::StrCat("must have the size of the image, ", image.width, " × ", image.height,
                         ", or its own fit; got ", mask.width, " × ", mask.height));
  }

  void CheckMargins() {
    const auto check = [&](const char* name, int margin) {
      if (margin >= 0 && margin <= kMaxMargin) return;
      Violate(absl::StrCat(task_, ".", name), absl::StrCat("must be from 0 to ", kMaxMargin, "; got ", margin));
    };
    const Margins& margins = fields_.margins;
    check("left", margins.left);
    check("right", margins.right);
    check("top", margins.top);
    check("bottom", margins.bottom);
    if (margins.left == 0 && margins.right == 0 && margins.top == 0 && margins.bottom == 0) {
      Violate(task_, "must have a margin: left, right, top or bottom");
    }
  }

  void CheckNoText(absl::string_view why) {
    const auto check = [&](absl::string_view field, const std::string& prompt) {
      if (!prompt.empty()) Violate(field, absl::StrCat("must be empty: ", why));
    };
    check("spec.prompt", fields_.prompt);
    check("spec.negative_prompt", fields_.negative_prompt);
  }

  void CheckUnguided() {
    if (const double scale = fields_.guidance_scale.value_or(1); scale > 1) {
      Violate("spec.guidance_scale", absl::StrCat("must be 1 or less: there is nothing to guide towards; got ", scale));
    }
  }

  void CheckLabel() {
    const int label = fields_.class_label.value_or(0);
    fields_.class_label = label;
    if (label >= 0 && label < model_.num_classes) return;
    Violate(absl::StrCat(task_, ".label"), absl::StrCat("must be from 0 to ", model_.num_classes - 1, "; got ", label));
  }

  void CheckNoiseLevel() {
    const std::string field = absl::StrCat(task_, ".noise_level");
    if (model_.max_noise_level == 0) {
      if (fields_.noise_level) Violate(field, "must not be set: the model takes the picture as it is");
      return;
    }
    const int level = fields_.noise_level.value_or(std::min(kNoiseLevel, model_.max_noise_level));
    fields_.noise_level = level;
    if (level >= 0 && level <= model_.max_noise_level) return;
    Violate(field, absl::StrCat("must be from 0 to ", model_.max_noise_level, "; got ", level));
  }

  RequestFields& fields_;
  const ModelInfo& model_;
  std::vector<FieldViolation>& violations_;
  const std::string task_;
};

PictureSize WithMargins(const InputImage& image, const Margins& margins) {
  return {image.width + margins.left + margins.right, image.height + margins.top + margins.bottom};
}

}  // namespace

void CheckTaskFields(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations) {
  TaskChecker(fields, model, violations).Check();
}

void CheckLatents(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations) {
  const auto check = [&](const char* name, std::optional<InputImage>& image, bool takes_latents) {
    if (!image || !image->latent) return;
    const LatentShape& latent = *image->latent;
    const std::string field = absl::StrCat("spec.", std::string(Name(*fields.task)), ".", name);
    if (!takes_latents) {
      violations.push_back({field, kNoLatent});
    } else if (latent.channels != model.latent_channels) {
      violations.push_back({field, absl::StrCat("must have the ", model.latent_channels, " channels of the model ",
                                                model.name, "'s latents; got ", latent.channels)});
    }
    image->width = latent.width * model.latent_scale;
    image->height = latent.height * model.latent_scale;
  };
  check("image", fields.image, fields.task == Task::kImageToImage);
  check("mask", fields.mask, false);
}

void CheckDenoisingRange(const RequestFields& fields, std::vector<FieldViolation>& violations) {
  const std::string start_field = absl::StrCat("spec.", std::string(Name(*fields.task)), ".denoising_start");
  const double end = fields.denoising_end.value_or(1);
  if (!(end > 0 && end <= 1)) {  // also NaN
    violations.push_back({"spec.denoising_end", absl::StrCat("must be a number above 0 and at most 1; got ", end)});
  }
  if (!fields.denoising_start) return;
  const double start = *fields.denoising_start;
  if (!(start > 0 && start < 1)) {
    violations.push_back({start_field, absl::StrCat("must be a number between 0 and 1; got ", start)});
  } else if (end > 0 && end <= start) {
    violations.push_back({"spec.denoising_end", absl::StrCat("must be above denoising_start, ", start, "; got ", end)});
  }
}

PictureSize DefaultSize(const RequestFields& fields, const ModelInfo& model) {
  if (!fields.image) return {model.native_width, model.native_height};
  if (fields.task == Task::kSuperResolution) {
    const int multiple = model.size_multiple / model.upscale_factor;
    const auto enlarged = [&](int edge) { return (edge - edge % multiple) * model.upscale_factor; };
    return {enlarged(fields.image->width), enlarged(fields.image->height)};
  }
  const auto cut = [&](int edge) { return edge - edge % model.size_multiple; };
  const PictureSize own = WithMargins(*fields.image, fields.margins);
  return {cut(own.width), cut(own.height)};
}

void CheckEnlargement(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations) {
  const PictureSize size = DefaultSize(fields, model);
  const int factor = model.upscale_factor;
  fields.upscale_factor = factor;
  if (!fields.image) return;  // which has been reported
  const auto check_edge = [&](const char* field, int& asked, int edge) {
    if (asked != 0 && asked != edge) {
      violations.push_back({field, absl::StrCat("must be left out, or ", edge, ", the small picture's size times ",
                                                factor, "; got ", asked)});
    }
    asked = edge;
  };
  const InputImage& image = *fields.image;
  const std::string low_res = "spec.super_resolution.low_res";
  const auto fits = [&](int edge) { return edge >= model.min_size && edge <= model.max_size; };
  if (!fits(size.width) || !fits(size.height) || int64_t{size.width} * size.height > model.max_pixels) {
    violations.push_back(
        {low_res, absl::StrCat("must have edges from ", model.min_size / factor, " to ", model.max_size / factor,
                               " pixels and at most ", model.max_pixels / factor / factor, " pixels in all; got ",
                               image.width, " × ", image.height)});
    return;
  }
  check_edge("spec.width", fields.width, size.width);
  check_edge("spec.height", fields.height, size.height);
  const bool cut = size.width != image.width * factor || size.height != image.height * factor;
  if (cut && image.fit == Fit::kRefuse) {
    violations.push_back(
        {low_res, absl::StrCat("must have edges that are multiples of ", model.size_multiple / factor,
                               ", since its fit is FIT_REFUSE; got ", image.width, " × ", image.height)});
  }
}

void CheckFits(const RequestFields& fields, std::vector<FieldViolation>& violations) {
  const auto check = [&](const char* name, const std::optional<InputImage>& image, const Margins& margins) {
    if (!image || (image->fit != Fit::kRefuse && !image->latent)) return;
    const PictureSize own = WithMargins(*image, margins);
    if (own.width == fields.width && own.height == fields.height) return;
    violations.push_back(
        {absl::StrCat("spec.", std::string(Name(*fields.task)), ".", name),
         absl::StrCat("must have the size of the request's pictures, ", fields.width, " × ", fields.height,
                      image->latent ? ", since latents are not resized" : ", since its fit is FIT_REFUSE", "; got ",
                      own.width, " × ", own.height)});
  };
  check("image", fields.image, fields.margins);
  check("mask", fields.mask, {});
}

}  // namespace latentd::core
