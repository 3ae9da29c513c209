#include "server/core/box_fields.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/core/utf8.h"

namespace latentd::core {
namespace {

constexpr char kTask[] = "spec.boxes_to_image";
constexpr size_t kMaxBoxes = 30;  // that the network has places for
constexpr int64_t kMaxPhraseCharacters = 1024;
// As diffusers' StableDiffusionGLIGENPipeline.
constexpr double kScheduledSamplingBeta = 0.3;

class BoxChecker {
 public:
  BoxChecker(std::string field, std::vector<FieldViolation>& violations)
      : field_(std::move(field)), violations_(violations) {}

  void Check(const PhraseBox& box) {
    CheckPhrase(box.phrase);
    CheckSides("x0", box.x0, "x1", box.x1);
    CheckSides("y0", box.y0, "y1", box.y1);
  }

 private:
  void CheckPhrase(const std::string& phrase) {
    const std::optional<int64_t> characters = CountCharacters(phrase);
    if (!characters) {
      Violate("phrase", "must be valid UTF-8");
    } else if (*characters > kMaxPhraseCharacters) {
      Violate("phrase", absl::StrCat("must have at most ", kMaxPhraseCharacters, " characters; got ", *characters));
    } else if (absl::StripAsciiWhitespace(phrase).empty()) {
      Violate("phrase", "must say what stands in the box");
    }
  }

  void CheckSides(const char* low_name, double low, const char* high_name, double high) {
    const bool low_fits = CheckShare(low_name, low);
    const bool high_fits = CheckShare(high_name, high);
    if (low_fits && high_fits && !(low < high)) {
      Violate(high_name, absl::StrCat("must be above ", low_name, ", ", low, "; got ", high));
    }
  }

  bool CheckShare(const char* name, double value) {
    if (value >= 0 && value <= 1) return true;  // false for NaN
    Violate(name, absl::StrCat("must be a number from 0 to 1; got ", value));
    return false;
  }

  void Violate(const char* name, std::string description) {
    violations_.push_back({absl::StrCat(field_, ".", name), std::move(description)});
  }

  const std::string field_;
  std::vector<FieldViolation>& violations_;
};

}  // namespace

void CheckBoxes(RequestFields& fields, std::vector<FieldViolation>& violations) {
  const double beta = fields.scheduled_sampling_beta.value_or(kScheduledSamplingBeta);
  fields.scheduled_sampling_beta = beta;
  if (!(beta >= 0 && beta <= 1)) {  // also NaN
    violations.push_back(
        {absl::StrCat(kTask, ".scheduled_sampling_beta"), absl::StrCat("must be a number from 0 to 1; got ", beta)});
  }
  const size_t count = fields.boxes.size();
  if (count < 1 || count > kMaxBoxes) {
    violations.push_back(
        {absl::StrCat(kTask, ".boxes"), absl::StrCat("must have from 1 to ", kMaxBoxes, " entries; got ", count)});
    return;  // whoever sends thousands of them is not told of each
  }
  for (size_t i = 0; i < count; ++i) {
    BoxChecker(absl::StrCat(kTask, ".boxes[", i, "]"), violations).Check(fields.boxes[i]);
  }
}

}  // namespace latentd::core
