#pragma once

#include <gmock/gmock.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/core/system_clock.h"
#include "server/engine/engine.h"
#include "server/engine/model_registry.h"
#include "server/store/memory_job_store.h"
#include "tests/server/core/test_requests.h"
#include "tests/server/engine/fake_model.h"

namespace latentd::engine {

// Holds whoever calls Wait until the test opens it.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    arrived_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void AwaitArrival() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return arrived_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  bool arrived_ = false;
};

// The engine with the real store and fake models, on the real clock unless a test brings another: nothing here waits
// for time to pass.
class EngineTest : public testing::Test {
 protected:
  explicit EngineTest(std::unique_ptr<core::Clock> clock = std::make_unique<core::SystemClock>())
      : clock_(std::move(clock)) {
    options_.hold_after = absl::ZeroDuration();
  }

  // Call once, before jobs are made or after: the engine claims what it finds.
  void StartEngine(core::SchedulerOptions scheduler = {}, const std::vector<std::string>& models = {"pictograms"},
                   int64_t memory_budget = 0) {
    ModelRegistry::Options registry{.models = {}, .memory_budget = memory_budget, .observer = nullptr};
    for (const std::string& name : models) {
      core::ModelInfo info = core::TestModel();
      info.name = name;
      info.memory_bytes = 100;
      registry.models.push_back({.info = info, .load = [this, info] {
                                   if (on_load_) on_load_();
                                   return LoadedModel{info, std::make_shared<FakeModel>(&control_)};
                                 }});
    }
    registry_ = std::make_unique<ModelRegistry>(std::move(registry));
    options_.store = store_.get();
    options_.models = registry_.get();
    options_.clock = clock_.get();
    options_.scheduler = scheduler;
    options_.threads = 1;
    options_.software = "test";
    engine_ = std::make_unique<Engine>(options_);
  }

  static core::RequestFields Fields(const std::string& prompt, int steps = 3) {
    core::RequestFields fields = core::TestFields();
    fields.prompt = prompt;
    fields.steps = steps;
    fields.sampler = "ddim";
    fields.sigmas = "default";
    return fields;
  }

  static core::RequestFields FieldsFor(const std::string& model) {
    core::RequestFields fields = Fields("for " + model);
    fields.model = model;
    return fields;
  }

  std::string Create(const core::RequestFields& fields) {
    core::ModelInfo model = core::TestModel();
    model.name = fields.model;
    auto validated = core::GenerationRequest::Validate(fields, model, {}, clock_->Now(), [] { return 7; });
    EXPECT_TRUE(validated.request.has_value());
    auto job = store_->Create(std::make_shared<const core::GenerationRequest>(*validated.request), {});
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->name : "";
  }

  core::Job Get(const std::string& name) { return store_->Get(name).value(); }

  void WaitUntilIdle() { EXPECT_TRUE(engine_->WaitUntilIdle(clock_->Now() + absl::Seconds(60))); }

  const std::unique_ptr<core::Clock> clock_;
  std::unique_ptr<core::JobStore> store_ =
      std::make_unique<store::MemoryJobStore>(store::MemoryJobStoreOptions{.clock = clock_.get()});
  FakeModelControl control_;
  std::function<void()> on_load_;  // on the loader thread
  Engine::Options options_;        // StartEngine fills in what is not a test's to choose
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace latentd::engine
