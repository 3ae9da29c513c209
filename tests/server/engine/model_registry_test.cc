#include "server/engine/model_registry.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "tests/server/engine/fake_model.h"
#include "tests/server/engine/null_observer.h"

namespace latentd::engine {
namespace {

using core::ModelState;
using testing::HasSubstr;

class MemoryObserver : public NullObserver {
 public:
  void OnDeviceMemory(int64_t weights, int64_t total) override { reported = {weights, total}; }

  std::pair<int64_t, int64_t> reported{};
};

class ModelRegistryTest : public testing::Test {
 protected:
  ModelEntry Entry(const std::string& name) {
    core::ModelInfo info{.name = name};
    info.memory_bytes = 100;
    return {.info = info, .load = [this, info] { return Loaded(info); }};
  }

  LoadedModel Loaded(const core::ModelInfo& info) { return {info, std::make_shared<FakeModel>(&control_)}; }

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

TEST_F(ModelRegistryTest, LoadingLeavesTheOtherCoresToTheEngine) {
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  int threads = 0;
  ModelEntry entry = Entry("a");
  entry.load = [&, load = entry.load] {
    at::parallel_for(0, 1, 1, [](int64_t, int64_t) {});
    threads = at::get_num_threads();
    return load();
  };
  ModelRegistry registry({.models = {entry}});
  EXPECT_TRUE(Load(registry, "a").ok());
  at::set_num_threads(before);
  EXPECT_EQ(threads, 1);
}

TEST_F(ModelRegistryTest, TheMemoryOfTheDeviceHoldsTheWeightsAtLeast) {
  MemoryObserver observer;
  {
    ModelRegistry registry({.models = {Entry("a")}, .observer = &observer});
    EXPECT_TRUE(Load(registry, "a").ok());
  }  // its thread reports after the load
  EXPECT_EQ(observer.reported, std::pair(int64_t{100}, int64_t{100}));
}

TEST_F(ModelRegistryTest, ItIsToldWhenModelsHaveLeft) {
  std::weak_ptr<model::DiffusionModel> first;
  std::vector<bool> gone;  // when it was told
  std::promise<void> told;
  ModelEntry entry = Entry("a");
  entry.load = [&, load = entry.load] {
    LoadedModel loaded = load();
    first = loaded.model;
    return loaded;
  };
  ModelRegistry registry({.models = {entry}, .on_unloaded = [&] {
                            gone.push_back(first.expired());
                            told.set_value();
                          }});
  EXPECT_TRUE(Load(registry, "a").ok());
  registry.Unload("a", [](const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; });
  told.get_future().get();
  EXPECT_THAT(gone, testing::ElementsAre(true));
}

TEST_F(ModelRegistryTest, AnUnknownModelIsNotFoundAndTheOthersAreNamed) {
  ModelRegistry registry({.models = {Entry("a"), Entry("b")}});
  const absl::Status status = registry.Find("c").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a, b"));
}

TEST_F(ModelRegistryTest, TheSmallestModelOnTheDeviceIsLentAndThatIsNoUseOfIt) {
  ModelEntry small = Entry("small");
  small.load = [this, info = small.info] { return LoadedModel{info, std::make_shared<FakeModel>(&control_, 50)}; };
  ModelRegistry registry({.models = {Entry("a"), Entry("b"), small}, .memory_budget = 200});
  EXPECT_FALSE(registry.BorrowSmallest().has_value());
  EXPECT_TRUE(Load(registry, "small").ok());
  EXPECT_TRUE(Load(registry, "a").ok());
  {
    const auto borrowed = registry.BorrowSmallest();
    ASSERT_TRUE(borrowed.has_value());
    EXPECT_EQ(borrowed->info.name, "small");
    registry.Unload("small", [](const absl::Status& status) { EXPECT_TRUE(absl::IsFailedPrecondition(status)); });
  }
  EXPECT_TRUE(Load(registry, "b").ok());
  EXPECT_EQ(State(registry, "small"), ModelState::kAvailable) << "it was used before a";
  EXPECT_EQ(State(registry, "a"), ModelState::kLoaded);
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
  entry.load = [&] {
    if (!mended) throw model::ModelError("a/config.json", {"a bad file"});
    return Loaded(entry.info);
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

TEST_F(ModelRegistryTest, AFailureThatIsNotTheFilesFaultLeavesTheModelAvailable) {
  ModelEntry entry = Entry("a");
  entry.load = []() -> LoadedModel { throw std::runtime_error("the disk is away"); };
  ModelRegistry registry({.models = {entry}});
  EXPECT_EQ(Load(registry, "a").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(State(registry, "a"), ModelState::kAvailable);
}

TEST_F(ModelRegistryTest, AModelThatWasMendedIsDescribedAsItIsNow) {
  ModelEntry entry = Entry("a");
  const core::ModelInfo mended = {.name = "a", .samplers = {{.name = "ddim"}}};
  entry.info = {.name = "a", .error = absl::FailedPreconditionError("broken")};
  entry.load = [&] { return Loaded(mended); };
  ModelRegistry registry({.models = {entry}});
  EXPECT_EQ(State(registry, "a"), ModelState::kBroken);
  EXPECT_TRUE(Load(registry, "a").ok());
  EXPECT_EQ(registry.Find("a")->samplers.size(), 1u);
  EXPECT_EQ(registry.Find("a")->memory_bytes, 100);
  EXPECT_TRUE(registry.Find("a")->error.ok());
}

TEST_F(ModelRegistryTest, AModelThatIsLargerThanWasKnownGetsTheRoomItTakes) {
  ModelEntry grown = Entry("a");
  grown.info.memory_bytes = 0;
  ModelRegistry registry({.models = {grown, Entry("b")}, .memory_budget = 150});
  EXPECT_TRUE(Load(registry, "b").ok());
  EXPECT_TRUE(Load(registry, "a").ok());
  EXPECT_EQ(State(registry, "a"), ModelState::kLoaded);
  EXPECT_EQ(State(registry, "b"), ModelState::kAvailable);
}

TEST_F(ModelRegistryTest, TwoLoadsOfAModelCanBeToldApart) {
  ModelRegistry registry({.models = {Entry("a")}});
  const uint64_t first = Acquire(registry, "a").get()->load();
  EXPECT_EQ(Acquire(registry, "a").get()->load(), first);
  registry.Unload("a", [](const absl::Status& status) { EXPECT_TRUE(status.ok()); });
  EXPECT_NE(Acquire(registry, "a").get()->load(), first);
}

TEST_F(ModelRegistryTest, WhatNobodyWaitsForAnyMoreIsNotLoaded) {
  ModelRegistry registry({.models = {Entry("a"), Entry("b"), Entry("c")}, .memory_budget = 200});
  EXPECT_TRUE(Load(registry, "c").ok());
  absl::StatusOr<ModelLease> a = Acquire(registry, "a").get();
  auto c = std::make_unique<absl::StatusOr<ModelLease>>(Acquire(registry, "c").get());
  const auto request = registry.Acquire("b", [](const absl::StatusOr<ModelLease>&) { ADD_FAILURE(); });
  registry.Withdraw("b", request);
  EXPECT_FALSE(registry.ShortOfMemory());
  c.reset();
  EXPECT_TRUE(Load(registry, "a").ok());  // the loader has seen it all
  EXPECT_EQ(State(registry, "b"), ModelState::kAvailable);
  EXPECT_EQ(State(registry, "c"), ModelState::kLoaded);
}

TEST_F(ModelRegistryTest, AModelThatIsThereDoesNotWaitForOthersToBeLoadedUnlessTheyNeedItsRoom) {
  for (const auto& [budget, waits] : {std::pair(0, false), std::pair(300, false), std::pair(200, true)}) {
    std::promise<void> go_on;
    ModelEntry loading = Entry("loading");
    loading.load = [load = loading.load, wait = go_on.get_future().share()] {
      wait.wait();
      return load();
    };
    ModelRegistry registry({.models = {Entry("there"), loading, Entry("next")}, .memory_budget = budget});
    EXPECT_TRUE(Acquire(registry, "there").get().ok());  // and given back at once
    auto first = Acquire(registry, "loading");
    auto next = Acquire(registry, "next");
    auto there = Acquire(registry, "there");
    EXPECT_EQ(there.wait_for(std::chrono::seconds(0)) == std::future_status::ready, !waits) << budget;
    go_on.set_value();
    EXPECT_TRUE(first.get().ok());
    EXPECT_TRUE(there.get().ok());
    EXPECT_TRUE(next.get().ok());
  }
}

TEST_F(ModelRegistryTest, NoModelLeavesForOneThatDoesNotFitEvenSo) {
  ModelEntry large = Entry("large");
  large.info.memory_bytes = 250;
  ModelRegistry registry({.models = {Entry("a"), Entry("b"), large}, .memory_budget = 300});
  EXPECT_TRUE(Load(registry, "b").ok());
  const absl::StatusOr<ModelLease> a = Acquire(registry, "a").get();
  registry.Acquire("large", [](const absl::StatusOr<ModelLease>&) {});
  while (!registry.ShortOfMemory()) std::this_thread::yield();
  EXPECT_EQ(State(registry, "b"), ModelState::kLoaded);
}

TEST_F(ModelRegistryTest, WhenTheDeviceIsFullIdleModelsLeaveAndTheLoadIsTriedAgain) {
  ModelEntry entry = Entry("a");
  int tries = 0;
  entry.load = [&] {
    if (++tries == 1) throw std::bad_alloc();
    return Loaded(entry.info);
  };
  ModelRegistry registry({.models = {entry, Entry("idle"), Entry("held")}});
  EXPECT_TRUE(Load(registry, "idle").ok());
  const absl::StatusOr<ModelLease> held = Acquire(registry, "held").get();
  EXPECT_TRUE(Load(registry, "a").ok());
  EXPECT_EQ(State(registry, "idle"), ModelState::kAvailable);
  EXPECT_EQ(State(registry, "held"), ModelState::kLoaded);
}

}  // namespace
}  // namespace latentd::engine
