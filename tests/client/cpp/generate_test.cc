#include <set>

#include "client/cpp/client.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/client/cpp/fake_waiter.h"
#include "tests/client/fake_server.h"
#include "tests/client/semaphore.h"

namespace latentd::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const grpc::Status kLost(grpc::StatusCode::UNAVAILABLE, "connection reset");
const char kPicture[] = "not really a picture";

class GenerateTest : public testing::Test {
 protected:
  std::unique_ptr<Client> Connect(ClientOptions options = {}) {
    options.waiter = waiter_;
    return Client::Connect(server_.address(), options);
  }

  // Remembers the sequences of all events.
  Callbacks Recording() {
    return {.event =
                [this](const v1::Event& event) {
                  sequences_.push_back(event.sequence());
                  return Next::kGoOn;
                },
            .output = [this](const Output& output) { delivered_.push_back(output.data); }};
  }

  FakeServer server_;
  std::shared_ptr<FakeWaiter> waiter_ = std::make_shared<FakeWaiter>();
  std::vector<int64_t> sequences_;
  std::vector<std::string> delivered_;
};

TEST_F(GenerateTest, GivesEveryOutputAndEvent) {
  std::vector<v1::Event> history = History(kPicture);
  history[1].mutable_started()->add_warnings()->set_reason("PROMPT_TRUNCATED");
  history.insert(history.begin() + 2, v1::Event());
  history[2].mutable_heartbeat();
  server_.watch = {Play(history)};
  v1::GenerationSpec spec;
  spec.set_prompt("a red apple \xf0\x9f\x8d\x8e");
  const absl::StatusOr<Result> result = Connect()->Generate(spec, {}, Recording());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->job, "jobs/1");
  ASSERT_EQ(result->outputs.size(), 1u);
  EXPECT_EQ(result->outputs[0].data, kPicture);
  EXPECT_EQ(result->outputs[0].info.seed(), 7);
  EXPECT_EQ(result->usage.evaluations(), 2);
  ASSERT_EQ(result->warnings.size(), 1u);
  EXPECT_EQ(result->warnings[0].reason(), "PROMPT_TRUNCATED");
  EXPECT_THAT(sequences_, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(delivered_, ElementsAre(kPicture));
  EXPECT_EQ(server_.create_requests()[0].spec().prompt(), spec.prompt());
}

// How a stream can end before its job does.
class LostStreamTest : public GenerateTest, public testing::WithParamInterface<grpc::StatusCode> {};

TEST_P(LostStreamTest, NothingIsLostNorSeenTwiceWhereverTheStreamBreaks) {
  const std::vector<v1::Event> history = History(kPicture);
  for (size_t cut = 0; cut < history.size(); ++cut) {
    SCOPED_TRACE(cut);
    sequences_.clear();
    delivered_.clear();
    server_.watch = {PlayFirst(cut, history, grpc::Status(GetParam(), "")), Play(history)};
    const absl::StatusOr<Result> result = Connect()->Generate({}, {}, Recording());
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->outputs[0].data, kPicture);
    EXPECT_EQ(sequences_.size(), history.size());
    EXPECT_THAT(delivered_, ElementsAre(kPicture));
    EXPECT_EQ(server_.watch_requests().back().after_sequence(), static_cast<int64_t>(cut));
  }
  EXPECT_EQ(waiter_->pauses().size(), history.size());
}

INSTANTIATE_TEST_SUITE_P(Ends, LostStreamTest,
                         testing::Values(grpc::StatusCode::OK, grpc::StatusCode::UNAVAILABLE,
                                         grpc::StatusCode::INTERNAL, grpc::StatusCode::CANCELLED,
                                         grpc::StatusCode::UNKNOWN),
                         [](const auto& test) { return "Code" + std::to_string(test.param); });

TEST_F(GenerateTest, ASilentStreamIsTakenUpAgain) {
  const std::vector<v1::Event> history = History(kPicture);
  Semaphore second;
  server_.watch = {
      [&](grpc::ServerContext&, const v1::WatchJobRequest&, grpc::ServerWriter<v1::Event>& writer) {
        writer.Write(history[0]);
        second.acquire();
        return grpc::Status::OK;
      },
      [&](grpc::ServerContext& context, const v1::WatchJobRequest& request, grpc::ServerWriter<v1::Event>& writer) {
        second.release();
        return Play(history)(context, request, writer);
      }};
  const absl::StatusOr<Result> result =
      Connect({.silence_limit = absl::Milliseconds(200)})->Generate({}, {}, Recording());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(sequences_.size(), history.size());
}

TEST_F(GenerateTest, AConnectionThatStaysLostIsGivenUpAndTheJobIsNamed) {
  server_.watch = {PlayFirst(0, {}, kLost)};
  std::vector<absl::Duration> pauses;
  Callbacks callbacks;
  callbacks.retry = [&](const absl::Status&, absl::Duration delay) { pauses.push_back(delay); };
  const absl::Time start = waiter_->Now();
  const absl::Status status = Connect()->Generate({}, {}, callbacks).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "jobs/1: connection reset");
  EXPECT_LE(waiter_->Now() - start, absl::Minutes(2));
  EXPECT_EQ(pauses, waiter_->pauses());
  EXPECT_TRUE(server_.cancelled().empty());
}

