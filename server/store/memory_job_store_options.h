#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/job_store.h"
#include "server/core/observer.h"
#include "server/core/tenant.h"

namespace latentd::store {

struct MemoryJobStoreOptions {
  core::Clock* clock = nullptr;                      // required; outlives the store
  core::Observer* observer = nullptr;                // told of jobs, under the store's lock; null: nobody
  std::function<void(const core::Job&)> on_ended{};  // told of each job that has ended, likewise

  // What a tenant may take: read when it sends a job, on the caller's thread. Null: nothing is limited.
  std::function<core::TenantLimits(const std::string& tenant)> tenant_limits{};

  int max_queued_jobs = 256;  // jobs that have not started
  // What jobs that have not ended may come to hold: prompts, and three bytes for each pixel that they asked for.
  int64_t max_pending_bytes = int64_t{4} << 30;

  absl::Duration job_ttl = absl::Hours(1);    // how long a finished job is kept
  int64_t job_bytes = int64_t{1} << 30;       // of outputs, previews and requests of all jobs; finished ones make room
  int max_finished_jobs = 10'000;             // the oldest make room
  absl::Duration ageing = absl::Seconds(10);  // waiting so long counts as much as one level of priority
  absl::Duration drain_retry_after = absl::Seconds(5);
  std::function<uint64_t()> random{};  // 64 random bits, for names; null: the system's random source
};

}  // namespace latentd::store
