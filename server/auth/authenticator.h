#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/auth/json_web_keys.h"
#include "server/core/caller.h"

namespace latentd::auth {

// Tells who calls from the credentials that came along. Thread-safe; never blocks but for reading a small file that has
// changed.
//
//   auto authenticator = Authenticator::Create({.api_keys = "keys.yaml"});
//   auto caller = (*authenticator)->Authenticate({"Bearer 3f…"});
class Authenticator {
 public:
  struct Options {
    std::string api_keys{};  // file of ApiKeys; empty: none are taken
    std::string jwks{};      // file of JsonWebKeys; empty: no tokens are taken
    TokenRules rules{};
    // The wall clock of the moment, by which tokens expire: it may be set right, and runs while the machine sleeps.
    std::function<absl::Time()> now = [] { return absl::Now(); };
    // Told when a file has changed and cannot be used: what it said before goes on to hold. May be null.
    std::function<void(const absl::Status&)> on_error{};
  };

  // With neither file everybody may call, as one tenant with all roles. INVALID_ARGUMENT names the file that cannot be
  // used.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Create(const Options& options);

  virtual ~Authenticator() = default;

  // Whether callers must say who they are.
  virtual bool required() const = 0;

  // `authorization`: the values of the header of that name: one, "Bearer KEY" or "Bearer TOKEN". UNAUTHENTICATED
  // (reasons CREDENTIALS_MISSING, KEY_UNKNOWN, TOKEN_EXPIRED, TOKEN_INVALID).
  virtual absl::StatusOr<core::Caller> Authenticate(const std::vector<std::string_view>& authorization) = 0;
};

}  // namespace latentd::auth
