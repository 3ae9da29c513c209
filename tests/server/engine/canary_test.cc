// An engine without jobs looks whether its device works.

#include "server/engine/canary.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "server/engine/find_models.h"
#include "tests/server/core/fake_clock.h"
#include "tests/server/engine/engine_fixture.h"
#include "tests/server/engine/null_observer.h"
#include "tests/server/engine/offered_store.h"

namespace latentd::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class CountingObserver : public NullObserver {
 public:
  void OnStageRun(const core::StageRun& /*run*/) override { ++stages; }

  int stages = 0;
};

class CanaryTest : public EngineTest {
 protected:
  CanaryTest() : EngineTest(std::make_unique<core::FakeClock>()) {
    options_.canary_every = absl::Minutes(1);
    options_.on_canary = [this](const absl::Status& status) { told_.push_back(status.code()); };
  }

  void StartWithModel() {
    StartEngine();
    std::promise<absl::Status> loaded;
    registry_->Load("pictograms", [&](const absl::Status& status) { loaded.set_value(status); });
    EXPECT_TRUE(loaded.get_future().get().ok());
    WaitUntilIdle();  // by then it waits for its time
  }

  // And lets the engine do what it has to.
  void Advance(absl::Duration time) {
    static_cast<core::FakeClock&>(*clock_).Advance(time);
    WaitUntilIdle();
  }

  // Forwards without words.
  int Canaries() {
    int canaries = 0;
    for (const std::vector<std::string>& prompts : control_.Predicted()) canaries += prompts.front().empty() ? 1 : 0;
    return canaries;
  }

  std::vector<absl::StatusCode> told_;
};

TEST_F(CanaryTest, ADeviceWithoutWorkIsLookedAtAgainAndAgain) {
  StartWithModel();
  Advance(absl::Seconds(59));
  EXPECT_EQ(Canaries(), 0);
  Advance(absl::Seconds(1));
  EXPECT_EQ(Canaries(), 1);
  Advance(absl::Seconds(59));
  EXPECT_EQ(Canaries(), 1);
  Advance(absl::Seconds(1));
  EXPECT_EQ(Canaries(), 2);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CanaryTest, WithoutTheOptionItIsNot) {
  options_.canary_every = absl::ZeroDuration();
  StartWithModel();
  Advance(absl::Hours(1));
  EXPECT_EQ(Canaries(), 0);
}

TEST_F(CanaryTest, WithoutAModelThereIsNothingToLookAt) {
  StartEngine();
  WaitUntilIdle();
  Advance(absl::Minutes(5));
  EXPECT_THAT(control_.Predicted(), IsEmpty());
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CanaryTest, JobsPutItOff) {
  StartWithModel();
  Advance(absl::Seconds(40));
  Create(Fields("a job"));
  WaitUntilIdle();
  Advance(absl::Seconds(59));
  EXPECT_EQ(Canaries(), 0);
  Advance(absl::Seconds(1));
  EXPECT_EQ(Canaries(), 1);
}

TEST_F(CanaryTest, FailuresAreToldEachTimeAndSuccessOnceAfterThem) {
  std::atomic<bool> works = false;
  control_.on_predict = [&](size_t) {
    if (!works) throw std::runtime_error("the device is broken");
  };
  StartWithModel();
  Advance(absl::Minutes(1));
  Advance(absl::Minutes(1));
  EXPECT_THAT(told_, ElementsAre(absl::StatusCode::kInternal, absl::StatusCode::kInternal));
  works = true;
  Advance(absl::Minutes(1));
  Advance(absl::Minutes(1));
  EXPECT_THAT(told_, ElementsAre(absl::StatusCode::kInternal, absl::StatusCode::kInternal, absl::StatusCode::kOk));
}

