#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/caller.h"

namespace latentd::auth {

// What tokens must say beside being signed.
struct TokenRules {
  std::string issuer{};                       // "iss"; empty: whatever the keys sign
  std::string audience = "latentd";           // among "aud"
  absl::Duration leeway = absl::Seconds(30);  // of clocks that differ
};

// The keys of those who may say who a caller is (a JWKS, RFC 7517), and what their tokens say (JWT, RFC 7519, read as
// RFC 8725 advises). Signatures are RS256, ES256 or EdDSA; nothing that a token names is fetched or trusted as a key.
// Thread-safe.
//
//   "exp"             required; "nbf" is heeded
//   "sub"             Caller::id
//   "tenant"          Caller::tenant
//   "roles", "scope"  a list, or words with spaces between, of which generate, read and admin count
class JsonWebKeys {
 public:
  // INVALID_ARGUMENT: no JWKS, or one without a key that could be used.
  static absl::StatusOr<JsonWebKeys> Parse(const std::string& text);

  // UNAUTHENTICATED says what is wrong (reasons TOKEN_EXPIRED, TOKEN_INVALID).
  absl::StatusOr<core::Caller> Verify(std::string_view token, const TokenRules& rules, absl::Time now) const;

 private:
  struct Keys;

  explicit JsonWebKeys(std::shared_ptr<const Keys> keys) : keys_(std::move(keys)) {}

  std::shared_ptr<const Keys> keys_;
};

}  // namespace latentd::auth
