#include "server/store/queue_estimate.h"

#include <algorithm>

namespace latentd::store {
namespace {

constexpr double kWeightOfNewest = 0.1;

}  // namespace

void QueueEstimate::OnRan(absl::Duration duration) {
  mean_ = mean_.has_value() ? *mean_ + kWeightOfNewest * (duration - *mean_) : duration;
}

std::optional<absl::Duration> QueueEstimate::UntilStart(int position, int running) const {
  if (!mean_.has_value()) return std::nullopt;
  const int turns = running == 0 ? position : position + 1;  // when nothing runs, the next one starts at once
  return *mean_ * turns / std::max(1, running);
}

absl::Duration QueueEstimate::UntilRoom(int running) const {
  const absl::Duration estimate = UntilStart(0, running).value_or(absl::ZeroDuration());
  return std::clamp(estimate, absl::Seconds(1), absl::Minutes(1));
}

}  // namespace latentd::store
