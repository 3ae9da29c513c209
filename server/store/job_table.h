#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/event.h"
#include "server/core/job_store.h"
#include "server/core/observer.h"
#include "server/store/admission.h"
#include "server/store/job_index.h"
#include "server/store/job_record.h"
#include "server/store/memory_job_store_options.h"
#include "server/store/notifier.h"
#include "server/store/queue_estimate.h"
#include "server/store/retention.h"
#include "server/store/shared_runs.h"
#include "server/store/tenant_quotas.h"
#include "server/store/waiting_line.h"

namespace latentd::store {

// What a change of the table makes necessary, to be done when its lock is given up.
struct Effects {
  std::vector<std::shared_ptr<Notifier>> notify;
  bool work_available = false;
  std::vector<std::string> ended;                     // claimed jobs that the engine must let go
  std::vector<std::shared_ptr<JobRecord>> forgotten;  // may be large: their memory is freed here
};

// The jobs and what may happen to them: bookkeeping without locks, threads or a clock; `now` is passed in and never
// falls. Not thread-safe.
class JobTable {
 public:
  explicit JobTable(const MemoryJobStoreOptions& options);

  // As JobStore has them.
  absl::StatusOr<core::Job> Create(absl::Time now, std::shared_ptr<const core::GenerationRequest> request,
                                   const core::CreateOptions& options, const core::TenantLimits& limits,
                                   Effects& effects);
  absl::StatusOr<std::shared_ptr<JobRecord>> Find(const std::string& name) const;
  absl::StatusOr<core::JobPage> List(const core::ListOptions& options) const { return index_.List(options); }
  absl::Status Delete(JobRecord& record, Effects& effects);
  std::vector<core::ClaimedJob> Claim(int limit);
  bool has_work() const { return line_.has_unclaimed(); }
  void Drain() { admission_.Drain(); }

  // Each writes its event into the record's log, and those of the jobs that share its run. Nothing happens to a job
  // that has ended.
  void Tell(JobRecord& record, absl::Time now, core::EventKind event, Effects& effects);  // one that changes no state
  void Start(JobRecord& record, absl::Time now, core::Started event, Effects& effects);
  void Requeue(JobRecord& record, absl::Time now, std::string reason, core::Checkpoint checkpoint, Effects& effects);
  void AddOutput(JobRecord& record, absl::Time now, core::Output output, Effects& effects);
  void Complete(JobRecord& record, absl::Time now, Effects& effects);
  void Fail(JobRecord& record, absl::Time now, absl::Status status, Effects& effects);
  // This job alone; its run goes on when others share it.
  void Cancel(JobRecord& record, absl::Time now, const std::string& reason, Effects& effects);
  void CancelAll(absl::Time now, const std::string& reason, Effects& effects);

  // Notes what a job took, before or after its end: the latest replaces those before. Its queue_time is filled in here.
  void Book(JobRecord& record, core::Usage usage);

  // Ends the jobs whose deadline has passed, and forgets those that are not to be kept.
  void LookAfter(absl::Time now, Effects& effects);
  // When LookAfter is to be called, if nothing happens before; may be now.
  absl::Time NextTime(absl::Time now) const;

 private:
  // What has happened to a new job's leader happens to it, too.
  void CatchUp(JobRecord& record, const JobRecord& leader, absl::Time now, Effects& effects);
  void FailAlone(JobRecord& record, absl::Time now, absl::Status status, Effects& effects);
  // It and those that share its run are not run any more.
  void Wait(JobRecord& record, absl::Time now, const core::Requeued& event, Effects& effects);
  core::Usage Settle(JobRecord& record, absl::Time now);
  void Write(JobRecord& record, absl::Time now, core::EventKind event, Effects& effects);
  void End(JobRecord& record, absl::Time now, core::JobState state, core::EventKind event, Effects& effects);
  // Another leads its run on, if it has one and somebody shares it.
  void LeaveRun(const JobRecord& record, absl::Time now, Effects& effects);
  void TellPositions(absl::Time now, Effects& effects);
  void Forget(JobRecord& record, Effects& effects);

  core::Observer* const observer_;  // may be null
  const std::function<void(const core::Job&)> on_ended_;
  const std::function<uint64_t()> random_;

  int64_t last_serial_ = 0;
  JobIndex index_;
  WaitingLine line_;
  QueueEstimate estimate_;
  Admission admission_;
  TenantQuotas quotas_;
  SharedRuns runs_;
  Retention retention_;
  std::map<std::pair<absl::Time, int64_t>, JobRecord*> deadlines_;  // of jobs that have not ended
};

}  // namespace latentd::store
