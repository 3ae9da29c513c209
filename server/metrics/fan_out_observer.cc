#include "server/metrics/fan_out_observer.h"

namespace latentd::metrics {

void FanOutObserver::OnJobAdmitted(const std::string& model) {
  for (core::Observer* observer : observers_) observer->OnJobAdmitted(model);
}

void FanOutObserver::OnJobRefused(const std::string& reason) {
  for (core::Observer* observer : observers_) observer->OnJobRefused(reason);
}

void FanOutObserver::OnJobStarted(const std::string& model, absl::Duration wait) {
  for (core::Observer* observer : observers_) observer->OnJobStarted(model, wait);
}

void FanOutObserver::OnJobRequeued(const std::string& model) {
  for (core::Observer* observer : observers_) observer->OnJobRequeued(model);
}

void FanOutObserver::OnJobEnded(const std::string& model, core::JobState from, core::JobState to,
                                absl::Duration since_creation) {
  for (core::Observer* observer : observers_) observer->OnJobEnded(model, from, to, since_creation);
}

void FanOutObserver::OnQueuedWork(const std::string& model, int64_t jobs, int64_t pixel_steps) {
  for (core::Observer* observer : observers_) observer->OnQueuedWork(model, jobs, pixel_steps);
}

void FanOutObserver::OnStageRun(const core::StageRun& run) {
  for (core::Observer* observer : observers_) observer->OnStageRun(run);
}

void FanOutObserver::OnImage(const std::string& model) {
  for (core::Observer* observer : observers_) observer->OnImage(model);
}

void FanOutObserver::OnFlaggedImage(const std::string& model) {
  for (core::Observer* observer : observers_) observer->OnFlaggedImage(model);
}

void FanOutObserver::OnEncodeCache(bool hit) {
  for (core::Observer* observer : observers_) observer->OnEncodeCache(hit);
}

void FanOutObserver::OnAdapters(const core::AdapterChange& change) {
  for (core::Observer* observer : observers_) observer->OnAdapters(change);
}

void FanOutObserver::OnDeviceMemory(int64_t weights, int64_t total) {
  for (core::Observer* observer : observers_) observer->OnDeviceMemory(weights, total);
}

}  // namespace latentd::metrics
