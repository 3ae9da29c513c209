#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/tenant.h"

namespace latentd::store {

// What each tenant has in the house and how much it took lately, against its limits. Refusing changes nothing. Times
// never fall. Not thread-safe.
class TenantQuotas {
 public:
  // RESOURCE_EXHAUSTED (reason QUOTA_EXCEEDED), which names the quota and says when to come back: `until_room` for
  // jobs. `pixel_steps` is what the job is expected to take; more than the limit of a minute is let in when nothing was
  // taken lately.
  absl::Status Check(const std::string& tenant, const core::TenantLimits& limits, int64_t pixel_steps, absl::Time now,
                     absl::Duration until_room);

  void OnAdmitted(const std::string& tenant, int64_t pixel_steps);
  void OnStarted(const std::string& tenant);
  void OnRequeued(const std::string& tenant);  // what had started waits again
  // `expected` as it was admitted; `used` is what it took in the end.
  void OnEnded(const std::string& tenant, bool started, int64_t expected, int64_t used);

  // It used so much more than was known at its end.
  void OnUsedMore(const std::string& tenant, int64_t pixel_steps);

  size_t tenants() const { return uses_.size(); }

 private:
  struct Use {
    int queued = 0;
    int running = 0;
    // A token bucket, seen from its bottom: what was taken and has not been made good by time.
    double taken = 0;
    absl::Time at = absl::InfinitePast();  // when that was so
    double per_minute = 0;                 // how quickly it is made good
  };

  // To be called often enough for tenants that never come back.
  void Forget(absl::Time now);

  std::map<std::string, Use> uses_;
  size_t forget_above_ = 1024;
};

}  // namespace latentd::store
