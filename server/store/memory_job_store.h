#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/clock.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/store/alarm.h"
#include "server/store/job_table.h"
#include "server/store/listener_slot.h"
#include "server/store/memory_job_store_options.h"

namespace latentd::store {

// Jobs in this process's memory: one lock around a JobTable. Listeners and watches are called without the lock, the
// observer under it. Timeouts and retention happen on the clock's thread. Thread-safe.
//
//   SystemClock clock;
//   MemoryJobStore store({.clock = &clock, .max_queued_jobs = 100});
class MemoryJobStore : public core::JobStore {
 public:
  explicit MemoryJobStore(const MemoryJobStoreOptions& options);

  absl::StatusOr<core::Job> Create(std::shared_ptr<const core::GenerationRequest> request,
                                   const core::CreateOptions& options) override;
  absl::StatusOr<core::Job> Get(const std::string& name) const override;
  absl::StatusOr<std::string> TenantOf(const std::string& name) const override;
  absl::StatusOr<core::JobPage> List(const core::ListOptions& options) const override;
  absl::StatusOr<core::Job> Cancel(const std::string& name, const std::string& reason) override;
  void GiveUpAll(const std::string& reason) override;
  absl::Status Delete(const std::string& name) override;
  absl::StatusOr<core::Output> GetOutput(const std::string& name, int index) const override;
  absl::StatusOr<std::unique_ptr<core::Watch>> OpenWatch(const std::string& name, int64_t after_sequence,
                                                         std::function<void()> on_ready) override;

  void SetListener(core::WorkListener* listener) override;
  // All that wait are the one engine's.
  void Offer(const core::Capacity& /*capacity*/) override {}
  std::vector<core::ClaimedJob> Claim(int limit) override;
  void Drain() override;
  bool Flush(absl::Time /*deadline*/) override { return true; }

  void OnStarted(const core::Claim& claim, core::Started event) override;
  void OnProgress(const core::Claim& claim, core::Progress event) override;
  void OnOutput(const core::Claim& claim, core::Output output) override;
  void OnUsage(const core::Claim& claim, core::Usage usage) override;
  void OnCheckpoint(const core::Claim& claim, core::Checkpoint checkpoint) override;
  void OnHandedBack(const core::Claim& claim, std::string reason, core::Checkpoint checkpoint) override;
  void OnCompleted(const core::Claim& claim, core::Usage usage) override;
  void OnFailed(const core::Claim& claim, absl::Status status, core::Usage usage) override;

 private:
  class Change;
  class OpenedWatch;

  void LookAfter();

  core::Clock* const clock_;
  const std::function<core::TenantLimits(const std::string&)> tenant_limits_;
  ListenerSlot listener_;

  mutable core::Mutex mutex_;
  JobTable table_ ABSL_GUARDED_BY(mutex_);

  Alarm alarm_;  // last: it stops ringing before the others go
};

}  // namespace latentd::store
