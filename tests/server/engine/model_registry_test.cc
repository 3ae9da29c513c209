#include "server/engine/model_registry.h"

#include <gmock/gmock.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/server/engine/fake_model.h"

namespace latentd::engine {
namespace {

using core::ModelState;
using testing::HasSubstr;

class MemoryObserver : public core::Observer {
 public:
  void OnJobAdmitted(const std::string&) override {}
  void OnJobRefused(const std::string&) override {}
  void OnJobStarted(const std::string&, absl::Duration) override {}
  void OnJobEnded(const std::string&, core::JobState, core::JobState, absl::Duration) override {}
  void OnStageRun(const core::StageRun&) override {}
  void OnImage(const std::string&) override {}
  void OnEncodeCache(bool) override {}
  void OnDeviceMemory(int64_t weights, int64_t total) override { reported = {weights, total}; }

  std::pair<int64_t, int64_t> reported{};
};

class ModelRegistryTest : public testing::Test {
 protected:
  ModelEntry Entry(const std::string& name) {
    core::ModelInfo info{.name = name};
    info.memory_bytes = 100;
    return {.info = info, .load = [this] { return std::make_shared<FakeModel>(&control_); }};
  }

  static absl::Status Load(ModelRegistry& registry, const std::string& name) {
    std::promise<absl::Status> done;
    registry.Load(name, [&](const absl::Status& status) { done.set_value(status); });
    return done.get_future().get();
  }

  static std::future<absl::StatusOr<ModelLease>> Acquire(ModelRegistry& registry, const std::string& name) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<ModelLease>>>();
    auto future = promise->get_future();
    registry.Acquire(name, [promise](absl::StatusOr<ModelLease> lease) { promise->set_value(std::move(lease)); });
    return future;
  }

  static ModelState State(const ModelRegistry& registry, const std::string& name) { return registry.Find(name)->state; }

  FakeModelControl control_;
};

TEST_F(ModelRegistryTest, AModelIsLoadedOnUse) {
  ModelRegistry registry({.models = {Entry("a")}});
  EXPECT_EQ(State(registry, "a"), ModelState::kAvailable);
  EXPECT_TRUE(Load(registry, "a").ok());
  EXPECT_EQ(State(registry, "a"), ModelState::kLoaded);
}

TEST_F(ModelRegistryTest, TheMemoryOfTheDeviceHoldsTheWeightsAtLeast) {
  MemoryObserver observer;
  {
    ModelRegistry registry({.models = {Entry("a")}, .observer = &observer});
    EXPECT_TRUE(Load(registry, "a").ok());
  }  // its thread reports after the load
  EXPECT_EQ(observer.reported, std::pair(int64_t{100}, int64_t{100}));
}

TEST_F(ModelRegistryTest, AnUnknownModelIsNotFoundAndTheOthersAreNamed) {
  ModelRegistry registry({.models = {Entry("a"), Entry("b")}});
  const absl::Status status = registry.Find("c").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a, b"));
}

TEST_F(ModelRegistryTest, TheLeastRecentlyUsedIdleModelLeavesForAnother) {
  ModelRegistry registry({.models = {Entry("a"), Entry("b"), Entry("c")}, .memory_budget = 250});
  EXPECT_TRUE(Load(registry, "a").ok());
  EXPECT_TRUE(Load(registry, "b").ok());
  EXPECT_TRUE(Load(registry, "a").ok());
  EXPECT_TRUE(Load(registry, "c").ok());
  EXPECT_EQ(State(registry, "a"), ModelState::kLoaded);
  EXPECT_EQ(State(registry, "b"), ModelState::kAvailable);
  EXPECT_EQ(State(registry, "c"), ModelState::kLoaded);
}

TEST_F(ModelRegistryTest, AModelInUseNeverLeavesAndItsRoomIsWaitedFor) {
  ModelRegistry registry({.models = {Entry("a"), Entry("b")}, .memory_budget = 100});
  absl::StatusOr<ModelLease> a = Acquire(registry, "a").get();
  ASSERT_TRUE(a.ok());
  auto b = Acquire(registry, "b");
  EXPECT_EQ(State(registry, "a"), ModelState::kLoaded);
  { const ModelLease gone = *std::move(a); }
  EXPECT_TRUE(b.get().ok());
  EXPECT_EQ(State(registry, "a"), ModelState::kAvailable);
}

TEST_F(ModelRegistryTest, AModelThatNeverFitsIsRefusedAndNotCalledBroken) {
  ModelRegistry registry({.models = {Entry("a")}, .memory_budget = 50});
  EXPECT_EQ(Load(registry, "a").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(State(registry, "a"), ModelState::kAvailable);
}

TEST_F(ModelRegistryTest, ALoadThatThrowsLeavesTheModelBrokenUntilItIsMended) {
  bool mended = false;
  ModelEntry entry = Entry("a");
  entry.load = [&]() -> std::shared_ptr<model::DiffusionModel> {
    if (!mended) throw std::runtime_error("a bad file");
    return std::make_shared<FakeModel>(&control_);
  };
  ModelRegistry registry({.models = {entry}});
  EXPECT_THAT(std::string(Load(registry, "a").message()), HasSubstr("a bad file"));
  EXPECT_EQ(State(registry, "a"), ModelState::kBroken);
  mended = true;
  EXPECT_TRUE(Load(registry, "a").ok());
  EXPECT_EQ(State(registry, "a"), ModelState::kLoaded);
}

TEST_F(ModelRegistryTest, UnloadIsRefusedWhileAModelIsInUse) {
  ModelRegistry registry({.models = {Entry("a")}});
  absl::StatusOr<ModelLease> lease = Acquire(registry, "a").get();
  absl::Status refused;
  registry.Unload("a", [&](const absl::Status& status) { refused = status; });
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  { const ModelLease gone = *std::move(lease); }
  absl::Status done = absl::UnknownError("");
  registry.Unload("a", [&](const absl::Status& status) { done = status; });
  EXPECT_TRUE(done.ok());
  EXPECT_EQ(State(registry, "a"), ModelState::kAvailable);
}

}  // namespace
}  // namespace latentd::engine
