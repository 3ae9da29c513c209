// A server whose device computes nonsense is not ready, and stays alive.

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"
#include "tests/server/rpc/raw_call.h"

namespace latentd::e2e {
namespace {

namespace fs = std::filesystem;

bool Eventually(const std::function<bool()>& condition) {
  for (const absl::Time end = absl::Now() + absl::Minutes(2); absl::Now() < end;
       absl::SleepFor(absl::Milliseconds(20))) {
    if (condition()) return true;
  }
  return false;
}

class CanaryOfTheServer : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    fs::copy(GoldenModels() + "/tiny-v", folder_ / "tiny", fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // What a running server has of the former file stays.
  void ReplaceWeights(const std::string& content) const {
    const fs::path weights = folder_ / "tiny/unet/diffusion_pytorch_model.safetensors";
    std::ofstream(folder_ / "new", std::ios::binary) << content;
    fs::rename(folder_ / "new", weights);
  }

  static bool IsLive(const ServerProcess& server) {
    const auto channel = grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials());
    return rpc::RawCall(channel, "/grpc.health.v1.Health/Check", "\x0A\x08liveness").second == "\x08\x01";
  }

  const fs::path folder_ = fs::temp_directory_path() / ("latentd-canary-" + std::to_string(getpid()));
};

TEST_F(CanaryOfTheServer, ReadinessGoesAndComesBackAndItStaysAlive) {
  const std::string good = ReadFile((folder_ / "tiny/unet/diffusion_pytorch_model.safetensors").string());
  const size_t half = good.size() / 2;
  ReplaceWeights(good.substr(0, half) + std::string(good.size() - half, '\xff'));  // in every type not a number
  const auto server =
      ServerProcess::Start({.models = folder_.string(), .arguments = {"--preload", "all", "--canary-every", "50ms"}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  EXPECT_TRUE(Eventually([&] { return client->Health() == absl::StatusOr<bool>(false); }));
  EXPECT_TRUE(IsLive(*server));
  EXPECT_GE(metrics::ValueOf(server->MetricsPage(), "latentd_canary_failures_total"), 1);
  EXPECT_EQ(metrics::ValueOf(server->MetricsPage(), "latentd_ready"), 0);
  EXPECT_TRUE(Eventually([&] { return server->log().find("NaN") != std::string::npos; }));

  ReplaceWeights(good);
  // In use while a canary is under way.
  EXPECT_TRUE(Eventually([&] { return client->UnloadModel("tiny").ok(); }));
  EXPECT_TRUE(client->LoadModel("tiny").ok());
  EXPECT_TRUE(Eventually([&] { return client->Health() == absl::StatusOr<bool>(true); }));
}

}  // namespace
}  // namespace latentd::e2e
