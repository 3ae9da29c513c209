// What an engine says it could take in, to a store that others share.

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "model/errors.h"
#include "tests/server/engine/engine_fixture.h"
#include "tests/server/engine/offered_store.h"

namespace latentd::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class EngineOffersTest : public EngineTest {
 protected:
  EngineOffersTest() {
    auto owned = std::make_unique<OfferedStore>(store::MemoryJobStoreOptions{.clock = clock_.get()});
    offers_ = owned.get();
    store_ = std::move(owned);
  }

  OfferedStore* offers_;
};

// Those that it was of may have been cancelled before the engine took them.
TEST_F(EngineOffersTest, AnOfferThatWasTakenIsMadeAnew) {
  StartEngine();
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.jobs > 0; });
  const int before = offers_->offers();
  engine_->OnWorkAvailable();
  offers_->AwaitMoreThan(before);  // else the test's time is over
}

TEST_F(EngineOffersTest, AStuckEngineOffersNothing) {
  Gate gate;
  control_.on_predict = [&](size_t) { gate.Wait(); };
  options_.stuck_after = absl::Milliseconds(1);
  StartEngine();
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.jobs > 0; });
  Create(Fields("hangs"));
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.jobs == 0 && offer.other_models.empty(); });
  gate.Open();
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.jobs > 0; });
  WaitUntilIdle();
}

TEST_F(EngineOffersTest, WhileAModelIsLoadingJobsOfOthersAreLeft) {
  Gate gate;
  on_load_ = [&] { gate.Wait(); };
  StartEngine({}, {"a", "b"});
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.jobs > 0 && offer.can_load; });
  registry_->Load("a", [](const absl::Status&) {});
  gate.AwaitArrival();
  offers_->AwaitOffer([](const core::Capacity& offer) { return !offer.can_load; });
  EXPECT_THAT(offers_->offered().models, IsEmpty());
  EXPECT_THAT(offers_->offered().other_models, ElementsAre("a", "b")) << "it still counts as one that could run them";
  gate.Open();
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.can_load && !offer.models.empty(); });
  EXPECT_THAT(offers_->offered().models, ElementsAre("a"));
}

// Else nothing but the models that are there would ever run.
TEST_F(EngineOffersTest, ALoadThatFindsNoRoomIsInNobodysWay) {
  Gate begins, goes_on;
  std::atomic<int> predicted = 0;
  control_.on_predict = [&](size_t) {
    const int now = ++predicted;
    if (now == 1) begins.Wait();
    if (now == 3) goes_on.Wait();
  };
  StartEngine({}, {"a", "b", "c"}, /*memory_budget=*/100);
  Create(FieldsFor("a"));
  begins.AwaitArrival();
  registry_->Load("b", [](const absl::Status&) {});
  while (!registry_->ShortOfMemory()) std::this_thread::yield();
  begins.Open();
  goes_on.AwaitArrival();
  EXPECT_TRUE(offers_->offered().can_load);
  EXPECT_THAT(offers_->offered().models, ElementsAre("a"));
  goes_on.Open();
  WaitUntilIdle();
}

// Jobs of it are another engine's, if there is one that could.
TEST_F(EngineOffersTest, AModelBeyondTheBudgetCannotBeLoaded) {
  StartEngine({}, {"a"}, /*memory_budget=*/99);
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.jobs > 0; });
  EXPECT_THAT(offers_->offered().other_models, IsEmpty());
  EXPECT_THAT(offers_->offered().broken_models, ElementsAre("a"));
}

// Else whoever looks at the offers would think that somebody could run its jobs.
TEST_F(EngineOffersTest, ABrokenModelThatIsTriedOnceMoreIsStillBroken) {
  Gate gate;
  bool first = true;
  on_load_ = [&] {
    if (!std::exchange(first, false)) gate.Wait();
    throw model::ModelError("a", {"a tensor is missing"});
  };
  StartEngine({}, {"a"});
  const std::string job = Create(FieldsFor("a"));
  offers_->AwaitOffer([](const core::Capacity& offer) { return !offer.broken_models.empty(); });
  WaitUntilIdle();
  Create(FieldsFor("a"));
  gate.AwaitArrival();
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.models.empty() && !offer.can_load; });
  EXPECT_THAT(offers_->offered().broken_models, ElementsAre("a"));
  gate.Open();
  WaitUntilIdle();
}

// They may have it whole.
TEST_F(EngineOffersTest, WhatNeedsAModelThatDoesNotLoadIsLeftToOthers) {
  on_load_ = [] { throw model::ModelError("a", {"a tensor is missing"}); };
  StartEngine({}, {"a"});
  const std::string job = Create(FieldsFor("a"));
  WaitUntilIdle();
  const auto left = offers_->unable();
  ASSERT_THAT(left, testing::SizeIs(1));
  EXPECT_EQ(left[0].first, job);
  EXPECT_THAT(std::string(left[0].second.message()), testing::HasSubstr("a tensor is missing"));
}

TEST_F(EngineOffersTest, ASamplerThatIsNotKnownHereIsLeftToOthers) {
  StartEngine({}, {"a"});
  core::RequestFields fields = FieldsFor("a");
  fields.task = core::Task::kTextToImage;
  fields.seed = 7;
  fields.timeout = absl::Minutes(1);
  fields.sampler = "of-next-year";
  const auto job = store_->Create(core::GenerationRequest::Restore(fields, /*guided=*/true), {});
  ASSERT_TRUE(job.ok()) << job.status();
  WaitUntilIdle();
  const auto left = offers_->unable();
  ASSERT_THAT(left, testing::SizeIs(1)) << Get(job->name).error;
  EXPECT_EQ(left[0].first, job->name);
  EXPECT_THAT(std::string(left[0].second.message()), testing::HasSubstr("the sampler of-next-year"));
}

TEST_F(EngineOffersTest, ALoadThatNobodyWantsAnyMoreIsInNobodysWay) {
  Gate gate;
  on_load_ = [&] { gate.Wait(); };
  StartEngine({}, {"a", "b"}, /*memory_budget=*/100);
  registry_->Load("a", [](const absl::Status&) {});
  gate.AwaitArrival();
  const std::string waits = Create(FieldsFor("b"));
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.models == std::vector<std::string>{"b"}; });
  ASSERT_TRUE(store_->Cancel(waits, "CALLER").ok());
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.models.empty(); });
  gate.Open();
  offers_->AwaitOffer([](const core::Capacity& offer) { return offer.can_load; });
}

}  // namespace
}  // namespace latentd::engine
