#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "model/pipeline/task_inputs.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/engine/adapter_registry.h"
#include "server/engine/model_registry.h"

namespace latentd::engine {

// What other threads leave for the engine thread. Shared with those that may outlive the engine: a model may arrive
// when nobody is there to take it. Thread-safe.
class Inbox {
 public:
  struct Content {
    int64_t announced = 0;  // how often work was announced, since the beginning
    bool stop = false;
    bool canary_due = false;
    bool models_changed = false;  // those on the device
    std::string hand_back;        // why all jobs are to be; empty: no
    std::vector<core::Claim> ended;
    std::vector<std::pair<std::string, absl::StatusOr<ModelLease>>> models;         // that were asked for
    std::vector<std::pair<core::Claim, absl::StatusOr<model::TaskInputs>>> inputs;  // of jobs
    std::vector<std::pair<core::Claim, absl::StatusOr<AdapterLease>>> adapters;     // of jobs
  };

  // The number of this announcement.
  int64_t AnnounceWork() {
    int64_t number = 0;
    Change([&](Content& content) { number = ++content.announced; });
    return number;
  }
  void JobEnded(const core::Claim& job) {
    Change([&](Content& content) { content.ended.push_back(job); });
  }
  void ModelReady(const std::string& model, absl::StatusOr<ModelLease> lease) {
    Change([&](Content& content) { content.models.emplace_back(model, std::move(lease)); });
  }
  void InputsReady(const core::Claim& job, absl::StatusOr<model::TaskInputs> inputs) {
    Change([&](Content& content) { content.inputs.emplace_back(job, std::move(inputs)); });
  }
  void AdaptersReady(const core::Claim& job, absl::StatusOr<AdapterLease> lease) {
    Change([&](Content& content) { content.adapters.emplace_back(job, std::move(lease)); });
  }
  void HandBack(std::string reason) {
    Change([&](Content& content) { content.hand_back = std::move(reason); });
  }
  void CanaryDue() {
    Change([](Content& content) { content.canary_due = true; });
  }
  void ModelsChanged() {
    Change([](Content& content) { content.models_changed = true; });
  }
  void Stop() {
    Change([](Content& content) { content.stop = true; });
  }

  // Takes what was left since the last time, after waiting for something if `wait`.
  Content Take(bool wait) {
    core::MutexLock lock(mutex_);
    while (wait && !changed_) changed_condition_.Wait(mutex_);
    changed_ = false;
    Content next;
    next.announced = content_.announced;
    return std::exchange(content_, std::move(next));
  }

 private:
  template <typename Function>
  void Change(const Function& function) {
    {
      core::MutexLock lock(mutex_);
      function(content_);
      changed_ = true;
    }
    changed_condition_.NotifyAll();
  }

  core::Mutex mutex_;
  core::CondVar changed_condition_;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  Content content_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::engine
