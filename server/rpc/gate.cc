#include "server/rpc/gate.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/auth/names.h"
#include "server/core/errors.h"

namespace latentd::rpc {
namespace {

// What the edge adds to calls where only known callers may come in. It says nothing of who the caller is.
constexpr char kCredentialsHeader[] = "x-latentd-credentials";

}  // namespace

absl::StatusOr<core::Caller> Gate::Admit(const grpc::CallbackServerContext& call,
                                         std::optional<core::Role> role) const {
  if (!authenticator_->required() && call.client_metadata().contains(kCredentialsHeader)) {
    return core::MakeError(
        absl::StatusCode::kPermissionDenied,
        "The edge takes calls of strangers, and this server asks nobody for credentials: start latentd "
        "with --api-keys or --jwks, or the edge with --insecure.",
        {.reason = "NO_CREDENTIALS_ASKED"});
  }
  std::vector<std::string_view> authorization;
  const auto [begin, end] = call.client_metadata().equal_range("authorization");
  for (auto header = begin; header != end; ++header) {
    authorization.emplace_back(header->second.data(), header->second.size());
  }
  absl::StatusOr<core::Caller> caller = authenticator_->Authenticate(authorization);
  if (caller.ok()) calls_->NoteCaller(call, *caller);
  if (caller.ok() && role && !caller->roles.contains(*role)) {
    const std::string name(auth::NameOf(*role));
    return core::MakeError(absl::StatusCode::kPermissionDenied,
                           absl::StrCat("The call needs the role ", name, ", which these credentials do not give."),
                           {.reason = "ROLE_MISSING", .metadata = {{"role", name}}});
  }
  return caller;
}

}  // namespace latentd::rpc
