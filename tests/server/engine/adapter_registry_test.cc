#include "server/engine/adapter_registry.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "server/core/errors.h"
#include "tests/server/engine/fake_model.h"
#include "tests/server/engine/null_observer.h"

namespace latentd::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class FakeAdapter final : public model::Adapter {
 public:
  FakeAdapter(int64_t bytes, std::atomic<int>* alive) : bytes_(bytes), alive_(alive) { ++*alive_; }
  FakeAdapter(const FakeAdapter&) = delete;
  FakeAdapter& operator=(const FakeAdapter&) = delete;
  ~FakeAdapter() override { --*alive_; }
  int64_t memory_bytes() const override { return bytes_; }

 private:
  const int64_t bytes_;
  std::atomic<int>* const alive_;
};

class AdapterObserver : public NullObserver {
 public:
  MOCK_METHOD(void, OnAdapters, (const core::AdapterChange&), (override));
};

auto Change(int loaded, int evicted, int64_t bytes) {
  return AllOf(Field(&core::AdapterChange::loaded, loaded), Field(&core::AdapterChange::evicted, evicted),
               Field(&core::AdapterChange::bytes, bytes));
}

class AdapterRegistryTest : public testing::Test {
 protected:
  // An adapter of `bytes` whose content is `hash`.
  AdapterEntry Entry(const std::string& name, int64_t bytes, const std::string& hash) {
    core::AdapterInfo info{.name = name};
    info.memory_bytes = bytes;
    return {.info = info,
            .content_hash = [this, name, hash] { return hashes_.contains(name) ? hashes_[name] : hash; },
            .load =
                [this, name, bytes](const model::DiffusionModel&) {
                  loads_.push_back(name);
                  if (on_load_) on_load_(name);
                  return std::make_shared<FakeAdapter>(bytes, &alive_);
                }};
  }

  AdapterRegistry::Options ThreeOfAHundredBytes(int64_t budget) {
    return {.adapters = {Entry("a", 100, "A"), Entry("b", 100, "B"), Entry("c", 100, "C")}, .memory_budget = budget};
  }

  using Future = std::future<absl::StatusOr<AdapterLease>>;

  Future Acquire(AdapterRegistry& registry, std::vector<std::string> names,
                 AdapterRegistry::Request* request = nullptr) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<AdapterLease>>>();
    Future future = promise->get_future();
    const auto number = registry.Acquire(std::move(names), model_, [promise](absl::StatusOr<AdapterLease> lease) {
      promise->set_value(std::move(lease));
    });
    if (request != nullptr) *request = number;
    return future;
  }

  absl::Status Use(AdapterRegistry& registry, std::vector<std::string> names) {
    return Acquire(registry, std::move(names)).get().status();
  }

  FakeModelControl control_;
  AdaptedModel model_{.model = std::make_shared<FakeModel>(&control_), .load = 1};
  std::atomic<int> alive_ = 0;
  std::vector<std::string> loads_;             // on the loader thread; read when nothing is asked for
  std::map<std::string, std::string> hashes_;  // of files that were replaced
  std::function<void(const std::string&)> on_load_;
};

TEST_F(AdapterRegistryTest, AnAdapterIsLoadedOnceForAllItsJobs) {
  AdapterRegistry registry(ThreeOfAHundredBytes(1000));
  {
    const auto first = Acquire(registry, {"a", "b"}).get();
    const auto second = Acquire(registry, {"a"}).get();
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(first->adapters().at("a").adapter, second->adapters().at("a").adapter);
    EXPECT_EQ(first->adapters().at("b").content_hash, "B");
  }
  EXPECT_TRUE(Use(registry, {"a"}).ok());  // nobody held it meanwhile
  EXPECT_THAT(loads_, ElementsAre("a", "b"));
  EXPECT_EQ(registry.LoadedBytes(), 200);
}

TEST_F(AdapterRegistryTest, TwoNamesOfOneContentAreOneAdapter) {
  AdapterRegistry registry({.adapters = {Entry("a", 100, "A"), Entry("twin", 100, "A")}, .memory_budget = 100});
  const auto lease = Acquire(registry, {"a", "twin"}).get();
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(lease->adapters().at("a").adapter, lease->adapters().at("twin").adapter);
  EXPECT_EQ(registry.LoadedBytes(), 100);
}

TEST_F(AdapterRegistryTest, AFileThatWasReplacedIsReadAgain) {
  AdapterRegistry registry(ThreeOfAHundredBytes(100));
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  hashes_["a"] = "A2";
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  EXPECT_THAT(loads_, ElementsAre("a", "a"));
  EXPECT_EQ(alive_, 1);  // the old one left under the budget
}

TEST_F(AdapterRegistryTest, OtherWeightsOfTheModelHaveTheirOwnAdapters) {
  AdapterRegistry registry(ThreeOfAHundredBytes(1000));
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  model_ = {.model = std::make_shared<FakeModel>(&control_), .load = 2};
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  EXPECT_THAT(loads_, ElementsAre("a", "a"));
  EXPECT_EQ(registry.LoadedBytes(), 100);  // the model that left took its adapters with it
}

