#include "client/cpp/event_stream.h"

#include <algorithm>
#include <utility>

#include "client/cpp/grpc_error.h"

namespace latentd::client {

EventStream::EventStream(v1::ImageGeneration::StubInterface& stub, const v1::WatchJobRequest& request,
                         const Metadata& metadata)
    : request_(request) {
  for (const auto& [key, value] : metadata) context_.AddMetadata(key, value);
  stub.async()->WatchJob(&context_, &request_, this);
  // Reads are started outside of reactions: without the hold the call could be gone by then.
  AddHold();
  StartRead(&message_);
  StartCall();
}

EventStream::~EventStream() {
  context_.TryCancel();
  std::unique_lock<std::mutex> lock(mutex_);
  abandoned_ = true;
  if (ready_) {
    // No read is on whose end would release the hold.
    ready_ = false;
    lock.unlock();
    RemoveHold();
    lock.lock();
  }
  changed_.wait(lock, [this] { return done_; });
}

EventStream::Outcome EventStream::Read(v1::Event& event, absl::Duration patience, const std::stop_token& stop) {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    // Longer waits would overflow the clock's time points.
    const auto time = absl::ToChronoNanoseconds(std::clamp(patience, absl::ZeroDuration(), absl::Hours(24)));
    if (!changed_.wait_for(lock, stop, time, [this] { return ready_ || done_; })) {
      return stop.stop_requested() ? Outcome::kStopped : Outcome::kSilent;
    }
    if (!ready_) {
      return Outcome::kEnded;
    }
    ready_ = false;
  }
  event = std::move(message_);
  StartRead(&message_);
  return Outcome::kEvent;
}

void EventStream::OnReadDone(bool ok) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ready_ = ok && !abandoned_;
    if (ready_) {
      changed_.notify_all();
      return;
    }
  }
  RemoveHold();  // OnDone follows.
}

void EventStream::OnDone(const grpc::Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  status_ = ToStatus(status, context_);
  done_ = true;
  changed_.notify_all();
}

}  // namespace latentd::client
