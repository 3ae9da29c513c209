#include "server/rpc/request.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/adapter_fields.h"
#include "server/core/errors.h"
#include "server/rpc/field_reader.h"

namespace latentd::rpc {
namespace {

// Why this model cannot do such jobs; OK when it can.
absl::Status CheckModel(const core::ModelInfo& model, core::Task task, bool animates) {
  if (model.state == core::ModelState::kBroken) {
    return core::MakeError(absl::StatusCode::kFailedPrecondition,
                           absl::StrCat("the model ", model.name, " cannot be used (GetModel says all that is wrong): ",
                                        std::string(model.error.message())),
                           {.reason = "MODEL_BROKEN", .metadata = {{"model", model.name}}});
  }
  if (!model.Does(task)) {
    const std::string tasks =
        absl::StrJoin(model.tasks, ", ", [](std::string* out, core::Task each) { out->append(core::Name(each)); });
    return core::MakeError(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("the model ", model.name, " cannot do ", std::string(core::Name(task)), "; it can do ", tasks),
        {.reason = "TASK_NOT_OFFERED",
         .metadata = {{"tasks", tasks}},
         .resource_type = "model",
         .resource_name = model.name});
  }
  if (animates && !model.takes_motion) {
    return core::MakeError(absl::StatusCode::kFailedPrecondition,
                           absl::StrCat("spec.animation: the model ", model.name, " (", model.architecture,
                                        ") makes no clips: motion modules are for Stable Diffusion 1.x"),
                           {.reason = "ANIMATION_NOT_OFFERED", .resource_type = "model", .resource_name = model.name});
  }
  return absl::OkStatus();
}

absl::StatusOr<core::InputImage> OpenImage(const v1::InputImage& image, const core::Caller& caller,
                                           const RequestContext& context) {
  if (!image.has_blob_sha256()) {
    return context.open_image(std::make_shared<const std::string>(image.data()), "");
  }
  absl::StatusOr<core::Blob> file = context.blobs->Find({.tenant = caller.tenant, .sha256 = image.blob_sha256()});
  if (!file.ok()) return file.status();
  if (*file == nullptr) return absl::NotFoundError("");
  return context.open_image(*std::move(file), image.blob_sha256());
}

}  // namespace

absl::StatusOr<std::shared_ptr<const core::GenerationRequest>> ReadRequest(const core::Caller& caller,
                                                                           const v1::GenerationSpec& spec,
                                                                           const v1::JobOptions& options,
                                                                           absl::Time now,
                                                                           const RequestContext& context) {
  FieldReader reader([&](const v1::InputImage& image) { return OpenImage(image, caller, context); });
  const core::RequestFields fields = reader.Read(spec, options);
  // An empty name has been reported, and is that of no model.
  const absl::StatusOr<core::ModelInfo> model = context.catalog->Find(fields.model);
  absl::Status usable = model.ok()
                            ? CheckModel(*model, core::TaskFor(fields.task, *model), fields.animation.has_value())
                            : model.status();
  if (usable.ok()) usable = core::CheckAdaptersExist(fields.adapters, *model, *context.adapters);
  core::GenerationRequest::Validated validated;
  if (usable.ok()) {
    validated = core::GenerationRequest::Validate(fields, *model, context.limits, now, context.draw_seed);
  } else {
    validated.violations = core::GenerationRequest::CheckWithoutModel(fields, context.limits, now);
  }
  if (!reader.store_error().ok()) return reader.store_error();
  std::vector<core::FieldViolation>& violations = reader.violations();
  violations.insert(violations.end(), validated.violations.begin(), validated.violations.end());
  if (!violations.empty()) return BadRequest(std::move(violations));
  if (!usable.ok()) return usable;
  if (absl::Status missing = reader.missing_blobs(); !missing.ok()) return missing;
  return std::make_shared<const core::GenerationRequest>(*std::move(validated.request));
}

}  // namespace latentd::rpc
