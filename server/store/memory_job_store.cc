#include "server/store/memory_job_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::store {

// A change of the table: holds the lock, and does what the change made necessary when it has given it up.
class ABSL_SCOPED_LOCKABLE MemoryJobStore::Change {
 public:
  // The analysis does not see that store_.mutex_ is held in here.
  explicit Change(MemoryJobStore& store) ABSL_EXCLUSIVE_LOCK_FUNCTION(store.mutex_) ABSL_NO_THREAD_SAFETY_ANALYSIS
      : store_(store) {
    store_.mutex_.Lock();
    now_ = store_.clock_->Now();
  }

  ~Change() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    // Expired jobs are ended and forgotten on the clock's thread alone: whoever changes something may hold locks that
    // the engine or another watch would take, and should not be the one who frees megabytes.
    store_.alarm_.RingBy(store_.table_.NextTime(now_));
    store_.mutex_.Unlock();

    for (const std::string& name : effects_.ended) {
      store_.listener_.Tell([&](core::WorkListener& listener) { listener.OnJobEnded(name); });
    }
    if (effects_.work_available) {
      store_.listener_.Tell([](core::WorkListener& listener) { listener.OnWorkAvailable(); });
    }
    for (const auto& notifier : effects_.notify) notifier->Notify();
  }

  absl::Time now() const { return now_; }
  Effects& effects() { return effects_; }

 private:
  MemoryJobStore& store_;
  absl::Time now_;
  Effects effects_;
};

class MemoryJobStore::OpenedWatch final : public core::Watch {
 public:
  OpenedWatch(MemoryJobStore* store, const std::shared_ptr<JobRecord>& record, int64_t after_sequence,
              std::shared_ptr<Watcher> watcher)
      : store_(store), name_(record->name), record_(record), place_(after_sequence), watcher_(std::move(watcher)) {}

  ~OpenedWatch() override {
    {
      core::MutexLock lock(store_->mutex_);
      Leave();
    }
    watcher_->notifier->Close();
  }

  absl::StatusOr<std::optional<core::Event>> Next() override {
    if (at_end_) return std::nullopt;
    core::MutexLock lock(store_->mutex_);
    watcher_->waiting = false;
    const std::shared_ptr<JobRecord> record = record_.lock();
    if (record == nullptr || record->removed) {
      return core::MakeError(absl::StatusCode::kNotFound, "The job was forgotten while it was watched.",
                             {.reason = "JOB_NOT_FOUND", .resource_type = "job", .resource_name = name_});
    }
    const core::Event* event = record->log.After(place_);
    if (event == nullptr) {
      watcher_->waiting = true;
      return std::nullopt;
    }
    place_ = event->sequence;
    at_end_ = event->terminal();
    if (at_end_) Leave();
    return *event;
  }

 private:
  // The job need not be kept for this reader any more.
  void Leave() ABSL_EXCLUSIVE_LOCKS_REQUIRED(store_->mutex_) {
    const std::shared_ptr<JobRecord> record = record_.lock();
    if (record == nullptr) return;
    record->watchers.erase(std::remove(record->watchers.begin(), record->watchers.end(), watcher_),
                           record->watchers.end());
    if (record->watchers.empty()) store_->alarm_.RingBy(store_->table_.NextTime(store_->clock_->Now()));
  }

  MemoryJobStore* const store_;
  const std::string name_;
  const std::weak_ptr<JobRecord> record_;
  int64_t place_;
  bool at_end_ = false;
  const std::shared_ptr<Watcher> watcher_;
};

MemoryJobStore::MemoryJobStore(const MemoryJobStoreOptions& options)
    : clock_(options.clock),
      tenant_limits_(options.tenant_limits),
      table_(options),
      alarm_(options.clock, [this] { LookAfter(); }) {}

absl::StatusOr<core::Job> MemoryJobStore::Create(std::shared_ptr<const core::GenerationRequest> request,
                                                 const core::CreateOptions& options) {
  const core::TenantLimits limits = tenant_limits_ ? tenant_limits_(options.tenant) : core::TenantLimits();
  Change change(*this);
  return table_.Create(change.now(), std::move(request), options, limits, change.effects());
}

absl::StatusOr<core::Job> MemoryJobStore::Get(const std::string& name) const {
  core::MutexLock lock(mutex_);
  const auto record = table_.Find(name);
  if (!record.ok()) return record.status();
  return (*record)->Snapshot();
}

absl::StatusOr<std::string> MemoryJobStore::TenantOf(const std::string& name) const {
  core::MutexLock lock(mutex_);
  const auto record = table_.Find(name);
  if (!record.ok()) return record.status();
  return (*record)->options.tenant;
}

absl::StatusOr<core::JobPage> MemoryJobStore::List(const core::ListOptions& options) const {
  core::MutexLock lock(mutex_);
  return table_.List(options);
}