TEST_F(GenerateTest, TheServersOwnErrorEndsAWatch) {
  server_.watch = {
      PlayFirst(1, History(kPicture), ServerError(grpc::StatusCode::INTERNAL, "the disk is full", "DISK"))};
  const absl::Status status = Connect()->Generate({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "jobs/1: the disk is full");
  EXPECT_TRUE(waiter_->pauses().empty());
}

TEST_F(GenerateTest, ABusyServerIsAskedAgainWhenItSaysWithTheSameRequestId) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(7);
  const auto busy = [&](grpc::ServerContext&, const v1::CreateJobRequest&, v1::Job&) {
    return ServerError(grpc::StatusCode::UNAVAILABLE, "the queue is full", "QUEUE_FULL", {&retry});
  };
  server_.create = {busy, busy, [](auto&, auto&, auto&) { return grpc::Status::OK; }};
  ASSERT_TRUE(Connect()->Generate({}).ok());
  ASSERT_EQ(waiter_->pauses().size(), 2u);
  for (const absl::Duration pause : waiter_->pauses()) {
    EXPECT_GE(pause, absl::Seconds(7));
    EXPECT_LE(pause, absl::Seconds(7) * 1.2);
  }
  std::set<std::string> ids;
  for (const v1::CreateJobRequest& request : server_.create_requests()) {
    ids.insert(request.request_id());
  }
  EXPECT_EQ(server_.create_requests().size(), 3u);
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(ids.begin()->size(), 36u);
}

TEST_F(GenerateTest, APushbackInTheMetadataIsHonoured) {
  server_.create = {[](grpc::ServerContext& context, auto&, auto&) {
                      context.AddTrailingMetadata("grpc-retry-pushback-ms", "4000");
                      return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "slow down");
                    },
                    [](auto&, auto&, auto&) { return grpc::Status::OK; }};
  const absl::StatusOr<Result> result = Connect()->Generate({});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(waiter_->pauses().size(), 1u);
  EXPECT_GE(waiter_->pauses()[0], absl::Seconds(4));
}

TEST_F(GenerateTest, ANegativePushbackEndsTheTries) {
  server_.create = {[](grpc::ServerContext& context, auto&, auto&) {
    context.AddTrailingMetadata("grpc-retry-pushback-ms", "-1");
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  }};
  EXPECT_EQ(Connect()->Generate({}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(waiter_->pauses().empty());
}

TEST_F(GenerateTest, ARefusalIsFinalAndListsTheViolations) {
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("spec.steps");
  bad.mutable_field_violations(0)->set_description("must be at most 1000");
  server_.create = {[&](auto&, auto&, auto&) {
    return ServerError(grpc::StatusCode::INVALID_ARGUMENT, "the request is not valid", "INVALID_REQUEST", {&bad});
  }};
  const absl::Status status = Connect()->Generate({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "the request is not valid\n  spec.steps: must be at most 1000");
  EXPECT_EQ(GetErrorDetails(status).info.reason(), "INVALID_REQUEST");
  EXPECT_EQ(server_.create_requests().size(), 1u);
}

TEST_F(GenerateTest, TheCallersRequestIdAndOptionsAreSent) {
  GenerateOptions options{.request_id = "mine"};
  options.job.set_priority(3);
  ASSERT_TRUE(Connect()->Generate({}, options).ok());
  EXPECT_EQ(server_.create_requests()[0].request_id(), "mine");
  EXPECT_EQ(server_.create_requests()[0].options().priority(), 3);
}

TEST_F(GenerateTest, AChunkThatWasChangedIsDataLoss) {
  std::vector<v1::Event> history = History(kPicture);
  history[6].mutable_output_chunk()->mutable_data()->front() ^= 1;
  server_.watch = {Play(history)};
  const absl::Status status = Connect()->Generate({}, {}, Recording()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("jobs/1: output 0 arrived damaged"));
  EXPECT_TRUE(delivered_.empty());
}

TEST_F(GenerateTest, AFailedJobGivesItsOwnError) {
  std::vector<v1::Event> history = {MakeEvent(1), MakeEvent(2)};
  history[0].mutable_queued();
  google::rpc::ErrorInfo info;
  info.set_reason("OUT_OF_MEMORY");
  google::rpc::Status& failure = *history[1].mutable_failed()->mutable_status();
  failure.set_code(8);
  failure.set_message("the device has too little memory");
  failure.add_details()->PackFrom(info);
  server_.watch = {Play(history, ServerError(grpc::StatusCode::RESOURCE_EXHAUSTED, "the same", "OUT_OF_MEMORY"))};
  const absl::Status status = Connect()->Generate({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetails(status).info.reason(), "OUT_OF_MEMORY");
}

TEST_F(GenerateTest, FailedAndWithheldOutputsAreReportedInACompletedJob) {
  std::vector<v1::Event> history = {Announce(1, 0, ""), Announce(2, 1, ""), MakeEvent(3)};
  history[0].mutable_output()->set_state(v1::Output::STATE_FAILED);
  history[1].mutable_output()->set_state(v1::Output::STATE_WITHHELD);
  history[2].mutable_completed();
  server_.watch = {Play(history)};
  const absl::StatusOr<Result> result = Connect()->Generate({}, {}, Recording());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->outputs[0].info.state(), v1::Output::STATE_FAILED);
  EXPECT_EQ(result->outputs[1].info.state(), v1::Output::STATE_WITHHELD);
  EXPECT_EQ(delivered_.size(), 2u);
}

TEST_F(GenerateTest, ATextThatIsNotUtf8IsRefusedBeforeItIsSent) {
  v1::GenerationSpec spec;
  spec.set_negative_prompt("\xff");
  const absl::Status status = Connect()->Generate(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "spec.negative_prompt is not valid UTF-8");
  EXPECT_TRUE(server_.create_requests().empty());
}

TEST_F(GenerateTest, AnAddressWhereNothingListensIsGivenUpSoon) {
  const absl::Time start = waiter_->Now();
  const auto client = Client::Connect("127.0.0.1:1", {.waiter = waiter_});
  EXPECT_EQ(client->Generate({}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_LE(waiter_->Now() - start, absl::Seconds(10));
}

}  // namespace
}  // namespace latentd::client
