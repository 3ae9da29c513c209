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
  // Whether a stop ends a try that is on its way. When not, it only ends the pauses.
  bool stop_ends_attempt = true;
  // Told of each pause; may be empty.
  std::function<void(const absl::Status&, absl::Duration)> retry = {};
};

// Makes a call that may safely be repeated until it succeeds, fails for good, or is to be given up. A stop gives
// CANCELLED; a deadline gives the last try's error, or DEADLINE_EXCEEDED when it ended the try itself.
absl::Status CallWithRetries(const UnaryCall& call, RetryPolicy policy, Waiter& waiter);

}  // namespace latentd::client
