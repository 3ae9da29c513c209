#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/core/caller.h"

namespace latentd::auth {

// The keys that callers may use, known by their hashes alone. Keys are drawn at random, so a fast hash is enough: there
// is no shorter way than to try all of them.
//
//   - id: shop-web            # for logs
//     sha256: 3c46…           # of the key, in lower-case hexadecimal digits
//     tenant: shop
//     roles: [generate, read] # and admin; without the line, these two
class ApiKeys {
 public:
  // A list in YAML. INVALID_ARGUMENT names the line, and what would have been right.
  static absl::StatusOr<ApiKeys> Parse(const std::string& text);

  // Null: no such key.
  const core::Caller* Find(std::string_view key) const;

 private:
  std::map<std::string, core::Caller, std::less<>> by_hash_;
};

}  // namespace latentd::auth
