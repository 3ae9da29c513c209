#include "client/cpp/retry_policy.h"

#include <algorithm>
#include <utility>

#include "client/cpp/error.h"

namespace latentd::client {

RetryPolicy::RetryPolicy(const RetryOptions& options, std::function<double()> random)
    : options_(options), random_(std::move(random)) {}

std::optional<absl::Duration> RetryPolicy::NextDelay(const absl::Status& error, absl::Time now) {
  absl::Duration delay;
  absl::Time limit;
  if (const std::optional<absl::Duration> asked = GetErrorDetails(error).retry_after; asked.has_value()) {
    if (*asked < absl::ZeroDuration()) {
      return std::nullopt;
    }
    answered_ = true;  // It is there, and speaks.
    backoff_factor_ = 1;
    lost_since_.reset();
    busy_since_ = busy_since_.value_or(now);
    delay = std::max(*asked, options_.initial_backoff) * (1 + 0.2 * random_());
    limit = *busy_since_ + options_.busy_for;
  } else if (absl::IsUnavailable(error)) {
    lost_since_ = lost_since_.value_or(now);
    delay = std::min(options_.initial_backoff * backoff_factor_, options_.max_backoff) * (1 - 0.5 * random_());
    backoff_factor_ *= options_.multiplier;
    limit = *lost_since_ + (answered_ ? options_.reconnect_for : options_.connect_for);
  } else {
    return std::nullopt;
  }
  return now + delay > limit ? std::nullopt : std::make_optional(delay);
}

void RetryPolicy::Succeeded() {
  answered_ = true;
  backoff_factor_ = 1;
  lost_since_.reset();
  busy_since_.reset();
}

}  // namespace latentd::client
