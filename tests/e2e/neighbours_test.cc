// Neighbours don't matter: a request gives the same bytes alone, in a full batch, joining half-way, and beside
// cancelled rows.

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"

namespace latentd::e2e {
namespace {

// The latent of 17 x 16 is large enough for Winograd's convolution on the first level of the U-Net, and of no other.
v1::GenerationSpec Spec(int64_t seed, int steps, const std::string& sampler) {
  v1::GenerationSpec spec;
  spec.set_model("tiny-epsilon");
  spec.set_prompt("a red apple");
  spec.set_width(136);
  spec.set_height(128);
  spec.set_steps(steps);
  spec.set_sampler(sampler);
  spec.set_seed(seed);
  spec.set_guidance_scale(5);
  return spec;
}

class Neighbours : public testing::Test {
 protected:
  void SetUp() override {
    server_ = ServerProcess::Start({.models = GoldenModels(), .arguments = {"--max-batch-rows", "8"}});
    ASSERT_NE(server_, nullptr);
    client_ = client::Client::Connect(server_->address());
  }

  std::string Picture(const v1::GenerationSpec& spec, const client::Callbacks& callbacks = {}) {
    const auto result = client_->Generate(spec, {}, callbacks);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() && !result->outputs.empty() ? result->outputs[0].data : "";
  }

  // Whether rows have shared forwards since the last call.
  bool Shared() {
    const v1::Stats before = std::exchange(stats_, *client_->GetStats());
    return stats_.evaluations() - before.evaluations() > stats_.forwards() - before.forwards();
  }

  std::future<std::string> Begin(const v1::GenerationSpec& spec) {
    return std::async(std::launch::async, [this, spec] { return Picture(spec); });
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
  v1::Stats stats_;
};

TEST_F(Neighbours, AFullBatchOfOtherSamplersStepsAndGuidanceChangesNothing) {
  const v1::GenerationSpec spec = Spec(7, 12, "euler_a");
  const std::string alone = Picture(spec);
  EXPECT_FALSE(Shared());
  std::vector<std::future<std::string>> others;
  for (int i = 0; i < 9; ++i) {
    v1::GenerationSpec other = Spec(100 + i, 5 + 3 * i, i % 3 == 0 ? "heun" : i % 3 == 1 ? "pndm" : "dpmpp_2m");
    other.set_guidance_scale(i % 2 == 0 ? 1 : 8);
    other.set_prompt(i % 2 == 0 ? "" : "the green house");
    others.push_back(Begin(other));
  }
  EXPECT_EQ(Picture(spec), alone);
  for (auto& other : others) EXPECT_NE(other.get(), "");
  EXPECT_TRUE(Shared());
}

TEST_F(Neighbours, JoiningHalfWayChangesNeitherTheOldNorTheNewRow) {
  const v1::GenerationSpec slow = Spec(1, 60, "ddim");
  const v1::GenerationSpec quick = Spec(2, 6, "euler_a");
  const std::string slow_alone = Picture(slow);
  const std::string quick_alone = Picture(quick);
  EXPECT_FALSE(Shared());
  std::future<std::string> joined;
  const std::string slow_beside = Picture(slow, {.event = [&](const v1::Event& event) {
                                            // The second request is sent when the first is known to be in the middle of
                                            // its steps.
                                            if (event.has_progress() && !joined.valid()) joined = Begin(quick);
                                            return client::Next::kGoOn;
                                          }});
  ASSERT_TRUE(joined.valid());
  EXPECT_EQ(joined.get(), quick_alone);
  EXPECT_EQ(slow_beside, slow_alone);
  EXPECT_TRUE(Shared());
}

TEST_F(Neighbours, RowsCancelledBesideItChangeNothing) {
  const v1::GenerationSpec spec = Spec(3, 40, "ddpm");
  const std::string alone = Picture(spec);
  EXPECT_FALSE(Shared());
  std::vector<std::future<absl::Status>> cancelled;
  for (int i = 0; i < 4; ++i) {
    cancelled.push_back(std::async(std::launch::async, [this, i] {
      const client::Callbacks stop_at_first_step = {.event = [](const v1::Event& event) {
        return event.has_progress() ? client::Next::kStop : client::Next::kGoOn;
      }};
      return client_->Generate(Spec(50 + i, 200, "ddim"), {}, stop_at_first_step).status();
    }));
  }
  EXPECT_EQ(Picture(spec), alone);
  for (auto& each : cancelled) EXPECT_EQ(each.get().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Shared());
}

TEST_F(Neighbours, ImageIOfAJobIsTheImageOfItsOwnSeed) {
  v1::GenerationSpec several = Spec(20, 8, "euler_a");
  several.set_num_images(3);
  const auto result = client_->Generate(several);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 3u);
  EXPECT_EQ(Decode(result->outputs[2].data).rgb, Decode(Picture(Spec(22, 8, "euler_a"))).rgb);
}

}  // namespace
}  // namespace latentd::e2e
