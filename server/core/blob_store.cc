#include "server/core/blob_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/errors.h"

namespace latentd::core {

bool IsSha256(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 64 && std::all_of(text.begin(), text.end(), is_digit);
}

std::vector<FieldViolation> CheckBlobPart(const BlobPart& part, int64_t max_blob_bytes) {
  std::vector<FieldViolation> violations;
  const auto violate = [&](const char* field, std::string description) {
    violations.push_back({field, std::move(description)});
  };
  if (!IsSha256(part.sha256)) violate("sha256", kSha256Form);
  const bool has_size = part.total_size >= 1 && part.total_size <= max_blob_bytes;
  if (max_blob_bytes == 0) {
    violate("total_size", "cannot be taken: this server keeps no blobs");
  } else if (!has_size) {
    violate("total_size", absl::StrCat("must be from 1 to ", max_blob_bytes, " bytes; got ", part.total_size));
  }
  if (part.offset < 0) {
    violate("offset", absl::StrCat("must not be negative; got ", part.offset));
  } else if (has_size && part.offset > part.total_size) {
    violate("offset", absl::StrCat("must be at most total_size, ", part.total_size, "; got ", part.offset));
  } else if (has_size && static_cast<int64_t>(part.data.size()) > part.total_size - part.offset) {
    violate("data", absl::StrCat("must end within total_size, ", part.total_size, "; got ", part.data.size(),
                                 " bytes from ", part.offset));
  }
  return violations;
}

absl::Status BlobNotFound(std::string_view message, const std::vector<std::string>& hashes) {
  return MakeError(absl::StatusCode::kNotFound, message,
                   {.reason = "BLOB_NOT_FOUND",
                    .metadata = {{"blobs", absl::StrJoin(hashes, ",")}},
                    .resource_type = "blob",
                    .resource_name = hashes.front()});
}

}  // namespace latentd::core