TEST_F(AdapterRegistryTest, AModelThatLeavesTakesItsAdaptersWithItAtOnce) {
  AdapterRegistry registry(ThreeOfAHundredBytes(1000));
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  registry.DropOrphans();
  EXPECT_EQ(alive_, 1);
  model_.model.reset();
  registry.DropOrphans();
  EXPECT_EQ(alive_, 0);
  EXPECT_EQ(registry.LoadedBytes(), 0);
}

TEST_F(AdapterRegistryTest, WhatComesAndLeavesIsTold) {
  testing::StrictMock<AdapterObserver> observer;
  AdapterRegistry::Options options = ThreeOfAHundredBytes(250);
  options.observer = &observer;
  AdapterRegistry registry(std::move(options));
  {
    const testing::InSequence in_this_order;
    EXPECT_CALL(observer, OnAdapters(Change(1, 0, 100)));
    EXPECT_CALL(observer, OnAdapters(Change(1, 0, 200)));
    EXPECT_CALL(observer, OnAdapters(Change(0, 1, 100)));
    EXPECT_CALL(observer, OnAdapters(Change(1, 0, 200)));
  }
  EXPECT_TRUE(Use(registry, {"a", "b"}).ok());
  EXPECT_TRUE(Use(registry, {"c"}).ok());
}

TEST_F(AdapterRegistryTest, TheOneUsedLongestAgoLeaves) {
  AdapterRegistry registry(ThreeOfAHundredBytes(250));
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  EXPECT_TRUE(Use(registry, {"b"}).ok());
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  EXPECT_TRUE(Use(registry, {"c"}).ok());  // b leaves
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  EXPECT_TRUE(Use(registry, {"b"}).ok());
  EXPECT_THAT(loads_, ElementsAre("a", "b", "c", "b"));
  EXPECT_EQ(alive_, 2);
}

TEST_F(AdapterRegistryTest, WhoNeedsRoomThatIsHeldWaitsForIt) {
  AdapterRegistry registry(ThreeOfAHundredBytes(250));
  auto held = Acquire(registry, {"a", "b"}).get();
  ASSERT_TRUE(held.ok());
  Future waiting = Acquire(registry, {"b", "c"});
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  *held = AdapterLease();
  EXPECT_TRUE(waiting.get().ok());
  EXPECT_EQ(alive_, 2);
}

TEST_F(AdapterRegistryTest, WhoWithdrawsDoesNotStandInTheWay) {
  AdapterRegistry registry(ThreeOfAHundredBytes(200));
  const auto held = Acquire(registry, {"a", "b"}).get();
  ASSERT_TRUE(held.ok());
  AdapterRegistry::Request request = 0;
  bool answered = false;
  request = registry.Acquire({"c"}, model_, [&](const absl::StatusOr<AdapterLease>&) { answered = true; });
  registry.Withdraw(request);
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  EXPECT_FALSE(answered);
}

TEST_F(AdapterRegistryTest, MoreThanTheBudgetIsRefusedAtOnce) {
  AdapterRegistry registry(ThreeOfAHundredBytes(250));
  const absl::Status status = Use(registry, {"a", "b", "c"});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(core::GetErrorDetails(status).reason, "ADAPTER_TOO_LARGE");
  EXPECT_TRUE(Use(registry, {"a"}).ok());
}

TEST_F(AdapterRegistryTest, AnUnknownNameIsNotFound) {
  AdapterRegistry registry(ThreeOfAHundredBytes(250));
  const absl::Status status = Use(registry, {"a", "ghost"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("ghost: not found; there are: a, b, c"));
}

TEST_F(AdapterRegistryTest, AFileThatIsWrongSaysHowAndHoldsNothing) {
  on_load_ = [](const std::string& name) {
    if (name == "b") throw model::ModelError("b.safetensors", {"no key matches"});
  };
  AdapterRegistry registry(ThreeOfAHundredBytes(200));
  const absl::Status status = Use(registry, {"a", "b"});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(core::GetErrorDetails(status).reason, "ADAPTER_UNUSABLE");
  EXPECT_EQ(core::GetErrorDetails(status).resource_name, "b");
  EXPECT_THAT(std::string(status.message()), HasSubstr("no key matches"));
  on_load_ = nullptr;
  EXPECT_TRUE(Use(registry, {"b", "c"}).ok());  // "a" could leave
}

TEST_F(AdapterRegistryTest, AFullDeviceIsEmptiedOfIdleAdapters) {
  int failures = 1;
  AdapterRegistry registry(ThreeOfAHundredBytes(0));
  EXPECT_TRUE(Use(registry, {"a"}).ok());
  on_load_ = [&](const std::string&) {
    if (failures-- > 0) throw std::bad_alloc();
  };
  EXPECT_TRUE(Use(registry, {"b"}).ok());
  EXPECT_EQ(alive_, 1);
}

TEST_F(AdapterRegistryTest, WhoStillWaitsAtTheEndIsAnswered) {
  Future waiting;
  {
    AdapterRegistry registry(ThreeOfAHundredBytes(100));
    auto held = Acquire(registry, {"a"}).get();
    ASSERT_TRUE(held.ok());
    waiting = Acquire(registry, {"b"});
    *held = AdapterLease();
  }
  const auto status = waiting.get().status();
  EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
  EXPECT_EQ(alive_, 0);
}

}  // namespace
}  // namespace latentd::engine
