#include "server/metrics/stats_collector.h"

#include <algorithm>
#include <utility>

namespace latentd::metrics {

StatsCollector::StatsCollector(const core::Clock* clock, Facts facts)
    : clock_(clock), facts_(std::move(facts)), start_(clock->Now()) {}

int64_t StatsCollector::SecondNow() const { return absl::ToInt64Seconds(clock_->Now() - start_); }

StatsCollector::Bucket& StatsCollector::CurrentBucket() {
  const int64_t second = SecondNow();
  Bucket& bucket = window_[static_cast<size_t>(second % kWindowSeconds)];
  if (bucket.second != second) bucket = Bucket{.second = second};
  return bucket;
}

core::Stats StatsCollector::Get() const {
  core::Stats stats;
  stats.version = facts_.version;
  stats.device = facts_.device;
  stats.dtype = facts_.dtype;
  stats.uptime = clock_->Now() - start_;
  if (facts_.running_rows) stats.running_rows = facts_.running_rows();
  if (facts_.draining) stats.draining = facts_.draining();

  core::MutexLock lock(mutex_);
  const int64_t now = SecondNow();
  Bucket sum;
  for (const Bucket& bucket : window_) {
    if (bucket.second < 0 || bucket.second <= now - kWindowSeconds) continue;
    sum.forwards += bucket.forwards;
    sum.rows += bucket.rows;
    sum.lanes += bucket.lanes;
    sum.images += bucket.images;
  }
  // A younger server has a shorter window.
  const double seconds = static_cast<double>(std::clamp<int64_t>(now, 1, kWindowSeconds));
  stats.images_per_second = static_cast<double>(sum.images) / seconds;
  stats.evaluations_per_second = static_cast<double>(sum.rows) / seconds;
  if (sum.forwards > 0) {
    stats.mean_batch_rows = static_cast<double>(sum.rows) / static_cast<double>(sum.forwards);
    stats.mean_batch_lanes = static_cast<double>(sum.lanes) / static_cast<double>(sum.forwards);
  }
  for (const auto& [model, jobs] : queued_jobs_) stats.queued_jobs += static_cast<int>(jobs);
  stats.running_jobs = running_jobs_;
  stats.forwards = forwards_;
  stats.evaluations = evaluations_;
  stats.images = images_;
  return stats;
}

void StatsCollector::OnJobAdmitted(const std::string& /*model*/) {}

void StatsCollector::OnJobRefused(const std::string& /*reason*/) {}

void StatsCollector::OnJobStarted(const std::string& /*model*/, absl::Duration /*wait*/) {
  core::MutexLock lock(mutex_);
  ++running_jobs_;
}

void StatsCollector::OnJobRequeued(const std::string& /*model*/) {
  core::MutexLock lock(mutex_);
  --running_jobs_;
}

void StatsCollector::OnJobEnded(const std::string& /*model*/, core::JobState from, core::JobState /*to*/,
                                absl::Duration /*since_creation*/) {
  core::MutexLock lock(mutex_);
  if (from == core::JobState::kRunning) --running_jobs_;
}

void StatsCollector::OnQueuedWork(const std::string& model, int64_t jobs, int64_t /*pixel_steps*/) {
  core::MutexLock lock(mutex_);
  queued_jobs_[model] = jobs;
}

void StatsCollector::OnStageRun(const core::StageRun& run) {
  if (run.stage != core::Stage::kPredict) return;
  core::MutexLock lock(mutex_);
  Bucket& bucket = CurrentBucket();
  ++bucket.forwards;
  bucket.rows += run.rows;
  bucket.lanes += run.lanes;
  ++forwards_;
  evaluations_ += run.rows;
}

void StatsCollector::OnImage(const std::string& /*model*/) {
  core::MutexLock lock(mutex_);
  ++CurrentBucket().images;
  ++images_;
}

void StatsCollector::OnFlaggedImage(const std::string& /*model*/) {}

void StatsCollector::OnAdapters(const core::AdapterChange& /*change*/) {}

void StatsCollector::OnEncodeCache(bool /*hit*/) {}

void StatsCollector::OnDeviceMemory(int64_t /*weights*/, int64_t /*total*/) {}

}  // namespace latentd::metrics
