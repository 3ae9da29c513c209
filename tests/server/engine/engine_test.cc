#include "server/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tests/server/engine/engine_fixture.h"

namespace latentd::engine {
namespace {

using core::JobState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

// Makes the first forward wait until the test says so.
std::function<void(size_t)> HoldFirst(Gate& gate) {
  return [&gate](size_t forward) {
    if (forward == 0) gate.Wait();
  };
}

TEST_F(EngineTest, AJobRunsFromQueuedToCompletedWithItsPicture) {
  const std::string name = Create(Fields("one"));
  StartEngine();
  WaitUntilIdle();
  const core::Job job = Get(name);
  EXPECT_EQ(job.state, JobState::kCompleted);
  ASSERT_EQ(job.outputs.size(), 1u);
  EXPECT_EQ(job.outputs[0].media_type, "image/png");
  EXPECT_EQ(job.outputs[0].width, 64);
  EXPECT_EQ(job.outputs[0].seed, 7);
  EXPECT_EQ(job.usage->evaluations, 3);
}

TEST_F(EngineTest, JobsOfDifferentStepsAndPromptsShareForwards) {
  Create(Fields("one", 3));
  Create(Fields("two", 5));
  StartEngine();
  WaitUntilIdle();
  EXPECT_THAT(control_.Predicted(),
              ElementsAre(UnorderedElementsAre("one", "two"), UnorderedElementsAre("one", "two"),
                          UnorderedElementsAre("one", "two"), ElementsAre("two"), ElementsAre("two")));
}

TEST_F(EngineTest, AJobJoinsBetweenTwoStepsOfAnother) {
  Gate gate;
  control_.on_predict = HoldFirst(gate);
  Create(Fields("first", 4));
  StartEngine();
  gate.AwaitArrival();
  Create(Fields("second", 1));
  gate.Open();
  WaitUntilIdle();
  EXPECT_THAT(control_.Predicted()[0], ElementsAre("first"));
  EXPECT_THAT(control_.Predicted()[1], UnorderedElementsAre("first", "second"));
  EXPECT_EQ(control_.Predicted().size(), 4u);
}

TEST_F(EngineTest, ACancelFreesTheRowBeforeTheNextStep) {
  Gate gate;
  control_.on_predict = HoldFirst(gate);
  const std::string cancelled = Create(Fields("cancelled", 100));
  const std::string other = Create(Fields("other", 3));
  StartEngine();
  gate.AwaitArrival();
  ASSERT_TRUE(store_->Cancel(cancelled, "CALLER").ok());
  gate.Open();
  WaitUntilIdle();
  EXPECT_EQ(Get(cancelled).state, JobState::kCancelled);
  EXPECT_EQ(Get(other).state, JobState::kCompleted);
  const auto predicted = control_.Predicted();
  ASSERT_EQ(predicted.size(), 3u);
  EXPECT_THAT(predicted[1], ElementsAre("other"));
}

TEST_F(EngineTest, ARowWhoseForwardThrowsFailsAloneAndSaysWhy) {
  const std::string bad = Create(Fields("throw"));
  const std::string good = Create(Fields("good"));
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(bad).state, JobState::kFailed);
  EXPECT_THAT(std::string(Get(bad).error.message()), HasSubstr("this prompt throws"));
  EXPECT_EQ(Get(good).state, JobState::kCompleted);
  EXPECT_EQ(Get(good).usage->evaluations, 3);
}

TEST_F(EngineTest, ARowThatTurnsToNanFailsAlone) {
  const std::string bad = Create(Fields("nan"));
  const std::string good = Create(Fields("good"));
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(bad).state, JobState::kFailed);
  EXPECT_THAT(std::string(Get(bad).error.message()), HasSubstr("NaN"));
  EXPECT_EQ(Get(good).state, JobState::kCompleted);
}

TEST_F(EngineTest, ARowThatCannotBeDecodedFailsAlone) {
  core::RequestFields fields = Fields("bad decode");
  fields.height = 128;
  const std::string bad = Create(fields);
  const std::string good = Create(Fields("good"));
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(bad).state, JobState::kFailed);
  EXPECT_EQ(Get(good).state, JobState::kCompleted);
}

TEST_F(EngineTest, OutOfMemoryShrinksTheBatchAndNothingFails) {
  control_.memory_for_rows = 2;
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) names.push_back(Create(Fields("row " + std::to_string(i))));
  StartEngine();
  WaitUntilIdle();
  for (const std::string& name : names) {
    EXPECT_EQ(Get(name).state, JobState::kCompleted);
    EXPECT_EQ(Get(name).usage->evaluations, 3);
  }
}

TEST_F(EngineTest, OutOfMemoryForASingleRowFailsIt) {
  control_.memory_for_rows = 0;
  const std::string name = Create(Fields("row"));
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(name).error.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(EngineTest, APromptIsEncodedOnceForManyJobs) {
  for (int i = 0; i < 5; ++i) Create(Fields("the same"));
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(control_.encoded, 2);  // it, and the empty negative prompt
}

TEST_F(EngineTest, AnUnknownModelFailsTheJobAndOthersGoOn) {
  core::RequestFields fields = Fields("lost");
  fields.model = "gone";
  const std::string lost = Create(fields);
  const std::string good = Create(Fields("good"));
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(lost).error.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Get(good).state, JobState::kCompleted);
}

