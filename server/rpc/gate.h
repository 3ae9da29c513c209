#pragma once

#include <grpcpp/support/server_callback.h>

#include <optional>

#include "absl/status/statusor.h"
#include "server/auth/authenticator.h"
#include "server/core/caller.h"
#include "server/rpc/call_log.h"

namespace latentd::rpc {

// Lets those in who may call. Thread-safe.
class Gate {
 public:
  // `calls` is told who calls. REQUIRES: both outlive the gate.
  Gate(auth::Authenticator* authenticator, CallLog* calls) : authenticator_(authenticator), calls_(calls) {}

  // Who calls. To be asked before the request is looked at. UNAUTHENTICATED as Authenticator has it; PERMISSION_DENIED
  // without `role`, where one is needed (reason ROLE_MISSING), and where nobody is asked who he is, but an edge says
  // that everybody must be (NO_CREDENTIALS_ASKED): strangers can connect to it, which the server behind it cannot see.
  absl::StatusOr<core::Caller> Admit(const grpc::CallbackServerContext& call, std::optional<core::Role> role) const;

 private:
  auth::Authenticator* const authenticator_;
  CallLog* const calls_;
};

}  // namespace latentd::rpc
