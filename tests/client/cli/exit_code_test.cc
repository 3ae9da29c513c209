#include "client/cli/exit_code.h"

#include <csignal>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "tests/client/cli/latentctl_test_base.h"
#include "tests/client/semaphore.h"

namespace latentd::cli {
namespace {

using client::Announce;
using client::Chunk;
using client::MakeEvent;
using client::Play;
using client::ServerError;
using testing::ElementsAre;
using testing::HasSubstr;

// How generate ends when it does not end well.
using ExitCodeTest = LatentctlTest;

TEST_F(ExitCodeTest, ARefusalListsEachViolationAndExitsWith3) {
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("spec.steps");
  bad.mutable_field_violations(0)->set_description("must be at most 1000");
  bad.add_field_violations()->set_field("spec.guidance_scale");
  bad.mutable_field_violations(1)->set_description("must be finite");
  server_.create = {[&](auto&, auto&, auto&) {
    return ServerError(grpc::StatusCode::INVALID_ARGUMENT, "the request is not valid", "INVALID_REQUEST", {&bad});
  }};
  const Finished finished = RunLatentctl(Generate({"--steps", "10000", "--guidance-scale", "nan"}));
  EXPECT_EQ(finished.code, 3);
  EXPECT_EQ(finished.err,
            "error: the request is not valid\n"
            "  spec.steps: must be at most 1000\n"
            "  spec.guidance_scale: must be finite\n");
  EXPECT_EQ(finished.out, "");
}

TEST_F(ExitCodeTest, WithJsonAnErrorIsAnObjectToo) {
  server_.create = {[&](auto&, auto&, auto&) { return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such model"); }};
  const Finished finished = RunLatentctl(Generate({"--json"}));
  EXPECT_EQ(finished.code, 3);
  EXPECT_EQ(finished.out, R"({"error":{"code":5,"message":"no such model","details":[]}})"
                          "\n");
}

TEST_F(ExitCodeTest, AServerThatIsTooBusyForTooLongSaysWhenToComeBackAndExitsWith5) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(3600);
  server_.create = {[&](auto&, auto&, auto&) {
    return ServerError(grpc::StatusCode::UNAVAILABLE, "the queue is full", "QUEUE_FULL", {&retry});
  }};
  const Finished finished = RunLatentctl(Generate());
  EXPECT_EQ(finished.code, 5);
  EXPECT_EQ(finished.err, "error: the queue is full\ntry again in 1h 0m\n");
}

TEST_F(ExitCodeTest, AQuotaThatIsUsedUpSaysWhenToComeBackAndExitsWith5) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(3600);
  server_.create = {[&](auto&, auto&, auto&) {
    return ServerError(grpc::StatusCode::RESOURCE_EXHAUSTED, "all is used", "QUOTA_EXCEEDED", {&retry});
  }};
  EXPECT_EQ(RunLatentctl(Generate()).code, 5);
}

TEST_F(ExitCodeTest, AnAbsentServerIsToldAtOnceAndExitsWith5) {
  const Finished finished =
      RunLatentctl({"generate", "--server", "127.0.0.1:1", "--model", "m", "--prompt", "p", "--out", Path("x.png")});
  EXPECT_EQ(finished.code, 5);
  EXPECT_THAT(finished.err, HasSubstr("error: 127.0.0.1:1 cannot be reached: "));
}

TEST_F(ExitCodeTest, AJobThatSomebodyElseCancelledExitsWith4) {
  std::vector<v1::Event> history = {MakeEvent(1)};
  history[0].mutable_cancelled()->set_reason("CALLER");
  server_.watch = {Play(history)};
  EXPECT_EQ(RunLatentctl(Generate()).code, 4);
}

TEST_F(ExitCodeTest, AnOutputThatFailedExitsWith6AndTheOthersAreWritten) {
  std::vector<v1::Event> history = {Announce(1, 0, ""), Announce(2, 1, "pear"), Chunk(3, 1, 0, "pear"), MakeEvent(4)};
  history[0].mutable_output()->set_state(v1::Output::STATE_FAILED);
  history[0].mutable_output()->mutable_error()->set_code(13);
  history[0].mutable_output()->mutable_error()->set_message("it is full of NaN");
  history[3].mutable_completed();
  server_.watch = {Play(history)};
  const Finished finished = RunLatentctl(Generate({"--num-images", "2"}));
  EXPECT_EQ(finished.code, 6);
  EXPECT_THAT(finished.out, HasSubstr("output: image 0 failed: it is full of NaN\n"));
  EXPECT_THAT(Files(), ElementsAre("apple-1.png"));
}

TEST_F(ExitCodeTest, AFolderThatIsNotThereExitsWith7BeforeAnythingIsMade) {
  const Finished finished =
      RunLatentctl(With("generate", {"--model", "m", "--prompt", "p", "--out", Path("no/such/folder/x.png")}));
  EXPECT_EQ(finished.code, 7);
  EXPECT_THAT(finished.err, HasSubstr("No such file or directory"));
  EXPECT_TRUE(server_.create_requests().empty());
}

TEST_F(ExitCodeTest, AFileThatCannotBeWrittenExitsWith7AndSaysHowToGetThePicture) {
  std::filesystem::create_directory(Path("apple.png"));
  const Finished finished = RunLatentctl(Generate());
  EXPECT_EQ(finished.code, 7);
  EXPECT_THAT(finished.err, HasSubstr("latentctl watch jobs/1 --out FILE"));
  EXPECT_THAT(Files(), ElementsAre("apple.png"));
}

TEST_F(ExitCodeTest, CtrlCCancelsTheJobWaitsForItsEndAndExitsWith130) {
  client::Semaphore started;
  client::Semaphore cancelled;
  server_.jobs.emplace_back().set_name("jobs/1");
  server_.on_cancel = [&](const std::string&) { cancelled.release(); };
  server_.watch = {[&](grpc::ServerContext&, const v1::WatchJobRequest&, grpc::ServerWriter<v1::Event>& writer) {
    v1::Event event = MakeEvent(1);
    event.mutable_started();
    writer.Write(event);
    started.release();
    cancelled.acquire();
    event = MakeEvent(2);
    event.mutable_cancelled()->set_reason("CALLER");
    writer.Write(event);
    return grpc::Status::OK;
  }};
  Process process(Generate());
  started.acquire();
  process.Signal(SIGINT);
  const Finished finished = process.Wait();
  EXPECT_EQ(finished.code, 130);
  EXPECT_THAT(finished.out, HasSubstr("cancelled: CALLER\n"));
  EXPECT_THAT(finished.err, HasSubstr("error: jobs/1 was cancelled by the caller\n"));
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
}

TEST_F(ExitCodeTest, ASecondCtrlCEndsItAtOnce) {
  client::Semaphore started;
  client::Semaphore cancelled;
  client::Semaphore end;
  server_.jobs.emplace_back().set_name("jobs/1");
  server_.on_cancel = [&](const std::string&) { cancelled.release(); };
  server_.watch = {[&](grpc::ServerContext&, const v1::WatchJobRequest&, grpc::ServerWriter<v1::Event>&) {
    started.release();
    end.acquire();
    return grpc::Status::OK;
  }};
  Process process(Generate());
  started.acquire();
  process.Signal(SIGTERM);
  cancelled.acquire();
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait().code, 143);
  end.release();
}

}  // namespace
}  // namespace latentd::cli
