#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/core/model_catalog.h"
#include "server/core/mutex.h"
#include "tests/server/core/test_requests.h"

namespace latentd::rpc {

// The models "pictograms", "sd15", "painter" (which takes pictures), "mute" (which takes no text) and the broken
// "wreck". Loads and unloads wait until a test answers them. Thread-safe.
class FakeCatalog : public core::ModelCatalog {
 public:
  FakeCatalog() {
    core::ModelInfo wreck{.name = "wreck", .state = core::ModelState::kBroken};
    wreck.error = absl::DataLossError("unet: 2 tensors are missing");
    core::ModelInfo large = core::TestModel();
    large.name = "sd15";
    core::ModelInfo mute = core::TestModel();
    mute.name = "mute";
    mute.tasks = {core::Task::kClassToImage};
    mute.num_classes = 10;
    mute.prompt_tokens = 0;
    core::ModelInfo painter = core::TestModel();
    painter.name = "painter";
    painter.tasks = {core::Task::kTextToImage, core::Task::kImageToImage, core::Task::kInpaint, core::Task::kOutpaint};
    for (const core::ModelInfo& model : {core::TestModel(), large, mute, painter, wreck}) models_[model.name] = model;
  }

  std::vector<core::ModelInfo> List() const override {
    core::MutexLock lock(mutex_);
    std::vector<core::ModelInfo> models;
    for (auto model = models_.rbegin(); model != models_.rend(); ++model) models.push_back(model->second);
    return models;
  }

  absl::StatusOr<core::ModelInfo> Find(const std::string& name) const override {
    core::MutexLock lock(mutex_);
    const auto model = models_.find(name);
    if (model != models_.end()) return model->second;
    return core::MakeError(absl::StatusCode::kNotFound,
                           "no such model; there are mute, painter, pictograms, sd15, wreck",
                           {.reason = "MODEL_NOT_FOUND", .resource_type = "model", .resource_name = name});
  }

  void Load(const std::string& name, std::function<void(absl::Status)> done) override { Ask(name, std::move(done)); }
  void Unload(const std::string& name, std::function<void(absl::Status)> done) override { Ask(name, std::move(done)); }

  // Answers the load or unload that was asked for first; waits for one.
  void AnswerNext(const absl::Status& status, core::ModelState state) {
    std::pair<std::string, std::function<void(absl::Status)>> next;
    {
      core::MutexLock lock(mutex_);
      while (asked_.empty()) changed_.Wait(mutex_);
      next = std::move(asked_.front());
      asked_.erase(asked_.begin());
      if (status.ok()) models_[next.first].state = state;
    }
    next.second(status);
  }

  void WaitUntilAsked() {
    core::MutexLock lock(mutex_);
    while (asked_.empty()) changed_.Wait(mutex_);
  }

 private:
  void Ask(const std::string& name, std::function<void(absl::Status)> done) {
    core::MutexLock lock(mutex_);
    asked_.emplace_back(name, std::move(done));
    changed_.NotifyAll();
  }

  mutable core::Mutex mutex_;
  core::CondVar changed_;
  std::map<std::string, core::ModelInfo> models_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, std::function<void(absl::Status)>>> asked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::rpc
