#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/event_stream.h"
#include "client/cpp/generation.h"
#include "client/cpp/retry_policy.h"
#include "client/cpp/waiter.h"

namespace latentd::client {

// A job's events as one unbroken sequence: a stream that is lost, falls silent or ends without a terminal event is
// taken up again after the last event that was seen. Not thread-safe.
class JobWatcher {
 public:
  struct Settings {
    // A stream that brings nothing, not even a heartbeat, for so long is lost.
    absl::Duration silence_limit;
    Metadata metadata = {};  // of each stream
    // Told of each pause; may be empty.
    Retry retry = {};
  };

  // REQUIRES: `stub` and `waiter` outlive the watcher.
  JobWatcher(v1::ImageGeneration::StubInterface& stub, Waiter& waiter, RetryPolicy policy, Settings settings,
             std::string job, int64_t after_sequence);

  enum class Outcome { kEvent, kFailed, kStopped, kDeadline };

  // Waits for the next event and moves it to `event`; never gives a heartbeat, nor an event twice. After kStopped and
  // kDeadline the wait may be taken up again with other options. REQUIRES: no terminal event was given.
  Outcome Next(v1::Event& event, const CallOptions& options);

  // Why it failed. REQUIRES: Next returned kFailed.
  const absl::Status& status() const { return status_; }

 private:
  // Ends the stream after a loss and waits for the next try. Nothing: go on.
  std::optional<Outcome> Recover(const absl::Status& loss, const CallOptions& options);

  v1::ImageGeneration::StubInterface& stub_;
  Waiter& waiter_;
  RetryPolicy policy_;
  const Settings settings_;
  const std::string job_;
  int64_t last_sequence_;
  std::unique_ptr<EventStream> stream_;
  absl::Status status_;
};

// Whether nothing comes after `event`.
bool IsTerminal(const v1::Event& event);

}  // namespace latentd::client
