#include "server/auth/authenticator.h"

#include <utility>

#include "absl/strings/match.h"
#include "server/auth/api_keys.h"
#include "server/auth/reloaded_file.h"
#include "server/core/errors.h"

namespace latentd::auth {
namespace {

constexpr std::string_view kBearer = "bearer ";

absl::Status Refuse(std::string_view message, const char* reason) {
  return core::MakeError(absl::StatusCode::kUnauthenticated, message, {.reason = reason});
}

class Everybody final : public Authenticator {
 public:
  bool required() const override { return false; }

  absl::StatusOr<core::Caller> Authenticate(const std::vector<std::string_view>& /*authorization*/) override {
    return core::Caller{.roles = {core::Role::kGenerate, core::Role::kRead, core::Role::kAdmin}};
  }
};

class Known final : public Authenticator {
 public:
  explicit Known(const Options& options) : rules_(options.rules), now_(options.now) {}

  absl::Status Open(const Options& options) {
    if (!options.api_keys.empty()) {
      auto keys = ReloadedFile<ApiKeys>::Open(
          {.path = options.api_keys, .parse = ApiKeys::Parse, .on_error = options.on_error});
      if (!keys.ok()) return keys.status();
      api_keys_ = *std::move(keys);
    }
    if (!options.jwks.empty()) {
      auto keys = ReloadedFile<JsonWebKeys>::Open(
          {.path = options.jwks, .parse = JsonWebKeys::Parse, .on_error = options.on_error});
      if (!keys.ok()) return keys.status();
      token_keys_ = *std::move(keys);
    }
    return absl::OkStatus();
  }

  bool required() const override { return true; }

  absl::StatusOr<core::Caller> Authenticate(const std::vector<std::string_view>& authorization) override {
    if (authorization.size() != 1 ||
        !absl::StartsWithIgnoreCase(absl::string_view(authorization[0].data(), authorization[0].size()),
                                    absl::string_view(kBearer.data(), kBearer.size()))) {
      return Refuse("The call needs credentials: one header `authorization: Bearer KEY`.", "CREDENTIALS_MISSING");
    }
    const std::string_view credentials = authorization[0].substr(kBearer.size());
    if (api_keys_ != nullptr) {
      const std::shared_ptr<const ApiKeys> keys = api_keys_->Get();
      if (const core::Caller* caller = keys->Find(credentials); caller != nullptr) return *caller;
    }
    const bool is_token = credentials.find('.') != std::string_view::npos;
    if (token_keys_ != nullptr && (is_token || api_keys_ == nullptr)) {
      return token_keys_->Get()->Verify(credentials, rules_, now_());
    }
    return Refuse("The key is not known here: it never was, or is revoked.", "KEY_UNKNOWN");
  }

 private:
  const TokenRules rules_;
  const std::function<absl::Time()> now_;
  // Null: credentials of this kind are not taken.
  std::unique_ptr<ReloadedFile<ApiKeys>> api_keys_;
  std::unique_ptr<ReloadedFile<JsonWebKeys>> token_keys_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Create(const Options& options) {
  if (options.api_keys.empty() && options.jwks.empty()) return std::make_unique<Everybody>();
  auto known = std::make_unique<Known>(options);
  if (absl::Status opened = known->Open(options); !opened.ok()) return opened;
  return known;
}

}  // namespace latentd::auth
