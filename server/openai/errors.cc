#include "server/openai/errors.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "server/core/errors.h"

namespace latentd::openai {
namespace {

// Of several that match at one place the longest counts.
const std::vector<std::pair<absl::string_view, absl::string_view>> kParameterOfField = {
    {"options.labels", "user"},
    {"spec.height", "size"},
    {"spec.image_to_image.image", "image"},
    {"spec.image_to_image.image.data", "image"},
    {"spec.inpaint.image", "image"},
    {"spec.inpaint.image.data", "image"},
    {"spec.inpaint.mask", "mask"},
    {"spec.inpaint.mask.data", "mask"},
    {"spec.model", "model"},
    {"spec.num_images", "n"},
    {"spec.output.format", "output_format"},
    {"spec.output.quality", "output_compression"},
    {"spec.prompt", "prompt"},
    {"spec.seed", "seed"},
    {"spec.width", "size"},
};

const char* TypeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kCancelled:
      return "invalid_request_error";
    case absl::StatusCode::kResourceExhausted:
      return "rate_limit_error";
    default:
      return "server_error";
  }
}

}  // namespace

absl::Status ForCaller(const absl::Status& status) {
  if (status.ok()) return status;
  core::ErrorDetails details = core::GetErrorDetails(status);
  const bool is_given_up = details.reason == "JOB_CANCELLED" && details.metadata["reason"] == "DRAINED";
  if (is_given_up || details.reason == "DRAINING") {
    return core::MakeError(absl::StatusCode::kUnavailable, "the server stops; try again",
                           {.reason = "DRAINING", .retry_after = details.retry_after});
  }
  if (details.violations.empty()) return status;
  for (core::FieldViolation& violation : details.violations) {
    violation.field = absl::StrReplaceAll(violation.field, kParameterOfField);
  }
  return core::MakeError(status.code(), absl::StrReplaceAll(status.message(), kParameterOfField), details);
}

nlohmann::json ErrorObject(const absl::Status& status) {
  const core::ErrorDetails details = core::GetErrorDetails(status);
  nlohmann::json error = {{"message", std::string(status.message())},
                          {"type", TypeOf(status.code())},
                          {"param", nullptr},
                          {"code", nullptr}};
  if (!details.violations.empty()) error["param"] = details.violations.front().field;
  if (!details.reason.empty()) error["code"] = absl::AsciiStrToLower(details.reason);
  return error;
}

}  // namespace latentd::openai
