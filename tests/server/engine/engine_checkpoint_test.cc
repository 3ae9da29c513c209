// Jobs that move: what one engine leaves, another goes on with, and the pictures are the same.

#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/server/core/fake_clock.h"
#include "tests/server/engine/engine_fixture.h"

namespace latentd::engine {
namespace {

using core::JobState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Latents come out as they are, so that files of the same bytes are the same work.
core::RequestFields Latents(core::RequestFields fields, int images = 1) {
  fields.num_images = images;
  fields.output_format = core::ImageFormat::kLatent;
  fields.eta = 0.5;  // every step draws noise
  return fields;
}

// Keeps the checkpoints that it is told of.
class CheckpointStore final : public store::MemoryJobStore {
 public:
  using MemoryJobStore::MemoryJobStore;

  void OnCheckpoint(const core::Claim& claim, core::Checkpoint checkpoint) override {
    const std::lock_guard lock(mutex_);
    checkpoints_.emplace_back(claim.job, std::move(checkpoint));
  }
  std::vector<std::pair<std::string, core::Checkpoint>> checkpoints() {
    const std::lock_guard lock(mutex_);
    return checkpoints_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::string, core::Checkpoint>> checkpoints_;
};

class MovedJobsTest : public EngineTest {
 protected:
  std::vector<std::string> FilesOf(const std::string& name) {
    std::vector<std::string> files;
    for (const core::Output& output : Get(name).outputs) files.push_back(*output.data);
    return files;
  }

  // What the request becomes when nothing disturbs it.
  std::vector<std::string> Undisturbed(const core::RequestFields& fields) {
    const std::string name = Create(fields);
    StartEngine();
    WaitUntilIdle();
    StopEngine();
    return FilesOf(name);
  }

  // Runs the job until the forward with this number has begun, and has it given back then.
  void RunUntil(size_t forward, core::SchedulerOptions scheduler = {}) {
    Gate gate;
    const size_t before = control_.Predicted().size();
    control_.on_predict = [&gate, before, forward](size_t number) {
      if (number == before + forward) gate.Wait();
    };
    StartEngine(scheduler);
    gate.AwaitArrival();
    engine_->HandBack("DRAINED");
    gate.Open();
    WaitUntilIdle();
    StopEngine();
    control_.on_predict = nullptr;
  }

  void StopEngine() {
    engine_.reset();
    registry_.reset();
  }

  std::vector<core::Event> EventsOf(const std::string& name) {
    const auto watch = store_->OpenWatch(name, 0, [] {}).value();
    std::vector<core::Event> events;
    while (const auto event = watch->Next().value()) events.push_back(*event);
    return events;
  }
};

TEST_F(MovedJobsTest, AJobGoesOnAfterTheStepThatWasDone) {
  const core::RequestFields fields = Latents(Fields("moved", 6));
  const std::vector<std::string> expected = Undisturbed(fields);
  const std::string name = Create(fields);
  RunUntil(2);
  EXPECT_EQ(Get(name).state, JobState::kQueued);
  const size_t forwards = control_.Predicted().size();
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, JobState::kCompleted);
  EXPECT_EQ(FilesOf(name), expected);
  EXPECT_EQ(control_.Predicted().size() - forwards, 3u) << "three of six steps were done";
  EXPECT_EQ(Get(name).usage->evaluations, 6);

