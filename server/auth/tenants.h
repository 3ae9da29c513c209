#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "server/core/tenant.h"

namespace latentd::auth {

// What tenants may take.
//
//   default: {max_jobs: 10}   # of those without an entry of their own; what is left out is not limited
//   tenants:
//     shop: {weight: 2, max_jobs: 100, max_queued_jobs: 50, pixel_steps_per_minute: 2000000000}
class Tenants {
 public:
  // YAML. INVALID_ARGUMENT names the line, and what would have been right.
  static absl::StatusOr<Tenants> Parse(const std::string& text);

  core::TenantLimits LimitsOf(const std::string& tenant) const;

 private:
  core::TenantLimits others_;
  std::map<std::string, core::TenantLimits> named_;
};

}  // namespace latentd::auth
