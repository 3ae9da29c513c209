// Quiet streams, slow readers and readers who never come, over real gRPC. The test moves the time.

#include <gmock/gmock.h>

#include "tests/server/rpc/stream_fixture.h"

namespace latentd::rpc {
namespace {

using ::testing::ElementsAre;

class StreamPace : public StreamTest {};

TEST_F(StreamPace, AQuietStreamGetsAHeartbeatEveryFifteenSeconds) {
  const std::string job = CreateJob();
  Context context;
  const auto stream = Watch(&context, job);
  EXPECT_TRUE(Next(*stream).has_queued());
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Seconds(15));
    const v1::Event heartbeat = Next(*stream);
    EXPECT_TRUE(heartbeat.has_heartbeat());
    EXPECT_EQ(heartbeat.sequence(), 0);
    EXPECT_EQ(heartbeat.time().seconds(), absl::ToUnixSeconds(clock_.Now()));
  }
  ASSERT_TRUE(store_.Cancel(job, "CALLER").ok());
  EXPECT_THAT(Kinds(Rest(*stream)), ElementsAre(v1::Event::kCancelled));
}

TEST_F(StreamPace, AStreamThatWasBusyGetsItsHeartbeatLater) {
  const std::string job = CreateJob();
  Context context;
  const auto stream = Watch(&context, job);
  Next(*stream);
  StartJobs();
  Next(*stream);
  clock_.Advance(absl::Seconds(10));
  Progress(job, 1);
  EXPECT_TRUE(Next(*stream).has_progress());
  clock_.Advance(absl::Seconds(10));  // 20 s since the stream began, 10 s since it spoke
  Progress(job, 2);
  EXPECT_TRUE(Next(*stream).has_progress());
}

TEST_F(StreamPace, ASlowReaderGetsTheNewestProgressAndKeepsNobodyWaiting) {
  const std::string job = CreateJob();
  StartJobs();
  Context slow_context, quick_context;
  // A connection whose window does not grow with what it measures.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto slow_stub = v1::ImageGeneration::NewStub(NewChannel(arguments));
  v1::WatchJobRequest request;
  request.set_name(job);
  const auto slow = slow_stub->WatchJob(&slow_context, request);
  const auto quick = Watch(&quick_context, job);
  Next(*quick);
  Next(*quick);
  constexpr int kSteps = 40;
  for (int step = 1; step <= kSteps; ++step) {  // 40 MiB, far beyond any window
    Progress(job, step, 0, 1 << 20);
    EXPECT_EQ(Next(*quick).progress().step(), step);
  }
  Finish(job);
  EXPECT_TRUE(Rest(*quick).back().has_completed());
  const std::vector<v1::Event> late = Rest(*slow);
  int progress = 0, last_step = 0;
  for (const v1::Event& event : late) {
    if (event.has_progress()) ++progress, last_step = event.progress().step();
  }
  EXPECT_LE(progress, 4) << "the server held events for a reader that did not come";
  EXPECT_EQ(last_step, kSteps);
  EXPECT_TRUE(late.back().has_completed());
  EXPECT_TRUE(slow->Finish().ok());
}

TEST_F(StreamPace, AReaderWhoNeverReadsIsGivenUp) {
  Context context;
  const auto stream = Generate(&context);
  ASSERT_TRUE(Eventually([&] { return store_.Claim(1).size() == 1; }));
  const std::string job = store_.List({.page_size = 1}).value().jobs.at(0).name;
  store_.OnStarted(job, {});
  Progress(job, 1, 0, 4 << 20);
  // The stream looks every fifteen seconds, on its own thread: a call in between gives it the time to.
  for (int i = 0; i < 2000 && StateOf(job) == core::JobState::kRunning; ++i) {
    clock_.Advance(absl::Seconds(15));
    Context other;
    v1::Stats stats;
    ASSERT_TRUE(images_->GetStats(&other, {}, &stats).ok());
  }
  EXPECT_EQ(StateOf(job), core::JobState::kCancelled);
  EXPECT_TRUE(Eventually([&] { return server_->open_streams() == 0; }));
}

}  // namespace
}  // namespace latentd::rpc
