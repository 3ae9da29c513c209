#include "server/metrics/metrics_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/metrics/prometheus_metrics.h"

namespace latentd::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The body of GET /metrics.
std::string Fetch(int port) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_EQ(write(connection, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string response;
  char buffer[4096];
  for (ssize_t count; (count = read(connection, buffer, sizeof(buffer))) > 0;) {
    response.append(buffer, static_cast<size_t>(count));
  }
  close(connection);
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK"));
  return response.substr(response.find("\r\n\r\n") + 4);
}

double ValueOf(const std::string& page, const std::string& metric) {
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    if (parts.size() == 2 && parts[0] == metric) return std::stod(parts[1]);
  }
  ADD_FAILURE() << metric << " is missing";
  return 0;
}

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

TEST_F(MetricsServerTest, ShowsTheServicesAndTheProcesssMetrics) {
  const std::string page = Fetch(server_->port());
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
}

TEST_F(MetricsServerTest, APortInUseIsAnErrorThatNamesTheAddress) {
  const std::string address = absl::StrCat("127.0.0.1:", server_->port());
  const auto second = MetricsServer::Start(address, metrics_.registry());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

// Prometheus' own judge of names, types and texts. deploy/install.sh --tests puts it into the cache.
TEST_F(MetricsServerTest, PromtoolHasNoComplaint) {
  const char* named = std::getenv("LATENTD_PROMTOOL");
  const char* home = std::getenv("HOME");
  const std::string promtool =
      named != nullptr ? named : absl::StrCat(home != nullptr ? home : "", "/.cache/latentd/promtool");
  if (access(promtool.c_str(), X_OK) != 0) {
    GTEST_SKIP() << promtool << " is not there: run deploy/install.sh --tests, or set LATENTD_PROMTOOL";
  }
  const std::string path = absl::StrCat(testing::TempDir(), "/latentd-metrics-", getpid());
  std::ofstream(path) << Fetch(server_->port());
  FILE* check = popen(absl::StrCat(promtool, " check metrics <", path, " 2>&1").c_str(), "r");
  ASSERT_NE(check, nullptr);
  std::string output;
  char buffer[4096];
  while (fgets(buffer, sizeof(buffer), check) != nullptr) output += buffer;
  EXPECT_EQ(pclose(check), 0) << output;
  EXPECT_EQ(output, "");
  unlink(path.c_str());
}

}  // namespace
}  // namespace latentd::metrics
