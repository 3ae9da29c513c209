#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/mutex.h"

namespace latentd::rpc {

// The event streams that are open: tells of every change of their number, and lets a shutdown wait for the last, or
// send those away that are left. Thread-safe.
class OpenStreams {
 public:
  class Stream {
   public:
    virtual ~Stream() = default;
    // Finishes with `status` as soon as what is being written has left. Its job goes on where it can be watched again.
    virtual void End(const absl::Status& status) = 0;
  };

  // `on_change` may be null; it is called with the new number, in order, and must not block nor call back.
  explicit OpenStreams(std::function<void(int)> on_change) : on_change_(std::move(on_change)) {}

  void Add(const std::shared_ptr<Stream>& stream);
  void Remove(const Stream* stream);
  int count() const;

  // Waits until there is none, at most so long.
  void WaitForNone(absl::Duration patience);
  void EndAll(const absl::Status& status);

 private:
  const std::function<void(int)> on_change_;
  mutable core::Mutex mutex_;
  core::CondVar changed_;
  std::map<const Stream*, std::weak_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::rpc
