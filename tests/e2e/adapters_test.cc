// What the service tells of the adapters that it holds.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"

namespace latentd::e2e {
namespace {

constexpr char kModel[] = "tiny-epsilon";

TEST(Adapters, LeaveTheDeviceWithTheirModel) {
  const auto server =
      ServerProcess::Start({.models = GoldenModels(), .arguments = {"--adapters", GoldenFolder() + "/adapters"}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  v1::GenerationSpec spec;
  spec.set_model(kModel);
  spec.set_prompt("a red apple");
  spec.set_width(40);
  spec.set_height(48);
  spec.set_steps(2);
  for (const char* name : {"lora-attention", "lora-kohya"}) spec.add_loras()->set_name(name);
  const auto result = client->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  const std::string held = server->MetricsPage();
  EXPECT_EQ(metrics::ValueOf(held, "latentd_adapter_loads_total"), 2);
  EXPECT_EQ(metrics::ValueOf(held, "latentd_adapter_evictions_total"), 0);
  EXPECT_GT(metrics::ValueOf(held, "latentd_adapter_bytes"), 0);

  ASSERT_TRUE(client->UnloadModel(kModel).ok());
  ASSERT_TRUE(client->LoadModel(kModel).ok());  // after what left is gone
  const std::string left = server->MetricsPage();
  EXPECT_EQ(metrics::ValueOf(left, "latentd_adapter_evictions_total"), 2);
  EXPECT_EQ(metrics::ValueOf(left, "latentd_adapter_bytes"), 0);
}

}  // namespace
}  // namespace latentd::e2e
