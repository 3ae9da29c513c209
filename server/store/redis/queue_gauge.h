#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "server/core/mutex.h"
#include "server/core/observer.h"

namespace latentd::store {

// Tells an observer of the jobs that wait: this process's part of the line that all share, and those that it has
// claimed and not started. Thread-safe.
class QueueGauge {
 public:
  struct Waiting {
    int64_t jobs = 0;
    int64_t pixel_steps = 0;
  };

  // `observer` may be null; it is told under a lock, and must not call back.
  explicit QueueGauge(core::Observer* observer) : observer_(observer) {}

  // The part of the line, by model, replaces the former.
  void SetLine(const std::map<std::string, Waiting>& line);
  // A job of one's own waits, or does not any more: `sign` is 1 or -1.
  void AddOwn(const std::string& model, int64_t pixel_steps, int sign);

 private:
  struct OfModel {
    Waiting line;
    Waiting own;
  };

  void Tell(const std::string& model, const OfModel& waiting) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  core::Observer* const observer_;
  core::Mutex mutex_;
  std::map<std::string, OfModel> models_ ABSL_GUARDED_BY(mutex_);  // that ever had a job
};

}  // namespace latentd::store
