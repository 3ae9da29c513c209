#include <chrono>

#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/cpp/fake_waiter.h"
#include "tests/client/fake_server.h"
#include "tests/client/semaphore.h"

namespace latentd::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const grpc::Status kLost(grpc::StatusCode::UNAVAILABLE, "lost");

// A job that has begun and goes on until it is cancelled.
class CancelTest : public testing::Test {
 protected:
  CancelTest() {
    server_.jobs.emplace_back().set_name("jobs/1");
    server_.on_cancel = [this](const std::string&) { cancelled_.release(); };
    server_.watch = {[this](grpc::ServerContext&, const v1::WatchJobRequest&, grpc::ServerWriter<v1::Event>& writer) {
      v1::Event started = MakeEvent(1);
      started.mutable_started();
      writer.Write(started);
      cancelled_.acquire();
      v1::Event end = MakeEvent(2);
      end.mutable_cancelled()->set_reason("CALLER");
      writer.Write(end);
      return grpc::Status(grpc::StatusCode::CANCELLED, "cancelled");
    }};
  }

  // Its first pause is half an hour at least, in real time.
  std::unique_ptr<Client> SlowToTryAgain() const {
    return Client::Connect(server_.address(), {.retry = {.initial_backoff = absl::Hours(1),
                                                         .max_backoff = absl::Hours(1),
                                                         .connect_for = absl::Hours(2),
                                                         .reconnect_for = absl::Hours(2)}});
  }

  FakeServer server_;
  Semaphore cancelled_;
  std::shared_ptr<FakeWaiter> waiter_ = std::make_shared<FakeWaiter>();
};

TEST_F(CancelTest, ACallbackCancelsTheJob) {
  std::vector<int64_t> sequences;
  Callbacks callbacks{.event = [&](const v1::Event& event) {
    sequences.push_back(event.sequence());
    return Next::kStop;
  }};
  const absl::Status status = Client::Connect(server_.address())->Generate({}, {}, callbacks).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(status.message(), "jobs/1 was cancelled by the caller");
  EXPECT_THAT(sequences, ElementsAre(1, 2));
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
}

TEST_F(CancelTest, AStopTokenCancelsTheJob) {
  std::stop_source source;
  Callbacks callbacks{.event = [&](const v1::Event&) {
    source.request_stop();
    return Next::kGoOn;
  }};
  const GenerateOptions options{.call = {.stop = source.get_token()}};
  const absl::Status status = Client::Connect(server_.address())->Generate({}, options, callbacks).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
}

TEST_F(CancelTest, AStopBeforeTheJobExistsStillCancelsIt) {
  std::stop_source source;
  server_.create = {[&](auto&, auto&, auto&) {
    source.request_stop();
    return grpc::Status::OK;
  }};
  const GenerateOptions options{.call = {.stop = source.get_token()}};
  EXPECT_TRUE(absl::IsCancelled(Client::Connect(server_.address())->Generate({}, options).status()));
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
}

TEST_F(CancelTest, AStopEndsATryAndCancelsTheJobThatItMade) {
  std::stop_source source;
  Semaphore stopped;
  server_.create = {[&](auto&, auto&, auto&) {
                      source.request_stop();
                      stopped.acquire();
                      return grpc::Status::OK;
                    },
                    [&](auto&, auto&, auto&) {
                      stopped.release();
                      return grpc::Status::OK;
                    }};
  const GenerateOptions options{.call = {.stop = source.get_token()}};
  EXPECT_TRUE(absl::IsCancelled(Client::Connect(server_.address())->Generate({}, options).status()));
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
  stopped.release();  // lets the fake server's call end, whatever was asked
}

TEST_F(CancelTest, AStopBetweenTriesCancelsTheJobWhoseNameWasLost) {
  std::stop_source source;
  server_.create = {[&](auto&, auto&, auto&) { return kLost; }, [&](auto&, auto&, auto&) { return grpc::Status::OK; }};
  Callbacks callbacks{.retry = [&](const absl::Status&, absl::Duration) { source.request_stop(); }};
  const GenerateOptions options{.call = {.stop = source.get_token()}};
  EXPECT_TRUE(absl::IsCancelled(SlowToTryAgain()->Generate({}, options, callbacks).status()));
  EXPECT_EQ(server_.create_requests().at(0).request_id(), server_.create_requests().at(1).request_id());
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
}

TEST_F(CancelTest, AStopWhileTheServerIsAwayLeavesAtOnce) {
  std::stop_source source;
  server_.create = {[&](auto&, auto&, auto&) { return kLost; }};
  Callbacks callbacks{.retry = [&](const absl::Status&, absl::Duration) { source.request_stop(); }};
  const GenerateOptions options{.call = {.stop = source.get_token()}};
  EXPECT_TRUE(absl::IsCancelled(SlowToTryAgain()->Generate({}, options, callbacks).status()));
  EXPECT_TRUE(server_.cancelled().empty());
}

