#include "client/cli/watch_replicas.h"

#include <functional>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/cpp/fake_waiter.h"
#include "tests/client/fake_server.h"

namespace latentd::cli {
namespace {

using client::FakeServer;
using client::FakeWaiter;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// Keeps what it is shown.
class Kept : public TopOutput {
 public:
  void Show(const std::vector<ReplicaSample>& samples, absl::Time now) override {
    shown.push_back(samples);
    times.push_back(now);
    if (on_show) on_show();
  }

  std::vector<std::vector<ReplicaSample>> shown;
  std::vector<absl::Time> times;
  std::function<void()> on_show;
};

class WatchReplicasTest : public testing::Test {
 protected:
  void Add(const std::string& address) { servers_.push_back(address); }

  bool Watch(int samples) {
    client::ClientOptions options;
    options.retry.connect_for = options.retry.reconnect_for = absl::ZeroDuration();
    Fleet fleet(servers_, {.client = options});
    return WatchReplicas(fleet, {.interval = absl::Seconds(5), .samples = samples}, waiter_, stop_.get_token(), kept_);
  }

  std::vector<std::string> servers_;
  FakeWaiter waiter_;
  std::stop_source stop_;
  Kept kept_;
};

TEST_F(WatchReplicasTest, LooksAgainAfterEachIntervalUntilTheSamplesAreThere) {
  const FakeServer server;
  Add(server.address());
  EXPECT_TRUE(Watch(3));
  ASSERT_THAT(kept_.shown, SizeIs(3));
  EXPECT_EQ(kept_.times[2] - kept_.times[0], absl::Seconds(10));
  EXPECT_THAT(waiter_.pauses(), ElementsAre(absl::Seconds(5), absl::Seconds(5)));
  EXPECT_EQ(kept_.shown[0][0].state, ReplicaState::kServing);
  EXPECT_EQ(kept_.shown[0][0].stats.queued_jobs(), 3);
}

TEST_F(WatchReplicasTest, RowsPerStepAreThoseSinceTheLookBefore) {
  FakeServer server;
  int looks = 0;
  server.stats = [&](v1::Stats& stats) {
    constexpr int kForwards[] = {100, 110, 110, 4}, kEvaluations[] = {400, 470, 470, 8};
    stats.set_forwards(kForwards[looks]);
    stats.set_evaluations(kEvaluations[looks++]);
    stats.set_evaluations_per_second(2);
    stats.set_mean_batch_rows(4);
    return grpc::Status::OK;
  };
  Add(server.address());
  EXPECT_TRUE(Watch(4));
  const auto sample = [this](int look) { return kept_.shown[look][0]; };
  EXPECT_EQ(sample(0).rows, 120) << "of the last minute";
  EXPECT_EQ(sample(0).forwards, 30);
  EXPECT_EQ(sample(1).rows, 70);
  EXPECT_EQ(sample(1).forwards, 10);
  EXPECT_EQ(sample(2).forwards, 0) << "nothing ran";
  EXPECT_EQ(sample(3).rows, 8) << "it has started anew";
  EXPECT_EQ(sample(3).forwards, 4);
}

TEST_F(WatchReplicasTest, AReplicaThatIsAwaySaysSinceWhenAndTheOthersAreShown) {
  const FakeServer server;
  Add("127.0.0.1:1");
  Add(server.address());
  EXPECT_TRUE(Watch(2));
  for (const auto& samples : kept_.shown) {
    EXPECT_EQ(samples[0].state, ReplicaState::kAway);
    EXPECT_EQ(samples[0].away_since, kept_.times[0]);
    EXPECT_THAT(std::string(samples[0].error.message()), HasSubstr("onnect"));
    EXPECT_EQ(samples[1].state, ReplicaState::kServing);
  }
}

TEST_F(WatchReplicasTest, AReplicaThatGoesIsAwayFromThen) {
  std::optional<FakeServer> server(std::in_place);
  Add(server->address());
  kept_.on_show = [&] { server.reset(); };
  EXPECT_FALSE(Watch(2)) << "nobody answered the last time";
  EXPECT_EQ(kept_.shown[0][0].state, ReplicaState::kServing);
  EXPECT_EQ(kept_.shown[1][0].state, ReplicaState::kAway);
  EXPECT_EQ(kept_.shown[1][0].away_since, kept_.times[1]);
  EXPECT_EQ(kept_.shown[1][0].stats.queued_jobs(), 0);
}

TEST_F(WatchReplicasTest, LoadingAndDrainingAreToldApart) {
  const FakeServer loading(/*serving=*/false);
  FakeServer draining(/*serving=*/false);
  draining.stats = [](v1::Stats& stats) {
    stats.set_draining(true);
    return grpc::Status::OK;
  };
  Add(loading.address());
  Add(draining.address());
  EXPECT_TRUE(Watch(1));
  EXPECT_EQ(kept_.shown[0][0].state, ReplicaState::kNotReady);
  EXPECT_EQ(kept_.shown[0][1].state, ReplicaState::kDraining);
}

TEST_F(WatchReplicasTest, AStopEndsIt) {
  const FakeServer server;
  Add(server.address());
  kept_.on_show = [this] {
    if (kept_.shown.size() == 2) stop_.request_stop();
  };
  EXPECT_TRUE(Watch(0));
  EXPECT_THAT(kept_.shown, SizeIs(2));
}

TEST_F(WatchReplicasTest, WhatAStopBreaksOffIsNotShown) {
  FakeServer server;
  server.stats = [this](v1::Stats&) {
    stop_.request_stop();
    return grpc::Status::OK;
  };
  Add(server.address());
  EXPECT_TRUE(Watch(0));
  EXPECT_TRUE(kept_.shown.empty());
}

}  // namespace
}  // namespace latentd::cli