absl::StatusOr<core::Job> MemoryJobStore::Cancel(const std::string& name, const std::string& reason) {
  Change change(*this);
  const auto record = table_.Find(name);
  if (!record.ok()) return record.status();
  table_.Cancel(**record, change.now(), reason, change.effects());
  return (*record)->Snapshot();
}

void MemoryJobStore::GiveUpAll(const std::string& reason) {
  Change change(*this);
  table_.CancelAll(change.now(), reason, change.effects());
}

absl::Status MemoryJobStore::Delete(const std::string& name) {
  Change change(*this);
  const auto record = table_.Find(name);
  if (!record.ok()) return record.status();
  return table_.Delete(**record, change.effects());
}

absl::StatusOr<core::Output> MemoryJobStore::GetOutput(const std::string& name, int index) const {
  core::MutexLock lock(mutex_);
  const auto record = table_.Find(name);
  if (!record.ok()) return record.status();
  const auto output = (*record)->outputs.find(index);
  if (output != (*record)->outputs.end()) return output->second;

  const bool will_come = !core::IsFinal((*record)->state) && index >= 0 && index < (*record)->request->num_outputs();
  return will_come ? core::OutputNotReadyError(name, index) : core::OutputNotFoundError(name, index);
}

absl::StatusOr<std::unique_ptr<core::Watch>> MemoryJobStore::OpenWatch(const std::string& name, int64_t after_sequence,
                                                                       std::function<void()> on_ready) {
  core::MutexLock lock(mutex_);
  const auto record = table_.Find(name);
  if (!record.ok()) return record.status();
  auto watcher = std::make_shared<Watcher>();
  watcher->notifier = std::make_shared<Notifier>(std::move(on_ready));
  (*record)->watchers.push_back(watcher);
  // A place past the end is the end; of an ended job the terminal event is always still to come.
  const core::EventLog& log = (*record)->log;
  const int64_t place = std::min(after_sequence, log.last_sequence() - (log.ended() ? 1 : 0));
  return std::make_unique<OpenedWatch>(this, *record, place, std::move(watcher));
}

void MemoryJobStore::SetListener(core::WorkListener* listener) {
  listener_.Set(listener);
  bool has_work = false;
  {
    core::MutexLock lock(mutex_);
    has_work = table_.has_work();
  }
  if (has_work) {
    listener_.Tell([](core::WorkListener& present) { present.OnWorkAvailable(); });
  }
}

std::vector<core::ClaimedJob> MemoryJobStore::Claim(int limit) {
  Change change(*this);
  return table_.Claim(limit);
}

void MemoryJobStore::Drain() {
  core::MutexLock lock(mutex_);
  table_.Drain();
}

void MemoryJobStore::LookAfter() {
  Change change(*this);
  table_.LookAfter(change.now(), change.effects());
}

void MemoryJobStore::OnStarted(const core::Claim& claim, core::Started event) {
  Change change(*this);
  if (const auto record = table_.Find(claim.job); record.ok()) {
    table_.Start(**record, change.now(), std::move(event), change.effects());
  }
}

void MemoryJobStore::OnProgress(const core::Claim& claim, core::Progress event) {
  Change change(*this);
  if (const auto record = table_.Find(claim.job); record.ok()) {
    table_.Tell(**record, change.now(), std::move(event), change.effects());
  }
}

void MemoryJobStore::OnOutput(const core::Claim& claim, core::Output output) {
  Change change(*this);
  if (const auto record = table_.Find(claim.job); record.ok()) {
    table_.AddOutput(**record, change.now(), std::move(output), change.effects());
  }
}

void MemoryJobStore::OnUsage(const core::Claim& claim, core::Usage usage) {
  core::MutexLock lock(mutex_);
  if (const auto record = table_.Find(claim.job); record.ok()) table_.Book(**record, usage);
}

// A runner that is lost takes this memory along.
void MemoryJobStore::OnCheckpoint(const core::Claim& /*claim*/, core::Checkpoint /*checkpoint*/) {}

void MemoryJobStore::OnHandedBack(const core::Claim& claim, std::string reason, core::Checkpoint checkpoint) {
  Change change(*this);
  if (const auto record = table_.Find(claim.job); record.ok()) {
    table_.Requeue(**record, change.now(), std::move(reason), std::move(checkpoint), change.effects());
  }
}

void MemoryJobStore::OnCompleted(const core::Claim& claim, core::Usage usage) {
  Change change(*this);
  if (const auto record = table_.Find(claim.job); record.ok() && !core::IsFinal((*record)->state)) {
    table_.Book(**record, usage);
    table_.Complete(**record, change.now(), change.effects());
  }
}

void MemoryJobStore::OnFailed(const core::Claim& claim, absl::Status status, core::Usage usage) {
  Change change(*this);
  if (const auto record = table_.Find(claim.job); record.ok() && !core::IsFinal((*record)->state)) {
    table_.Book(**record, usage);
    table_.Fail(**record, change.now(), std::move(status), change.effects());
  }
}

}  // namespace latentd::store
