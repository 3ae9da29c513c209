#include "client/cpp/unary_call.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"
#include "client/cpp/grpc_error.h"

namespace latentd::client {
namespace {

// Whether the server gave it, and nobody on the way.
bool IsServersOwn(const absl::Status& status) { return !GetErrorDetails(status).info.reason().empty(); }

absl::Status Try(const UnaryCall& call, Waiter& waiter) {
  const absl::Duration left = call.options.deadline - waiter.Now();
  const absl::Duration time = std::min(call.timeout, left);
  grpc::ClientContext context;
  for (const auto& [key, value] : call.metadata) context.AddMetadata(key, value);
  if (time < absl::InfiniteDuration()) {
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(time));
  }
  const std::stop_callback on_stop(call.options.stop, [&context] { context.TryCancel(); });
  absl::Status status = ToStatus(call.attempt(context), context);
  if (absl::IsDeadlineExceeded(status) && !IsServersOwn(status) && time < left) {
    return absl::UnavailableError("the server does not answer");
  }
  return status;
}

}  // namespace

absl::Status CallWithRetries(const UnaryCall& call, RetryPolicy policy, Waiter& waiter) {
  while (true) {
    absl::Status status = Try(call, waiter);
    if (status.ok()) {
      return status;
    }
    if (call.options.stop.stop_requested()) {
      return absl::CancelledError("stopped by the caller");
    }
    const absl::Time now = waiter.Now();
    const std::optional<absl::Duration> delay = policy.NextDelay(status, now);
    if (!delay.has_value()) {
      return status;
    }
    if (now + *delay >= call.options.deadline) {
      return IsServersOwn(status)
                 ? status
                 : absl::DeadlineExceededError(absl::StrCat(status.message(), "; no time to try again"));
    }
    if (call.retry) {
      call.retry(status, *delay);
    }
    waiter.Wait(*delay, call.options.stop);
    if (call.options.stop.stop_requested()) {
      return absl::CancelledError("stopped by the caller");
    }
  }
}

}  // namespace latentd::client
