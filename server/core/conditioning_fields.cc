#include "server/core/conditioning_fields.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace latentd::core {
namespace {

// As diffusers' StableDiffusionXLImg2ImgPipeline.
constexpr double kAestheticScore = 6;
constexpr double kNegativeAestheticScore = 2.5;

constexpr int kMaxEdge = 1 << 16;
constexpr double kMaxScore = 100;

class SizeChecker {
 public:
  SizeChecker(const ModelInfo& model, std::vector<FieldViolation>& violations)
      : model_(model), violations_(violations) {}

  // `field` is the message's path. `by_default` holds what 0 stands for.
  void Check(const char* field, SizeConditioning& size, const SizeConditioning& by_default) {
    Fill(size.original_width, by_default.original_width);
    Fill(size.original_height, by_default.original_height);
    CheckEdge(field, "original_width", size.original_width, 1);
    CheckEdge(field, "original_height", size.original_height, 1);
    CheckEdge(field, "crop_left", size.crop_left, 0);
    CheckEdge(field, "crop_top", size.crop_top, 0);
    if (model_.takes_aesthetic_score) {
      RefuseTarget(field, size);
      if (!size.aesthetic_score) size.aesthetic_score = by_default.aesthetic_score;
      const double score = *size.aesthetic_score;
      if (score >= 0 && score <= kMaxScore) return;  // false for NaN
      Violate(field, "aesthetic_score", absl::StrCat("must be a number from 0 to ", kMaxScore, "; got ", score));
    } else {
      Fill(size.target_width, by_default.target_width);
      Fill(size.target_height, by_default.target_height);
      CheckEdge(field, "target_width", size.target_width, 1);
      CheckEdge(field, "target_height", size.target_height, 1);
      if (!size.aesthetic_score) return;
      Violate(field, "aesthetic_score",
              absl::StrCat("must not be set: the model ", model_.name, " takes a target size instead"));
    }
  }

 private:
  static void Fill(int& value, int by_default) {
    if (value == 0) value = by_default;
  }

  void RefuseTarget(const char* field, const SizeConditioning& size) {
    for (const auto& [name, value] :
         {std::pair("target_width", size.target_width), std::pair("target_height", size.target_height)}) {
      if (value == 0) continue;
      Violate(field, name,
              absl::StrCat("must be 0: the model ", model_.name, " takes an aesthetic score instead; got ", value));
    }
  }

  void CheckEdge(const char* field, const char* name, int value, int low) {
    if (value >= low && value <= kMaxEdge) return;
    Violate(field, name, absl::StrCat("must be from ", low, " to ", kMaxEdge, "; got ", value));
  }

  void Violate(const char* field, const char* name, std::string description) {
    violations_.push_back({absl::StrCat(field, ".", name), std::move(description)});
  }

  const ModelInfo& model_;
  std::vector<FieldViolation>& violations_;
};

}  // namespace

void CheckSecondPrompts(const RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations) {
  if (model.takes_prompt_2) return;
  const auto check = [&](const char* field, const std::string& prompt) {
    if (prompt.empty()) return;
    violations.push_back(
        {field, absl::StrCat("must be empty: the model ", model.name, " does not have two text encoders")});
  };
  check("spec.prompt_2", fields.prompt_2);
  check("spec.negative_prompt_2", fields.negative_prompt_2);
}

void CheckSizeConditioning(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations) {
  constexpr char kSize[] = "spec.size_conditioning";
  constexpr char kNegative[] = "spec.negative_size_conditioning";
  if (!model.takes_size_conditioning) {
    for (const auto& [field, given] : {std::pair(kSize, fields.size_conditioning.has_value()),
                                       std::pair(kNegative, fields.negative_size_conditioning.has_value())}) {
      if (!given) continue;
      violations.push_back({field, absl::StrCat("must not be set: the model ", model.name, " is not told sizes")});
    }
    return;
  }
  SizeChecker checker(model, violations);
  SizeConditioning own{.original_width = fields.width,
                       .original_height = fields.height,
                       .target_width = fields.width,
                       .target_height = fields.height,
                       .aesthetic_score = kAestheticScore};
  if (!fields.size_conditioning) fields.size_conditioning.emplace();
  checker.Check(kSize, *fields.size_conditioning, own);

  SizeConditioning other = *fields.size_conditioning;
  other.aesthetic_score = kNegativeAestheticScore;
  if (!fields.negative_size_conditioning) {
    fields.negative_size_conditioning.emplace();
    // As diffusers: with a score, the crop is not that of the other side.
    if (!model.takes_aesthetic_score) {
      fields.negative_size_conditioning->crop_left = other.crop_left;
      fields.negative_size_conditioning->crop_top = other.crop_top;
    }
  }
  checker.Check(kNegative, *fields.negative_size_conditioning, other);
}

}  // namespace latentd::core