TEST_F(CancelTest, ADeadlineBetweenTriesCancelsTheJobWhoseNameWasLost) {
  server_.create = {[&](auto&, auto&, auto&) { return kLost; }, [&](auto&, auto&, auto&) { return grpc::Status::OK; }};
  const GenerateOptions options{.call = {.deadline = absl::Now() + absl::Minutes(1)}};
  const absl::Status status = SlowToTryAgain()->Generate({}, options).status();
  EXPECT_EQ(status, absl::DeadlineExceededError("lost; no time to try again"));
  EXPECT_EQ(server_.create_requests().at(0).request_id(), server_.create_requests().at(1).request_id());
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
}

TEST_F(CancelTest, ADeadlineWithinATryCancelsTheJobThatItMade) {
  constexpr auto kLong = std::chrono::minutes(1);
  Semaphore asked_again;
  server_.create = {[&](grpc::ServerContext& context, auto&, auto&) {
    if (context.deadline() > std::chrono::system_clock::now() + kLong) {
      asked_again.release();
    } else {
      asked_again.acquire();
    }
    return grpc::Status::OK;
  }};
  const auto client =
      Client::Connect(server_.address(), {.call_timeout = absl::Hours(1), .cancel_grace = absl::Hours(1)});
  const GenerateOptions options{.call = {.deadline = absl::Now() + absl::Milliseconds(500)}};
  EXPECT_TRUE(absl::IsDeadlineExceeded(client->Generate({}, options).status()));
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
  asked_again.release();  // lets the fake server's call end, whatever was asked
}

TEST_F(CancelTest, ARefusalIsToldAtTheDeadlineAndNothingIsAskedAgain) {
  google::rpc::RetryInfo later;
  later.mutable_retry_delay()->set_seconds(3600);
  server_.create = {[&](auto&, auto&, auto&) {
    return ServerError(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full", "QUEUE_FULL", {&later});
  }};
  const GenerateOptions options{.call = {.deadline = absl::Now() + absl::Minutes(1)}};
  const auto client = Client::Connect(server_.address(), {.retry = {.busy_for = absl::Hours(2)}});
  EXPECT_TRUE(absl::IsResourceExhausted(client->Generate({}, options).status()));
  EXPECT_EQ(server_.create_requests().size(), 1u);
}

TEST_F(CancelTest, APassedDeadlineCancelsTheJob) {
  // The pause after the loss is as long as the time that is left.
  server_.watch.push_front(PlayFirst(0, {}, kLost));
  const auto client = Client::Connect(server_.address(), {.retry = {.initial_backoff = absl::Minutes(10),
                                                                    .max_backoff = absl::Minutes(10),
                                                                    .reconnect_for = absl::Hours(1)},
                                                          .waiter = waiter_});
  const GenerateOptions options{.call = {.deadline = waiter_->Now() + absl::Minutes(1)}};
  const absl::Status status = client->Generate({}, options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(status.message(), "jobs/1 was not finished in time");
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
}

TEST_F(CancelTest, AJobThatWasQuickerThanTheCancelGivesItsResult) {
  server_.watch = {Play(History("a picture"))};
  Callbacks callbacks{.event = [&](const v1::Event&) { return Next::kStop; }};
  const absl::StatusOr<Result> result = Client::Connect(server_.address())->Generate({}, {}, callbacks);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->outputs[0].data, "a picture");
}

TEST_F(CancelTest, AJobThatCannotBeCancelledIsSaidToGoOn) {
  server_.jobs.clear();
  Callbacks callbacks{.event = [&](const v1::Event&) { return Next::kStop; }};
  const absl::Status status = Client::Connect(server_.address())->Generate({}, {}, callbacks).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(status.message()), HasSubstr("jobs/1 may go on: cancelling it failed: "));
}

TEST_F(CancelTest, AJobThatDoesNotEndIsNotWaitedForLongerThanTheGrace) {
  server_.on_cancel = nullptr;
  Callbacks callbacks{.event = [&](const v1::Event&) { return Next::kStop; }};
  const auto client = Client::Connect(server_.address(), {.cancel_grace = absl::Milliseconds(500)});
  EXPECT_TRUE(absl::IsCancelled(client->Generate({}, {}, callbacks).status()));
  cancelled_.release();  // lets the fake server's call end
}

TEST_F(CancelTest, AWatchThatIsStoppedLeavesTheJobAlone) {
  std::stop_source source;
  Callbacks callbacks{.event = [&](const v1::Event&) {
    source.request_stop();
    return Next::kGoOn;
  }};
  const auto client = Client::Connect(server_.address());
  EXPECT_TRUE(absl::IsCancelled(client->Watch("jobs/1", 0, callbacks, {.stop = source.get_token()}).status()));
  EXPECT_TRUE(server_.cancelled().empty());
  cancelled_.release();
}

TEST_F(CancelTest, AJobThatAnotherCallerCancelledSaysSo) {
  cancelled_.release();
  const absl::Status status = Client::Connect(server_.address())->Watch("jobs/1").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(status.message(), "jobs/1 was cancelled (CALLER)");
}

}  // namespace
}  // namespace latentd::client
