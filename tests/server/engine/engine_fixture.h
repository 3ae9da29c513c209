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

// The engine with the real store and fake models, on the real clock: nothing here waits for time to pass.
class EngineTest : public testing::Test {
 protected:
  // Call once, before jobs are made or after: the engine claims what it finds.
  void StartEngine(core::SchedulerOptions scheduler = {}, std::vector<std::string> models = {"pictograms"},
                   int64_t memory_budget = 0) {
    ModelRegistry::Options options{.models = {}, .memory_budget = memory_budget, .observer = nullptr};
    for (const std::string& name : models) {
      core::ModelInfo info = core::TestModel();
      info.name = name;
      info.memory_bytes = 100;
      options.models.push_back({.info = info, .load = [this] { return std::make_shared<FakeModel>(&control_); }});
    }
    registry_ = std::make_unique<ModelRegistry>(std::move(options));
    engine_ = std::make_unique<Engine>(Engine::Options{.store = store_.get(),
                                                       .models = registry_.get(),
                                                       .clock = &clock_,
                                                       .observer = nullptr,
                                                       .scheduler = scheduler,
                                                       .threads = 1,
                                                       .hold_after = absl::ZeroDuration(),
                                                       .software = "test"});
  }

  static core::RequestFields Fields(const std::string& prompt, int steps = 3) {
    core::RequestFields fields = core::TestFields();
    fields.prompt = prompt;
    fields.steps = steps;
    fields.sampler = "ddim";
    fields.sigmas = "default";
    return fields;
  }

  std::string Create(core::RequestFields fields) {
    core::ModelInfo model = core::TestModel();
    model.name = fields.model;
    auto validated = core::GenerationRequest::Validate(fields, model, {}, clock_.Now(), [] { return 7; });
    EXPECT_TRUE(validated.request.has_value());
    auto job = store_->Create(std::make_shared<const core::GenerationRequest>(*validated.request), {});
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->name : "";
  }

  core::Job Get(const std::string& name) { return store_->Get(name).value(); }

  void WaitUntilIdle() { EXPECT_TRUE(engine_->WaitUntilIdle(clock_.Now() + absl::Seconds(60))); }

  core::SystemClock clock_;
  std::unique_ptr<core::JobStore> store_ =
      std::make_unique<store::MemoryJobStore>(store::MemoryJobStoreOptions{.clock = &clock_});
  FakeModelControl control_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace latentd::engine
