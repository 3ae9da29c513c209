// Jobs that make the same thing, and share its making.

#include "server/store/shared_runs.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/server/store/store_fixture.h"

namespace latentd::store {
namespace {

using core::JobState;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

class SharedRunsTest : public testing::Test {
 protected:
  std::string Create(const std::string& run = "run", const std::string& tenant = "") {
    return f_.store.Create(core::TestRequest(), {.tenant = tenant, .run = run})->name;
  }
  std::string ClaimOne() {
    const auto jobs = f_.store.Claim(1);
    return jobs.empty() ? "" : jobs[0].name;
  }

  StoreFixture f_;
};

TEST_F(SharedRunsTest, OneOfEqualJobsIsRunAndAllHearOfIt) {
  const std::string first = Create();
  const std::string second = Create();
  EXPECT_THAT(f_.store.Claim(10), ElementsAre(Field(&core::ClaimedJob::name, first)));
  f_.store.OnStarted(first, {.seed = 7, .warnings = {{.reason = "PROMPT_TRUNCATED"}}});
  f_.store.OnOutput(first, f_.Picture(0, 100));
  const std::string third = Create();
  EXPECT_EQ(f_.State(third), JobState::kRunning);
  f_.store.OnProgress(first, {.output_index = 1, .step = 3});
  f_.store.OnCompleted(first, {.evaluations = 25, .pixel_evaluations = 100});
  const std::string late = Create();

  for (const std::string& name : {second, third, late}) {
    const core::Job job = f_.store.Get(name).value();
    EXPECT_EQ(job.state, JobState::kCompleted);
    EXPECT_EQ(job.usage->pixel_evaluations, 0) << "it took nothing";
    EXPECT_EQ(job.warnings.at(0).reason, "PROMPT_TRUNCATED");
    EXPECT_EQ(f_.store.GetOutput(name, 0)->data->size(), 100u);
  }
  EXPECT_EQ(f_.store.Get(first)->usage->pixel_evaluations, 100);
  EXPECT_THAT(f_.store.Claim(10), IsEmpty());
}

TEST_F(SharedRunsTest, OtherRunsOtherTenantsAndJobsWithoutOneAreRunThemselves) {
  Create("run");
  Create("other");
  Create("run", "shop");
  Create("");
  Create("");
  EXPECT_EQ(f_.store.Claim(10).size(), 5u);
}

TEST_F(SharedRunsTest, WhenTheOneThatIsRunIsCancelledAnotherGoesOn) {
  const std::string first = Create();
  const std::string second = Create();
  const std::string third = Create();
  ClaimOne();
  f_.store.OnStarted(first, {});
  f_.store.OnOutput(first, f_.Picture(0, 100));
  FakeListener listener;
  f_.store.SetListener(&listener);
  f_.store.Cancel(first, "CALLER").IgnoreError();
  f_.store.SetListener(nullptr);
  EXPECT_THAT(listener.ended, ElementsAre(first)) << "its rows go at once";
  EXPECT_EQ(f_.State(second), JobState::kQueued);
  EXPECT_EQ(f_.State(third), JobState::kQueued);
  f_.store.OnOutput(first, f_.Picture(1, 100));  // of a run that is over

  const auto jobs = f_.store.Claim(10);
  ASSERT_THAT(jobs, ElementsAre(Field(&core::ClaimedJob::name, second)));
  EXPECT_THAT(jobs[0].outputs, ElementsAre(0)) << "what there is need not be made again";
  f_.store.OnStarted(second, {});
  f_.store.OnCompleted(second, {});
  EXPECT_EQ(f_.State(third), JobState::kCompleted);
  EXPECT_EQ(f_.State(first), JobState::kCancelled);
}

TEST_F(SharedRunsTest, AFollowerThatIsCancelledOrDeletedLeavesTheOthersAlone) {
  const std::string first = Create();
  const std::string second = Create();
  const std::string third = Create();
  f_.store.Cancel(second, "CALLER").IgnoreError();
  EXPECT_TRUE(f_.store.Delete(second).ok());
  EXPECT_EQ(ClaimOne(), first);
  f_.store.OnStarted(first, {});
  f_.store.OnCompleted(first, {});
  EXPECT_EQ(f_.State(third), JobState::kCompleted);
  EXPECT_TRUE(f_.store.Delete(third).ok());
  EXPECT_TRUE(f_.store.Delete(first).ok());
  const std::string anew = Create();
  EXPECT_EQ(ClaimOne(), anew) << "what was made is forgotten";
}

TEST_F(SharedRunsTest, WhatFailsFailsForAllAndIsTriedAgainByTheNext) {
  const std::string first = Create();
  const std::string second = Create();
  ClaimOne();
  f_.store.OnStarted(first, {});
  f_.store.OnFailed(first, absl::InternalError("a defect"), {});
  EXPECT_EQ(f_.store.Get(second)->error, absl::InternalError("a defect"));
  const std::string next = Create();
  EXPECT_EQ(ClaimOne(), next);
  f_.store.OnStarted(next, {});
  f_.store.OnCompleted(next, {.failed_outputs = 1});
  const std::string after = Create();
  EXPECT_EQ(ClaimOne(), after) << "not all outputs were made";
}

TEST_F(SharedRunsTest, ADeadlineIsEachJobsOwn) {
  core::RequestFields fields = core::TestFields();
  fields.timeout = absl::Seconds(10);
  const std::string first = f_.store.Create(core::TestRequest(fields), {.run = "run"})->name;
  const std::string second = Create();
  ClaimOne();
  f_.store.OnStarted(first, {});
  f_.clock.Advance(absl::Seconds(11));
  EXPECT_EQ(f_.State(first), JobState::kFailed);
  EXPECT_EQ(ClaimOne(), second);
}

}  // namespace
}  // namespace latentd::store
