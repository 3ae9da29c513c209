#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace latentd::openai {

// One part of a form.
struct FormPart {
  std::string name;
  absl::string_view data;  // of the body
};

// The parts of a multipart/form-data body (RFC 7578), in their order. `content_type` is the request's header.
//
// Strict: the body begins with a boundary and ends after the last one, every line of a header ends with CRLF, and each
// part is form-data with a name. At most 64 parts, of at most 4 KiB of headers each. INVALID_ARGUMENT says what is
// wrong. Nothing is copied but names.
absl::StatusOr<std::vector<FormPart>> ParseForm(absl::string_view content_type, absl::string_view body);

}  // namespace latentd::openai
