#include "server/core/control_fields.h"

#include "absl/strings/str_cat.h"
#include "server/core/adapter_fields.h"
#include "server/core/task_fields.h"

namespace latentd::core {
namespace {

bool TakesControls(Task task) {
  return task == Task::kTextToImage || task == Task::kImageToImage || task == Task::kInpaint || task == Task::kOutpaint;
}

}  // namespace

void CheckControlRange(const std::string& field, const AdapterUse& control, std::vector<FieldViolation>& violations) {
  const auto check = [&](const char* name, double share) {
    const bool fits = share >= 0 && share <= 1;  // false for NaN
    if (!fits) {
      violations.push_back({absl::StrCat(field, ".", name), absl::StrCat("must be a number from 0 to 1; got ", share)});
    }
    return fits;
  };
  const bool start_fits = check("start", control.start);
  const bool end_fits = check("end", control.end);
  if (start_fits && end_fits && control.start >= control.end) {
    violations.push_back(
        {absl::StrCat(field, ".start"), absl::StrCat("must be below end, ", control.end, "; got ", control.start)});
  }
}

void CheckControls(const RequestFields& fields, std::vector<FieldViolation>& violations) {
  bool refused = false;
  for (size_t i = 0; i < fields.adapters.size(); ++i) {
    const AdapterUse& control = fields.adapters[i];
    if (control.kind != AdapterKind::kControlNet || !control.image) continue;
    if (!TakesControls(*fields.task)) {
      if (!refused) {
        violations.push_back({"spec.controls", absl::StrCat("must be empty: ", std::string(Name(*fields.task)),
                                                            " is not steered by ControlNets")});
      }
      refused = true;
      continue;
    }
    const InputImage& image = *control.image;
    const std::string field = absl::StrCat(AdapterField(fields.adapters, i), ".image");
    if (image.latent) {
      violations.push_back({field, kNoLatent});
    } else if (image.fit == Fit::kRefuse && (image.width != fields.width || image.height != fields.height)) {
      violations.push_back(
          {field, absl::StrCat("must have the size of the request's pictures, ", fields.width, " × ", fields.height,
                               ", since its fit is FIT_REFUSE; got ", image.width, " × ", image.height)});
    }
  }
}

}  // namespace latentd::core
