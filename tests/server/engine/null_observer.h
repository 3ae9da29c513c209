#pragma once

#include <string>

#include "server/core/observer.h"

namespace latentd::engine {

// Counts nothing. A test overrides what it is about.
class NullObserver : public core::Observer {
 public:
  void OnJobAdmitted(const std::string&) override {}
  void OnJobRefused(const std::string&) override {}
  void OnJobStarted(const std::string&, absl::Duration) override {}
  void OnJobRequeued(const std::string&) override {}
  void OnJobEnded(const std::string&, core::JobState, core::JobState, absl::Duration) override {}
  void OnQueuedWork(const std::string&, int64_t, int64_t) override {}
  void OnStageRun(const core::StageRun&) override {}
  void OnImage(const std::string&) override {}
  void OnFlaggedImage(const std::string&) override {}
  void OnEncodeCache(bool) override {}
  void OnAdapters(const core::AdapterChange&) override {}
  void OnDeviceMemory(int64_t, int64_t) override {}
};

}  // namespace latentd::engine