TEST_F(EngineTest, TwoModelsThatDoNotFitTogetherBothServe) {
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) {
    core::RequestFields fields = Fields("row " + std::to_string(i), 5);
    fields.model = i % 2 == 0 ? "a" : "b";
    names.push_back(Create(fields));
  }
  StartEngine({}, {"a", "b"}, /*memory_budget=*/150);
  WaitUntilIdle();
  for (const std::string& name : names) EXPECT_EQ(Get(name).state, JobState::kCompleted);
}

TEST_F(EngineTest, TheImagesOfAJobFinishOneByOneWhenTheyDoNotFitInABatch) {
  core::RequestFields fields = Fields("several");
  fields.num_images = 5;
  const std::string name = Create(fields);
  StartEngine({.batching = {.max_batch_rows = 2, .max_lanes = 4}});
  WaitUntilIdle();
  const core::Job job = Get(name);
  EXPECT_EQ(job.state, JobState::kCompleted);
  ASSERT_EQ(job.outputs.size(), 5u);
  EXPECT_EQ(job.outputs[4].seed, 11);
  EXPECT_EQ(job.usage->evaluations, 15);
}

TEST_F(EngineTest, StoppingInTheMiddleOfAJobIsSafe) {
  Gate gate;
  control_.on_predict = HoldFirst(gate);
  const std::string name = Create(Fields("long", 1000));
  StartEngine();
  gate.AwaitArrival();
  gate.Open();
  engine_.reset();
  registry_.reset();
  EXPECT_EQ(Get(name).state, JobState::kRunning);
}

TEST_F(EngineTest, StoppingWhileAModelIsLoadedIsSafe) {
  Gate gate;
  on_load_ = [&] { gate.Wait(); };
  const std::string name = Create(Fields("waiting"));
  StartEngine();
  gate.AwaitArrival();
  engine_.reset();
  gate.Open();
  registry_.reset();
  EXPECT_EQ(Get(name).state, JobState::kQueued);
}

TEST_F(EngineTest, AModelThatNobodyNeedsAnyMoreIsNotWaitedFor) {
  Gate gate;
  control_.on_predict = HoldFirst(gate);
  const std::string busy = Create(FieldsFor("a"));
  StartEngine({}, {"a", "b", "c"}, /*memory_budget=*/150);
  gate.AwaitArrival();
  const std::string cancelled = Create(FieldsFor("b"));
  const std::string other = Create(FieldsFor("c"));
  ASSERT_TRUE(store_->Cancel(cancelled, "CALLER").ok());
  gate.Open();
  WaitUntilIdle();
  EXPECT_EQ(Get(busy).state, JobState::kCompleted);
  EXPECT_EQ(Get(other).state, JobState::kCompleted);
  EXPECT_EQ(registry_->Find("c")->state, core::ModelState::kLoaded);
}

TEST_F(EngineTest, AModelThatWasLoadedAgainEncodesItsPromptsAgain) {
  Create(Fields("the same"));
  StartEngine();
  WaitUntilIdle();
  registry_->Unload("pictograms", [](const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; });
  Create(Fields("the same"));
  WaitUntilIdle();
  EXPECT_EQ(control_.encoded, 4);  // it and the empty negative prompt, twice
}

TEST_F(EngineTest, APromptThatCannotBeEncodedLeavesItsNeighboursWhole) {
  Gate gate;
  control_.on_predict = HoldFirst(gate);
  core::RequestFields unguided = Fields("known");  // so that of the next one's prompts only the negative one is unknown
  unguided.guidance_scale = 1;
  Create(unguided);
  StartEngine();
  gate.AwaitArrival();
  const std::string whole = Create(Fields("known"));
  const std::string bad = Create(Fields("bad encode"));
  gate.Open();
  WaitUntilIdle();
  EXPECT_EQ(Get(bad).state, JobState::kFailed);
  EXPECT_EQ(Get(whole).state, JobState::kCompleted);
  const auto negative = [](const model::Prompt& prompt) { return prompt.negative; };
  EXPECT_TRUE(std::any_of(control_.prompts.begin(), control_.prompts.end(), negative));
}

TEST_F(EngineTest, AnAcceptedJobThatTheEngineHasNotHeardOfIsNotIdleness) {
  StartEngine();
  WaitUntilIdle();
  store_->SetListener(nullptr);  // as if Create had not come so far as to say it
  const std::string name = Create(Fields("late"));
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, JobState::kCompleted);
}

TEST_F(EngineTest, ManyJobsOfAModelThatIsBeingLoadedDoNotBlockAnothers) {
  store_ = std::make_unique<store::MemoryJobStore>(
      store::MemoryJobStoreOptions{.clock = clock_.get(), .max_queued_jobs = 2000});
  Create(FieldsFor("ready"));
  StartEngine({}, {"ready", "slow"});
  WaitUntilIdle();
  Gate gate;
  on_load_ = [&] { gate.Wait(); };
  std::promise<void> ran;
  control_.on_predict = [&](size_t forward) {
    if (forward == 3) ran.set_value();
  };
  for (int i = 0; i < 1100; ++i) Create(FieldsFor("slow"));
  Create(FieldsFor("ready"));
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
  engine_.reset();
  gate.Open();
}

}  // namespace
}  // namespace latentd::engine
