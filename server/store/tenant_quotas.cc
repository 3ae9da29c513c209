#include "server/store/tenant_quotas.h"

#include <algorithm>

#include "server/store/job_errors.h"

namespace latentd::store {
absl::Status TenantQuotas::Check(const std::string& tenant, const core::TenantLimits& limits, int64_t pixel_steps,
                                 absl::Time now, absl::Duration until_room) {
  if (uses_.size() > forget_above_) Forget(now);
  Use& use = uses_[tenant];
  use.taken = std::max(0.0, use.taken - use.per_minute * absl::FDivDuration(now - use.at, absl::Minutes(1)));
  if (limits.pixel_steps_per_minute == 0) use.taken = 0;
  use.at = now;
  use.per_minute = static_cast<double>(limits.pixel_steps_per_minute);

  if (limits.max_jobs > 0 && use.queued + use.running >= limits.max_jobs) {
    return QuotaExceededError(tenant, "jobs at once", limits.max_jobs, until_room);
  }
  if (limits.max_queued_jobs > 0 && use.queued >= limits.max_queued_jobs) {
    return QuotaExceededError(tenant, "queued jobs", limits.max_queued_jobs, until_room);
  }
  const double allowed = std::max(0.0, use.per_minute - static_cast<double>(pixel_steps));
  if (use.per_minute > 0 && use.taken > allowed) {
    return QuotaExceededError(tenant, "pixel-steps per minute", limits.pixel_steps_per_minute,
                              absl::Minutes((use.taken - allowed) / use.per_minute));
  }
  return absl::OkStatus();
}

void TenantQuotas::OnAdmitted(const std::string& tenant, int64_t pixel_steps) {
  Use& use = uses_[tenant];
  ++use.queued;
  if (use.per_minute > 0) use.taken += static_cast<double>(pixel_steps);
}

void TenantQuotas::OnStarted(const std::string& tenant) {
  Use& use = uses_[tenant];
  --use.queued;
  ++use.running;
}

void TenantQuotas::OnRequeued(const std::string& tenant) {
  Use& use = uses_[tenant];
  ++use.queued;
  --use.running;
}

void TenantQuotas::OnEnded(const std::string& tenant, bool started, int64_t expected, int64_t used) {
  Use& use = uses_[tenant];
  --(started ? use.running : use.queued);
  if (use.per_minute == 0) return;
  use.taken = std::max(0.0, use.taken + static_cast<double>(used) - static_cast<double>(expected));
}

void TenantQuotas::OnUsedMore(const std::string& tenant, int64_t pixel_steps) {
  Use& use = uses_[tenant];
  if (use.per_minute > 0) use.taken += static_cast<double>(pixel_steps);
}

void TenantQuotas::Forget(absl::Time now) {
  std::erase_if(uses_, [&](const auto& entry) {
    const Use& use = entry.second;
    const double made_good = use.per_minute * absl::FDivDuration(now - use.at, absl::Minutes(1));
    return use.queued + use.running == 0 && use.taken <= made_good;
  });
  // Not at each call while there are many that stay.
  forget_above_ = std::max<size_t>(1024, 2 * uses_.size());
}

}  // namespace latentd::store
