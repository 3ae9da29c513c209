#include "server/metrics/metrics_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/metrics/prometheus_metrics.h"
#include "tests/server/metrics/page.h"

namespace latentd::metrics {
namespace {

using ::testing::HasSubstr;

// A server whose every metric has been used.
class MetricsServerTest : public testing::Test {
 protected:
  void SetUp() override {
    metrics_.OnJobAdmitted("m");
    metrics_.OnJobStarted("m", absl::Seconds(1));
    metrics_.OnJobEnded("m", core::JobState::kRunning, core::JobState::kFailed, absl::Seconds(2));
    metrics_.OnJobRefused("QUEUE_FULL");
    metrics_.OnStageRun({.stage = core::Stage::kPredict, .model = "m", .rows = 1, .lanes = 2, .pixels = 3, .time = {}});
    metrics_.OnImage("m");
    auto server = MetricsServer::Start("127.0.0.1:0", metrics_.registry());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  PrometheusMetrics metrics_{"1.2.3"};
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsServerTest, ShowsTheMetricsOfTheServiceTheProcessAndTheLog) {
  const std::string page = FetchPage(server_->port());
  EXPECT_EQ(ValueOf(page, "latentd_images_total{model=\"m\"}"), 1);
  const double resident = ValueOf(page, "process_resident_memory_bytes");
  EXPECT_GT(resident, 1 << 20);
  EXPECT_LT(resident, 4e9);
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const double start = ValueOf(page, "process_start_time_seconds");
  EXPECT_GT(start, now - 3600);
  EXPECT_LT(start, now + 5);
  EXPECT_GT(ValueOf(page, "process_open_fds"), 3);
  EXPECT_GE(ValueOf(page, "process_cpu_seconds_total"), 0);
  EXPECT_EQ(ValueOf(page, "latentd_log_lines_dropped_total"), 0);
}

TEST_F(MetricsServerTest, APortInUseIsAnErrorThatNamesTheAddress) {
  const std::string address = absl::StrCat("127.0.0.1:", server_->port());
  const auto second = MetricsServer::Start(address, metrics_.registry());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

// Prometheus' own judge of names, types and texts. deploy/install.sh --tests puts it into the cache.
TEST_F(MetricsServerTest, PromtoolHasNoComplaint) {
  if (!CheckByPromtool(FetchPage(server_->port()))) {
    GTEST_SKIP() << "promtool is not there: run deploy/install.sh --tests, or set LATENTD_PROMTOOL";
  }
}

}  // namespace
}  // namespace latentd::metrics
