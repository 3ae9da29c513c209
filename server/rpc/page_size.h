#pragma once

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::rpc {

// How long a page of a list is (AIP-158): as long as its caller asks, within a bound; 0 leaves it to the server.
inline int PageSize(int asked) {
  constexpr int kDefault = 50;
  constexpr int kMax = 1000;
  return asked == 0 ? kDefault : std::min(asked, kMax);
}

inline std::optional<core::FieldViolation> CheckPageSize(int asked) {
  if (asked >= 0) return std::nullopt;
  return core::FieldViolation{"page_size", absl::StrCat("must not be negative; got ", asked)};
}

}  // namespace latentd::rpc
