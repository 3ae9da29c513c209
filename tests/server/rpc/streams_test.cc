// Event streams over real gRPC. The test plays the engine and moves the time.

#include <gmock/gmock.h>

#include "tests/server/rpc/stream_fixture.h"

namespace latentd::rpc {
namespace {

using ::testing::ElementsAre;

// By the number of threads that call the store.
class Streams : public StreamTest, public testing::WithParamInterface<int> {
 protected:
  Streams() { store_threads_ = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(, Streams, testing::Values(0, 2));

TEST_P(Streams, GenerateTellsTheWholeStoryAndFinishesOk) {
  Context context;
  const auto stream = Generate(&context);
  const v1::Event queued = Next(*stream);
  EXPECT_EQ(queued.kind_case(), v1::Event::kQueued);
  EXPECT_EQ(queued.sequence(), 1);
  EXPECT_EQ(queued.time().seconds(), absl::ToUnixSeconds(clock_.Now()));
  StartJobs();
  const v1::Event started = Next(*stream);
  EXPECT_EQ(started.started().seed(), 77);
  Progress(queued.job(), 5, 0, 3);
  const v1::Event progress = Next(*stream);
  EXPECT_EQ(progress.progress().step(), 5);
  EXPECT_EQ(progress.progress().total_steps(), 25);
  EXPECT_EQ(progress.progress().preview().image().data(), "ppp");
  EXPECT_EQ(progress.progress().preview().image().format(), v1::IMAGE_FORMAT_JPEG);
  Finish(queued.job(), "bytes");
  const std::vector<v1::Event> rest = Rest(*stream);
  EXPECT_THAT(Kinds(rest), ElementsAre(v1::Event::kOutput, v1::Event::kOutputChunk, v1::Event::kCompleted));
  EXPECT_EQ(rest[0].output().size(), 5);
  EXPECT_EQ(rest[1].output_chunk().data(), "bytes");
  EXPECT_EQ(rest[2].completed().usage().evaluations(), 25);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(Streams, AFailedJobsGenerateFinishesAsTheJobDid) {
  Context context;
  const auto stream = Generate(&context);
  const std::string job = Next(*stream).job();
  StartJobs();
  Next(*stream);
  store_.OnFailed(job, core::MakeError(absl::StatusCode::kInternal, "NaN", {.reason = "NOT_A_NUMBER"}), {});
  const std::vector<v1::Event> rest = Rest(*stream);
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), "NaN");
  EXPECT_EQ(ReasonOf(status), "NOT_A_NUMBER");
  // gRPC may drop the last message in favour of the status.
  if (!rest.empty()) {
    ASSERT_THAT(Kinds(rest), ElementsAre(v1::Event::kFailed));
    EXPECT_EQ(rest[0].failed().status().SerializeAsString(), status.error_details());
  }
}

TEST_P(Streams, ACancelledJobsGenerateFinishesCancelled) {
  Context context;
  const auto stream = Generate(&context);
  const std::string job = Next(*stream).job();
  ASSERT_TRUE(store_.Cancel(job, "CALLER").ok());
  Rest(*stream);
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(ReasonOf(status), "JOB_CANCELLED");
}

TEST_P(Streams, AWatchOfAFailedJobFinishesOk) {
  const std::string job = CreateJob();
  StartJobs();
  store_.OnFailed(job, absl::InternalError("NaN"), {.evaluations = 4});
  Context context;
  const auto stream = Watch(&context, job);
  const std::vector<v1::Event> events = Rest(*stream);
  EXPECT_THAT(Kinds(events), ElementsAre(v1::Event::kQueued, v1::Event::kStarted, v1::Event::kFailed));
  EXPECT_EQ(events.back().failed().usage().evaluations(), 4);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(Streams, ACallerWhoGoesTakesTheJobAlong) {
  Context context;
  const auto stream = Generate(&context);
  const std::string job = Next(*stream).job();
  StartJobs();
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return StateOf(job) == core::JobState::kCancelled; }));
  Context watching;
  const auto watch = Watch(&watching, job);
  EXPECT_EQ(Rest(*watch).back().cancelled().reason(), "CALLER_GONE");
}

TEST_P(Streams, AWatcherWhoGoesLeavesTheJobAlone) {
  const std::string job = CreateJob();
  Context context;
  const auto stream = Watch(&context, job);
  Next(*stream);
  context.TryCancel();
  stream->Finish();
  EXPECT_TRUE(Eventually([&] { return server_->open_streams() == 0; }));
  EXPECT_EQ(StateOf(job), core::JobState::kQueued);
}

TEST_P(Streams, WatchGoesOnAfterAPlace) {
  const std::string job = CreateJob();
  StartJobs();
  Finish(job);
  int64_t started = 0;
  {
    Context context;
    const auto stream = Watch(&context, job);
    for (const v1::Event& event : Rest(*stream)) {
      if (event.has_started()) started = event.sequence();
    }
  }
  Context context;
  const auto stream = Watch(&context, job, started);
  const std::vector<v1::Event> rest = Rest(*stream);
  EXPECT_THAT(Kinds(rest), ElementsAre(v1::Event::kOutput, v1::Event::kOutputChunk, v1::Event::kCompleted));
  EXPECT_GT(rest[0].sequence(), started);
}

TEST_P(Streams, WatchesWithWrongPlacesAreRefused) {
  Context negative;
  EXPECT_EQ(WrongFields(Watch(&negative, "jobs/x", -1)->Finish()), "after_sequence");
  Context unnamed;
  EXPECT_EQ(WrongFields(Watch(&unnamed, "")->Finish()), "name");
  Context unknown;
  EXPECT_EQ(Watch(&unknown, "jobs/6e5b1c3a-0000-4000-8000-000000000000")->Finish().error_code(),
            grpc::StatusCode::NOT_FOUND);
  Context none;
  EXPECT_EQ(WrongFields(images_->WatchJobs(&none, {})->Finish()), "jobs");
  v1::WatchJobsRequest request;
  request.add_jobs()->set_name("jobs/a");
  request.add_jobs()->set_name("jobs/a");
  request.add_jobs()->set_after_sequence(-1);
  Context several;
  EXPECT_EQ(WrongFields(images_->WatchJobs(&several, request)->Finish()), "jobs[1].name, jobs[2].name");
}

TEST_P(Streams, WatchJobsMergesAndEndsWithTheLastJob) {
  v1::WatchJobsRequest request;
  std::vector<std::string> jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.push_back(CreateJob());
    request.add_jobs()->set_name(jobs.back());
  }
  StartJobs();
  Context context;
  const auto stream = images_->WatchJobs(&context, request);
  std::map<std::string, int> ends;
  std::map<std::string, int64_t> last;
  for (const std::string& job : jobs) Finish(job);
  for (const v1::Event& event : Rest(*stream)) {
    EXPECT_GT(event.sequence(), last[event.job()]) << "out of order";
    last[event.job()] = event.sequence();
    if (event.has_completed()) ++ends[event.job()];
  }
  EXPECT_EQ(ends.size(), 3u);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(Streams, WatchJobsStaysOpenWhileAnyJobIs) {
  const std::string ended = CreateJob(), open = CreateJob();
  ASSERT_TRUE(store_.Cancel(ended, "CALLER").ok());
  v1::WatchJobsRequest request;
  request.add_jobs()->set_name(ended);
  request.add_jobs()->set_name(open);
  Context context;
  const auto stream = images_->WatchJobs(&context, request);
  while (!Next(*stream).has_cancelled()) {
  }
  ASSERT_TRUE(store_.Cancel(open, "CALLER").ok());
  EXPECT_EQ(Rest(*stream).back().job(), open);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(Streams, ABigOutputComesInPiecesOfAMebibyte) {
  const std::string job = CreateJob();
  StartJobs();
  std::string bytes(5 << 19, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  Finish(job, bytes);
  Context context;
  const auto stream = Watch(&context, job);
  std::string read;
  for (const v1::Event& event : Rest(*stream)) {
    if (!event.has_output_chunk()) continue;
    EXPECT_EQ(event.output_chunk().offset(), static_cast<int64_t>(read.size()));
    EXPECT_LE(event.output_chunk().data().size(), size_t{1} << 20);
    read += event.output_chunk().data();
  }
  EXPECT_TRUE(read == bytes);
}

TEST_P(Streams, AJobDeletedUnderAWatcherIsNotFound) {
  const std::string open = CreateJob(), gone = CreateJob();
  ASSERT_TRUE(store_.Cancel(gone, "CALLER").ok());
  ASSERT_TRUE(store_.Delete(gone).ok());
  v1::WatchJobsRequest request;
  request.add_jobs()->set_name(open);
  request.add_jobs()->set_name(gone);
  Context context;
  const auto stream = images_->WatchJobs(&context, request);
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_name(), gone);
}

TEST_P(Streams, OpenStreamsAreCounted) {
  const std::string job = CreateJob();
  EXPECT_EQ(server_->open_streams(), 0);
  Context one, two;
  const auto first = Watch(&one, job);
  const auto second = Watch(&two, job);
  Next(*first);
  Next(*second);
  EXPECT_EQ(server_->open_streams(), 2);
  ASSERT_TRUE(store_.Cancel(job, "CALLER").ok());
  Rest(*first);
  Rest(*second);
  EXPECT_TRUE(Eventually([&] { return server_->open_streams() == 0; }));
}

}  // namespace
}  // namespace latentd::rpc
