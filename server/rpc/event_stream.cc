#include "server/rpc/event_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/rpc/event_messages.h"
#include "server/rpc/status.h"

namespace latentd::rpc {
namespace {

using Reactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

class Refusal : public Reactor {
 public:
  explicit Refusal(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

constexpr char kCallerGone[] = "CALLER_GONE";

absl::Status CallerGone() {
  return core::MakeError(absl::StatusCode::kCancelled, "the caller ended the call", {.reason = kCallerGone});
}

absl::Status NotBegun() {
  return core::MakeError(absl::StatusCode::kUnavailable, "The server is stopping: nothing was done; try again.",
                         {.reason = "DRAINING", .retry_after = absl::Milliseconds(100)});
}

}  // namespace

Reactor* EventStream::Refuse(grpc::CallbackServerContext* call, const absl::Status& status) {
  return new Refusal(ToGrpcStatus(status, *call));
}

Reactor* EventStream::Start(const StreamContext& shared, grpc::CallbackServerContext* call,
                            std::function<absl::StatusOr<Subject>()> find) {
  const std::shared_ptr<EventStream> stream(new EventStream(shared, call));
  stream->self_ = stream;
  {
    core::MutexLock lock(stream->mutex_);
    stream->SetTimerLocked(stream->last_write_ + shared.heartbeat);
  }
  shared.open->Add(stream);
  shared.calls->Post([stream, find = std::move(find)] { stream->Open(find); });
  return stream.get();
}

EventStream::EventStream(const StreamContext& shared, grpc::CallbackServerContext* call)
    : shared_(shared), call_(call), last_write_(shared.clock->Now()) {}

void EventStream::Open(const std::function<absl::StatusOr<Subject>()>& find) {
  {
    core::MutexLock lock(mutex_);
    if (cancelled_) return FinishLocked(CallerGone());
    if (!sent_away_.ok()) return FinishLocked(NotBegun());
  }
  absl::StatusOr<Subject> found = find();
  absl::Status opened = found.status();
  const std::string own_job = found.ok() ? found->own_job : "";
  auto events = std::make_unique<WatchMerger>([executor = shared_.executor, weak = weak_from_this()] {
    executor->Post([weak] {
      if (const auto stream = weak.lock()) stream->Pump();
    });
  });
  if (found.ok()) {
    for (const auto& [job, after_sequence] : found->places) {
      if (opened.ok()) opened = events->Open(*shared_.store, job, after_sequence);
    }
  }
  {
    core::MutexLock lock(mutex_);
    if (opened.ok() && !cancelled_) {
      opening_ = false;
      subject_ = *std::move(found);
      events_ = std::move(events);
      return PumpLocked();
    }
  }
  // Nobody would ever hear of it.
  if (!own_job.empty() && !shared_.store->Cancel(own_job, kCallerGone).ok() && absl::IsUnavailable(opened)) {
    // Whoever is told UNAVAILABLE tries again, beside this job.
    opened = core::MakeError(absl::StatusCode::kAborted,
                             absl::StrCat(opened.message(), "; ", own_job, " is there and cannot be watched now."),
                             {.reason = "JOB_STORE_NO_ANSWER", .resource_type = "job", .resource_name = own_job});
  }
  core::MutexLock lock(mutex_);
  FinishLocked(opened.ok() ? CallerGone() : opened);
}

void EventStream::Pump() {
  core::MutexLock lock(mutex_);
  PumpLocked();
}

void EventStream::PumpLocked() {
  while (!opening_ && !writing_ && !cancelling_job_ && !finished_) {
    if (cancelled_) return FinishLocked(CallerGone());
    if (!to_write_.empty()) return WriteLocked();
    if (!broken_off_.ok()) {
      if (subject_.own_job.empty() || subject_.format->can_be_taken_up()) return FinishLocked(broken_off_);
      return CancelOwnJobLocked();  // after its reader knows: the store may have to be waited for
    }
    if (!sent_away_.ok() && !events_->ended()) {
      BreakOffLocked(sent_away_);
      continue;
    }
    const absl::StatusOr<std::optional<WatchMerger::Item>> next = events_->Next();
    if (!next.ok()) {
      BreakOffLocked(next.status());
    } else if (next->has_value()) {
      const auto& [job, event] = **next;
      if (event.terminal() && job == subject_.own_job) final_status_ = FinalStatus(job, event);
      for (grpc::ByteBuffer& message : subject_.format->Tell(job, event, final_status_)) {
        to_write_.push_back(std::move(message));
      }
    } else if (events_->ended()) {
      return FinishLocked(final_status_);
    } else if (heartbeat_due_) {
      heartbeat_due_ = false;
      if (auto message = subject_.format->Heartbeat(shared_.clock->Now())) to_write_.push_back(*std::move(message));
    } else {
      return;
    }
  }
}

void EventStream::WriteLocked() {
  message_ = to_write_.front();
  to_write_.pop_front();
  last_write_ = shared_.clock->Now();
  heartbeat_due_ = false;
  writing_ = true;
  StartWrite(&message_);
}

void EventStream::BreakOffLocked(const absl::Status& why) {
  broken_off_ = why;
  for (grpc::ByteBuffer& message : subject_.format->BreakOff(broken_off_)) to_write_.push_back(std::move(message));
}

void EventStream::FinishLocked(const absl::Status& status) {
  finished_ = true;
  Finish(ToGrpcStatus(status, *call_));
}

void EventStream::End(const absl::Status& status) {
  core::MutexLock lock(mutex_);
  sent_away_ = status;
  PumpLocked();
}

void EventStream::OnWriteDone(bool ok) {
  {
    core::MutexLock lock(mutex_);
    writing_ = false;
    message_.Clear();
    if (ok) return PumpLocked();
  }
  Leave();  // OnCancel says so as well, earlier or later
}

void EventStream::OnCancel() { Leave(); }

void EventStream::Leave() {
  core::MutexLock lock(mutex_);
  const bool is_news = !std::exchange(cancelled_, true);
  // Of a stream that is not open yet, whoever opens it sees to the job; one that has finished has seen its end, and one
  // that was sent away or broke off may leave it to others.
  const bool is_left = subject_.format->can_be_taken_up() && !(sent_away_.ok() && broken_off_.ok());
  const bool sees_to_job = is_news && !opening_ && !finished_ && !is_left;
  if (!sees_to_job || subject_.own_job.empty()) return PumpLocked();
  CancelOwnJobLocked();
}

void EventStream::CancelOwnJobLocked() {
  cancelling_job_ = true;
  // Not at once: `calls` may do it here, where the lock is held.
  shared_.executor->Post([stream = shared_from_this(), job = std::exchange(subject_.own_job, "")] {
    stream->shared_.calls->Post([stream, job] { stream->CancelJob(job); });
  });
}

void EventStream::CancelJob(const std::string& job) {
  // A job that has ended stays as it is, and one that is gone needs no cancelling.
  shared_.store->Cancel(job, kCallerGone).IgnoreError();
  core::MutexLock lock(mutex_);
  cancelling_job_ = false;
  PumpLocked();
}

void EventStream::OnDone() {
  core::Clock::TimerId timer;
  std::shared_ptr<WatchMerger> events;
  {
    core::MutexLock lock(mutex_);
    finished_ = true;
    events = std::move(events_);
    timer = timer_;
  }
  // A watch that is reading is waited for.
  shared_.calls->Post([events = std::move(events)]() mutable { events.reset(); });
  shared_.clock->Cancel(timer);
  shared_.open->Remove(this);
  self_.reset();  // may delete this
}

void EventStream::SetTimerLocked(absl::Time time) {
  timer_ = shared_.clock->At(time, [executor = shared_.executor, weak = weak_from_this()] {
    executor->Post([weak] {
      if (const auto stream = weak.lock()) stream->OnTimer();
    });
  });
}

void EventStream::OnTimer() {
  core::MutexLock lock(mutex_);
  if (finished_) return;
  const absl::Time now = shared_.clock->Now();
  const absl::Duration since_write = now - last_write_;
  if (writing_ && since_write >= shared_.write_stall_limit) {
    call_->TryCancel();  // OnCancel follows, and the write fails
    return;
  }
  const bool quiet = since_write >= shared_.heartbeat;
  SetTimerLocked((quiet ? now : last_write_) + shared_.heartbeat);
  if (quiet) {
    heartbeat_due_ = true;
    PumpLocked();
  }
}

}  // namespace latentd::rpc
