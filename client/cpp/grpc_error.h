#pragma once

#include "absl/status/status.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace latentd::client {

// The only place where gRPC's status becomes Abseil's. Details come from `grpc-status-details-bin`; a
// `grpc-retry-pushback-ms` in the trailing metadata becomes a RetryInfo where the details have none.
// REQUIRES: the call of `context` has ended.
absl::Status ToStatus(const grpc::Status& status, const grpc::ClientContext& context);

}  // namespace latentd::client
