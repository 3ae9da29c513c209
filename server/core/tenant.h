#pragma once

#include <cstdint>

namespace latentd::core {

// What a tenant may take, and its share of what is there. 0: no limit.
struct TenantLimits {
  int max_jobs = 0;         // accepted ones that have not ended
  int max_queued_jobs = 0;  // of those, the ones that have not started
  // Evaluations × lanes × pixels. A tenant may save up a minute's worth.
  int64_t pixel_steps_per_minute = 0;
  double weight = 1;  // of its share of the device, beside other tenants that have work
};

}  // namespace latentd::core
