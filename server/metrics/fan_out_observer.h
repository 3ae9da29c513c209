#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/core/observer.h"

namespace latentd::metrics {

// Tells several observers of the same things, in the order given.
class FanOutObserver : public core::Observer {
 public:
  // REQUIRES: the observers outlive this one.
  explicit FanOutObserver(std::vector<core::Observer*> observers) : observers_(std::move(observers)) {}

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
  void OnEncodeCache(bool hit) override;
  void OnAdapters(const core::AdapterChange& change) override;
  void OnDeviceMemory(int64_t weights, int64_t total) override;

 private:
  const std::vector<core::Observer*> observers_;
};

}  // namespace latentd::metrics
