#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/generation.h"
#include "client/cpp/retry_policy.h"
#include "client/cpp/waiter.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace latentd::client {

struct UnaryCall {
  // Makes the call once, blocking.
  std::function<grpc::Status(grpc::ClientContext&)> attempt;
  // For one try; a try that takes longer is given up and counts as UNAVAILABLE.
  absl::Duration timeout = absl::InfiniteDuration();
  Metadata metadata = {};
  CallOptions options = {};
  // Told of each pause; may be empty.
  Retry retry = {};
};

// Makes a call that may safely be repeated until it succeeds, fails for good, or is to be given up. A stop gives
// CANCELLED; a deadline DEADLINE_EXCEEDED, or what the server itself said last.
absl::Status CallWithRetries(const UnaryCall& call, RetryPolicy policy, Waiter& waiter);

}  // namespace latentd::client