  const std::vector<core::Event> events = EventsOf(name);
  const auto requeued = std::find_if(events.begin(), events.end(), [](const core::Event& event) {
    return std::holds_alternative<core::Requeued>(event.kind);
  });
  ASSERT_NE(requeued, events.end());
  EXPECT_EQ(std::get<core::Requeued>(requeued->kind).resume_step, 3);
  EXPECT_EQ(std::get<core::Requeued>(requeued->kind).reason, "DRAINED");
}

TEST_F(MovedJobsTest, AJobMayMoveAgainAndAgain) {
  const core::RequestFields fields = Latents(Fields("moved", 6));
  const std::vector<std::string> expected = Undisturbed(fields);
  const std::string name = Create(fields);
  for (int i = 0; i < 5; ++i) RunUntil(0);
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(FilesOf(name), expected);
}

TEST_F(MovedJobsTest, OutputsThatAreThereAreNotMadeAgain) {
  const core::RequestFields fields = Latents(Fields("several", 4), 3);
  const std::vector<std::string> expected = Undisturbed(fields);
  const std::string name = Create(fields);
  const core::SchedulerOptions one_row = {.batching = {.max_batch_rows = 1}};
  RunUntil(5, one_row);  // the second of the second
  EXPECT_THAT(Get(name).outputs, SizeIs(1));
  const size_t forwards = control_.Predicted().size();
  StartEngine(one_row);
  WaitUntilIdle();
  EXPECT_EQ(FilesOf(name), expected);
  EXPECT_EQ(control_.Predicted().size() - forwards, 6u);
}

TEST_F(MovedJobsTest, AJobWhoseOutputsAreAllThereOnlyEnds) {
  const std::string name = Create(Latents(Fields("made", 4), 2));
  ASSERT_THAT(store_->Claim(1), SizeIs(1));
  for (int i = 0; i < 2; ++i) {
    store_->OnOutput(name, {.index = i, .data = std::make_shared<const std::string>("file")});
  }
  store_->OnHandedBack(name, "LOST", {});
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, JobState::kCompleted);
  EXPECT_THAT(FilesOf(name), ElementsAre("file", "file"));
  EXPECT_THAT(control_.Predicted(), IsEmpty());
}

TEST_F(MovedJobsTest, AJobThatWaitsForItsModelIsGivenBackAsItCame) {
  Gate gate;
  on_load_ = [&] { gate.Wait(); };
  const std::string name = Create(Latents(Fields("early")));
  StartEngine();
  gate.AwaitArrival();
  engine_->HandBack("DRAINED");
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, JobState::kQueued);
  gate.Open();
  StopEngine();
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, JobState::kCompleted);
}

TEST_F(MovedJobsTest, ACancelledJobDoesNotComeBack) {
  Gate gate;
  control_.on_predict = [&](size_t) { gate.Wait(); };
  const std::string name = Create(Latents(Fields("cancelled")));
  StartEngine();
  gate.AwaitArrival();
  engine_->HandBack("DRAINED");
  store_->Cancel(name, "CALLER").IgnoreError();
  gate.Open();
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, JobState::kCancelled);
  EXPECT_THAT(store_->Claim(9), SizeIs(0));
}

class CheckpointsTest : public MovedJobsTest {
 protected:
  CheckpointsTest() { store_ = std::make_unique<CheckpointStore>(store::MemoryJobStoreOptions{.clock = clock_.get()}); }
  CheckpointStore& kept() { return static_cast<CheckpointStore&>(*store_); }
};

TEST_F(CheckpointsTest, TheStoreIsToldWhereAJobStands) {
  options_.checkpoint_every = absl::Nanoseconds(1);
  const core::RequestFields fields = Latents(Fields("long", 4), 2);
  Undisturbed(fields);
  std::vector<int> steps;
  for (const auto& [name, checkpoint] : kept().checkpoints()) {
    steps.push_back(checkpoint.step);
    EXPECT_THAT(checkpoint.rows, SizeIs(2));
  }
  EXPECT_THAT(steps, ElementsAre(1, 2, 3, 4));
}

TEST_F(CheckpointsTest, NobodyIsToldWhoDoesNotAsk) {
  Undisturbed(Latents(Fields("long", 4)));
  EXPECT_THAT(kept().checkpoints(), SizeIs(0));
}

TEST_F(CheckpointsTest, AnyCheckpointGivesTheSamePicture) {
  options_.checkpoint_every = absl::Nanoseconds(1);
  const core::RequestFields fields = Latents(Fields("long", 4), 2);
  const std::vector<std::string> expected = Undisturbed(fields);
  for (const auto& [from, checkpoint] : kept().checkpoints()) {
    const std::string name = Create(fields);
    ASSERT_THAT(store_->Claim(9), SizeIs(1));
    store_->OnHandedBack(name, "LOST", checkpoint);
    const size_t forwards = control_.Predicted().size();
    StartEngine();
    WaitUntilIdle();
    StopEngine();
    EXPECT_EQ(FilesOf(name), expected);
    EXPECT_EQ(control_.Predicted().size() - forwards, static_cast<size_t>(4 - checkpoint.step));
  }
}

TEST_F(CheckpointsTest, ADamagedCheckpointCostsTimeAlone) {
  const core::RequestFields fields = Latents(Fields("long", 4));
  const std::vector<std::string> expected = Undisturbed(fields);
  const std::string name = Create(fields);
  ASSERT_THAT(store_->Claim(9), SizeIs(1));
  store_->OnHandedBack(name, "LOST", {.step = 2, .rows = {{0, std::make_shared<const std::string>("rubbish")}}});
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(FilesOf(name), expected);
}

}  // namespace
}  // namespace latentd::engine
