#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/job_codec.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/core/observer.h"
#include "server/core/tenant.h"
#include "server/store/listener_slot.h"
#include "server/store/redis/address.h"
#include "server/store/redis/claimer.h"
#include "server/store/redis/job_reader.h"
#include "server/store/redis/outbox.h"
#include "server/store/redis/output_reader.h"
#include "server/store/redis/pool.h"
#include "server/store/redis/queue_gauge.h"
#include "server/store/redis/subscriptions.h"
#include "server/store/redis/waiting_jobs.h"

namespace latentd::store {

struct RedisJobStoreOptions {
  RedisAddress address{};
  std::string prefix = "{latentd}:";      // of all keys; in braces, so that a cluster keeps them together
  core::Clock* clock = nullptr;           // required; these outlive the store
  const core::JobCodec* codec = nullptr;  // required
  core::Observer* observer = nullptr;     // told of this process's jobs; null: nobody
  std::function<void(const core::Job&)> on_ended{};
  // This process cannot run it, and why: it is left to others, or fails when none may try any more.
  std::function<void(const std::string& job, const absl::Status&)> on_unable{};
  // Why Redis cannot be used, or OK: at first and when it changes, as it is looked at several times in a lease. Any
  // thread, as the next.
  std::function<void(const absl::Status&)> on_health{};
  // Redis refuses a single command as such, as if it had never been.
  std::function<void(const absl::Status&)> on_refused{};
  std::function<core::TenantLimits(const std::string& tenant)> tenant_limits{};

  int max_queued_jobs = 256;  // of all processes together
  int64_t max_pending_bytes = int64_t{4} << 30;
  absl::Duration job_ttl = absl::Hours(1);
  int64_t job_bytes = int64_t{1} << 30;  // of jobs that have ended: the oldest make room, but for those of a minute
  absl::Duration ageing = absl::Seconds(10);
  absl::Duration drain_retry_after = absl::Seconds(5);
  std::function<uint64_t()> random{};

  absl::Duration lease = absl::Seconds(10);    // an owner that is not heard of for so long has lost its jobs
  absl::Duration patience = absl::Seconds(5);  // a job waits so long for an owner that has its model
  int max_losses = 3;                          // a job whose owners were lost so often is not tried again
};

// Jobs in a Redis that several processes share: any of them takes any call, and runs what waits. Calls of the callers'
// side block while Redis works (RedisConnection's timeouts at most) and fail with UNAVAILABLE or RESOURCE_EXHAUSTED
// when it cannot; the engine's side never blocks. Thread-safe.
class RedisJobStore final : public core::JobStore {
 public:
  explicit RedisJobStore(const RedisJobStoreOptions& options);
  ~RedisJobStore() override;

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
  void Offer(const core::Capacity& capacity) override;
  std::vector<core::ClaimedJob> Claim(int limit) override;
  void Drain() override;
  bool Flush(absl::Time deadline) override { return outbox_.Flush(deadline); }

  void OnStarted(const core::Claim& claim, core::Started event) override;
  void OnProgress(const core::Claim& claim, core::Progress event) override;
  void OnOutput(const core::Claim& claim, core::Output output) override;
  void OnUsage(const core::Claim& claim, core::Usage usage) override;
  void OnCheckpoint(const core::Claim& claim, core::Checkpoint checkpoint) override;
  void OnHandedBack(const core::Claim& claim, std::string reason, core::Checkpoint checkpoint) override;
  void OnCompleted(const core::Claim& claim, core::Usage usage) override;
  void OnFailed(const core::Claim& claim, absl::Status status, core::Usage usage) override;
  void OnUnable(const core::Claim& claim, absl::Status status, core::Checkpoint checkpoint) override;

 private:
  // A job that this process has.
  struct Owned {
    std::string token;
    core::Job job;                         // as far as it is known here: for metrics and logs
    absl::Duration ahead{};                // Redis' clock of this process's
    std::map<int, absl::Time> progress{};  // when it was written last, by output
  };

  std::string Key(std::string_view kind, const std::string& id) const;
  absl::StatusOr<RedisReply> Call(std::string_view script, std::vector<std::string> arguments) const;
  // What create.lua says when it has made none.
  absl::Status Refused(const std::vector<RedisReply>& answer, const core::CreateOptions& options,
                       const core::TenantLimits& limits) const;
  // A job that was made and cannot be read now.
  core::Job JustMade(const std::string& id, std::shared_ptr<const core::GenerationRequest> request,
                     const core::CreateOptions& options) const;
  // A job has ended: for metrics and logs; times are Redis'. `from`: what it was here before.
  void Report(core::Job job, core::JobState from) const;

  // On the subscriptions' thread: what has changed in the line. False: it is to be told again.
  bool TellOfLine();

  // On the claimer's thread.
  // False: it could not be read, and is asked for again.
  std::optional<int> TakeIn(RedisConnection& redis, const std::vector<Claimer::Claimed>& jobs);
  // Whether it is the engine's now.
  bool TakeInOne(const Claimer::Claimed& claimed, const std::vector<RedisReply>& parts);
  absl::StatusOr<core::ClaimedJob> ReadClaimed(const std::string& id, RedisHash hash, const RedisHash& pictures,
                                               const RedisHash& checkpoint) const;
  // False: Redis does not answer.
  bool EndOverdue(RedisConnection& redis, const std::string& id);

  // Of a job that this process has by this claim; nothing otherwise. `change` is made to what is known of it, under the
  // lock.
  void Write(const core::Claim& claim, Outbox::Write write, const std::function<void(Owned&)>& change = {});
  // Its last write.
  void End(const core::Claim& claim, std::vector<std::string> what, core::JobState state,
           const std::function<void(core::Job&)>& change);
  // Likewise: it has failed; `what`: "fail", or "unable", when others may be able. `dead_letter`: the reason why it
  // goes to that list, or empty.
  void Fail(const core::Claim& claim, const std::string& what, const absl::Status& status, const core::Usage& usage,
            const std::string& dead_letter);
  // It is not this process's any more: somebody else has it, or has ended it. An empty token: whatever claim it is.
  void Lose(const std::string& id, const std::string& token);
  // Of the job that this process has by this claim (without a token: by any), which it has no more then.
  std::optional<Owned> TakeOut(const core::Claim& claim);

  const RedisJobStoreOptions options_;
  const std::string owner_;
  mutable RedisPool pool_;
  ListenerSlot listener_;
  QueueGauge gauge_;
  WaitingJobs waiting_;
  absl::Time line_told_ = absl::InfinitePast();  // the subscriptions' thread's own

  core::Mutex mutex_;
  std::map<std::string, Owned> owned_ ABSL_GUARDED_BY(mutex_);  // by name
  std::deque<core::ClaimedJob> ready_ ABSL_GUARDED_BY(mutex_);  // for the engine
  // Those that were lost last: what they took until then may still be booked.
  std::deque<core::Claim> lost_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;

  // Last: their threads use what is above.
  Outbox outbox_;
  Claimer claimer_;
  OutputReader outputs_;
  mutable Subscriptions subscriptions_;
};

}  // namespace latentd::store
