#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/core/observer.h"
#include "server/core/stats.h"

namespace latentd::metrics {

// Keeps the figures behind GetStats: counts since the start, and a window of the last 60 seconds in steps of one.
// Thread-safe.
class StatsCollector : public core::Observer {
 public:
  // What the observer is not told: fixed texts, and two values that are asked for when Get is called (either may be
  // null, and must not block).
  struct Facts {
    std::string version{};
    std::string device{};
    std::string dtype{};
    std::function<int()> running_rows{};
    std::function<bool()> draining{};
  };

  // REQUIRES: `clock` outlives the collector.
  StatsCollector(const core::Clock* clock, Facts facts);

  core::Stats Get() const;

  void OnJobAdmitted(const std::string& model) override;
  void OnJobRefused(const std::string& reason) override;
  void OnJobStarted(const std::string& model, absl::Duration wait) override;
  void OnJobRequeued(const std::string& model) override;
  void OnJobEnded(const std::string& model, core::JobState from, core::JobState to,
                  absl::Duration since_creation) override;
  void OnQueuedWork(const std::string& model, int64_t jobs, int64_t pixel_steps) override;
  void OnStageRun(const core::StageRun& run) override;
  void OnImage(const std::string& model) override;
  void OnFlaggedImage(const std::string& model) override;
  void OnAdapters(const core::AdapterChange& change) override;
  void OnEncodeCache(bool hit) override;
  void OnDeviceMemory(int64_t weights, int64_t total) override;

 private:
  static constexpr int kWindowSeconds = 60;

  // Sums over one second.
  struct Bucket {
    int64_t second = -1;  // since the start; tells stale buckets from live ones
    int64_t forwards = 0;
    int64_t rows = 0;
    int64_t lanes = 0;
    int64_t images = 0;
  };

  int64_t SecondNow() const;
  Bucket& CurrentBucket() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const core::Clock* const clock_;
  const Facts facts_;
  const absl::Time start_;

  mutable core::Mutex mutex_;
  std::array<Bucket, kWindowSeconds> window_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> queued_jobs_ ABSL_GUARDED_BY(mutex_);  // by model
  int running_jobs_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t forwards_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t evaluations_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t images_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace latentd::metrics