TEST_F(CanaryTest, WhileItFailsJobsAreLeftToOtherEngines) {
  auto owned = std::make_unique<OfferedStore>(store::MemoryJobStoreOptions{.clock = clock_.get()});
  OfferedStore& store = *owned;
  store_ = std::move(owned);
  const auto await = [&](bool has_room, const std::vector<std::string>& models) {
    store.AwaitOffer(
        [&](const core::Capacity& offer) { return (offer.jobs > 0) == has_room && offer.models == models; });
  };
  StartEngine({}, {"pictograms", "other"});
  std::promise<absl::Status> loaded;
  registry_->Load("pictograms", [&](const absl::Status& status) { loaded.set_value(status); });
  EXPECT_TRUE(loaded.get_future().get().ok());
  WaitUntilIdle();
  await(/*has_room=*/true, {"pictograms"});
  EXPECT_THAT(store.offered().other_models, ElementsAre("other"));
  control_.nan = true;
  Advance(absl::Minutes(1));
  await(/*has_room=*/false, {});
  control_.nan = false;
  Advance(absl::Minutes(1));
  await(/*has_room=*/true, {"pictograms"});
}

TEST_F(CanaryTest, AResultThatIsNoNumberIsAFailure) {
  StartWithModel();
  control_.nan = true;
  Advance(absl::Minutes(1));
  EXPECT_THAT(told_, ElementsAre(absl::StatusCode::kInternal));
}

TEST_F(CanaryTest, AJobsStepThatSucceedsAfterAFailureShowsThatTheDeviceWorks) {
  StartWithModel();
  control_.nan = true;
  Advance(absl::Minutes(1));
  Create(Fields("fails, too"));
  WaitUntilIdle();
  EXPECT_THAT(told_, ElementsAre(absl::StatusCode::kInternal));
  control_.nan = false;
  Create(Fields("works"));
  WaitUntilIdle();
  EXPECT_THAT(told_, ElementsAre(absl::StatusCode::kInternal, absl::StatusCode::kOk));
}

TEST_F(CanaryTest, OneThatDoesNotEndIsStuck) {
  Gate gate;
  std::vector<bool> stuck;
  options_.on_stuck = [&](bool is) { stuck.push_back(is); };
  control_.on_predict = [&](size_t) { gate.Wait(); };
  StartWithModel();
  static_cast<core::FakeClock&>(*clock_).Advance(absl::Minutes(1));
  gate.AwaitArrival();
  static_cast<core::FakeClock&>(*clock_).Advance(options_.stuck_after);
  EXPECT_THAT(stuck, ElementsAre(true));
  gate.Open();
  WaitUntilIdle();
  EXPECT_THAT(stuck, ElementsAre(true, false));
}

TEST_F(CanaryTest, NeitherJobsNorFiguresKnowOfIt) {
  CountingObserver observer;
  options_.observer = &observer;
  StartWithModel();
  Advance(absl::Minutes(1));
  EXPECT_EQ(Canaries(), 1);
  EXPECT_EQ(observer.stages, 0);
  EXPECT_EQ(engine_->running_rows(), 0);
  EXPECT_THAT(store_->List({})->jobs, IsEmpty());
}

TEST_F(CanaryTest, AServerThatHandsItsJobsOverIsNotLookedAt) {
  StartWithModel();
  engine_->HandBack("DRAINED");
  WaitUntilIdle();
  Advance(absl::Hours(1));
  EXPECT_EQ(Canaries(), 0);
}

// Every system has a step that needs nothing but the model.
TEST(Canary, EveryModelTakesTheStep) {
  auto models = FindModels(LATENTD_SOURCE_DIR "/tests/golden/pipelines/models", at::TensorOptions());
  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_THAT(*models, testing::Not(SizeIs(testing::Lt(20u))));
  for (const ModelEntry& entry : *models) {
    const LoadedModel loaded = entry.load();
    const absl::Status status = RunCanary(loaded.info, *loaded.model);
    EXPECT_TRUE(status.ok()) << entry.info.name << ": " << status;
  }
}

}  // namespace
}  // namespace latentd::engine
