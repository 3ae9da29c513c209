#include "server/rpc/event_stream.h"

#include <utility>

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

absl::Status CallerGone() {
  return core::MakeError(absl::StatusCode::kCancelled, "the caller ended the call", {.reason = "CALLER_GONE"});
}

}  // namespace

Reactor* EventStream::Watch(const StreamContext& shared, grpc::CallbackServerContext* call,
                            const std::vector<Place>& places) {
  return Start(shared, call, std::make_unique<EventMessages>(), places, "");
}

Reactor* EventStream::Own(const StreamContext& shared, grpc::CallbackServerContext* call, const std::string& job,
                          std::unique_ptr<EventFormat> format) {
  return Start(shared, call, std::move(format), {{.job = job, .after_sequence = 0}}, job);
}

Reactor* EventStream::Refuse(grpc::CallbackServerContext* call, const absl::Status& status) {
  return new Refusal(ToGrpcStatus(status, *call));
}

Reactor* EventStream::Start(const StreamContext& shared, grpc::CallbackServerContext* call,
                            std::unique_ptr<EventFormat> format, const std::vector<Place>& places,
                            std::string own_job) {
  const std::shared_ptr<EventStream> stream(new EventStream(shared, call, std::move(format), std::move(own_job)));
  stream->self_ = stream;
  core::MutexLock lock(stream->mutex_);
  shared.open->Add(stream);
  for (const Place& place : places) {
    if (absl::Status opened = stream->events_.Open(*shared.store, place.job, place.after_sequence); !opened.ok()) {
      stream->FinishLocked(opened);
      return stream.get();
    }
  }
  stream->SetTimerLocked(stream->last_write_ + shared.heartbeat);
  stream->PumpLocked();
  return stream.get();
}

EventStream::EventStream(const StreamContext& shared, grpc::CallbackServerContext* call,
                         std::unique_ptr<EventFormat> format, std::string own_job)
    : shared_(shared),
      call_(call),
      format_(std::move(format)),
      events_([this] {
        shared_.executor->Post([weak = weak_from_this()] {
          if (const auto stream = weak.lock()) stream->Pump();
        });
      }),
      own_job_(std::move(own_job)),
      last_write_(shared.clock->Now()) {}

void EventStream::Pump() {
  core::MutexLock lock(mutex_);
  PumpLocked();
}

void EventStream::PumpLocked() {
  while (!writing_ && !finished_) {
    if (cancelled_) return FinishLocked(CallerGone());
    if (!to_write_.empty()) return WriteLocked();
    if (!sent_away_.ok()) return FinishLocked(sent_away_);
    const absl::StatusOr<std::optional<WatchMerger::Item>> next = events_.Next();
    if (!next.ok()) return FinishLocked(next.status());
    if (next->has_value()) {
      const auto& [job, event] = **next;
      if (event.terminal() && job == own_job_) final_status_ = FinalStatus(job, event);
      for (grpc::ByteBuffer& message : format_->Tell(job, event, final_status_)) {
        to_write_.push_back(std::move(message));
      }
    } else if (events_.ended()) {
      return FinishLocked(final_status_);
    } else if (heartbeat_due_) {
      heartbeat_due_ = false;
      if (auto message = format_->Heartbeat(shared_.clock->Now())) to_write_.push_back(*std::move(message));
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

void EventStream::FinishLocked(const absl::Status& status) {
  finished_ = true;
  Finish(ToGrpcStatus(status, *call_));
}

void EventStream::End(const absl::Status& status) {
  core::MutexLock lock(mutex_);
  own_job_.clear();
  sent_away_ = status;
  PumpLocked();
}

void EventStream::OnWriteDone(bool ok) {
  core::MutexLock lock(mutex_);
  writing_ = false;
  message_.Clear();
  // A failed write means that the call is over, which OnCancel says as well, earlier or later.
  if (!ok) cancelled_ = true;
  PumpLocked();
}

void EventStream::OnCancel() {
  core::MutexLock lock(mutex_);
  cancelled_ = true;
  // A job that has ended stays as it is, and one that is gone needs no cancelling.
  if (!own_job_.empty()) shared_.store->Cancel(own_job_, "CALLER_GONE").IgnoreError();
  PumpLocked();
}

void EventStream::OnDone() {
  core::Clock::TimerId timer;
  {
    core::MutexLock lock(mutex_);
    finished_ = true;
    events_.Close();
    timer = timer_;
  }
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
