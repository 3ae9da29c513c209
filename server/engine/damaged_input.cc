#include "server/engine/damaged_input.h"

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::engine {

absl::Status DamagedInput(const std::string& field, const absl::Status& status) {
  const std::string what(status.message());
  return core::MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat(field, " ", what),
                         {.reason = "INVALID_FIELDS", .violations = {{field, what}}});
}

}  // namespace latentd::engine
