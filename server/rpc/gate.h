#pragma once

#include <grpcpp/support/server_callback.h>

#include <optional>

#include "absl/status/statusor.h"
#include "server/auth/authenticator.h"
#include "server/core/caller.h"

namespace latentd::rpc {

// Lets those in who may call. Thread-safe.
class Gate {
 public:
  // REQUIRES: the authenticator outlives the gate.
  explicit Gate(auth::Authenticator* authenticator) : authenticator_(authenticator) {}

  // Who calls. To be asked before the request is looked at. UNAUTHENTICATED as Authenticator has it; PERMISSION_DENIED
  // (reason ROLE_MISSING) without `role`, where one is needed.
  absl::StatusOr<core::Caller> Admit(const grpc::CallbackServerContext& call, std::optional<core::Role> role) const;

 private:
  auth::Authenticator* const authenticator_;
};

}  // namespace latentd::rpc
