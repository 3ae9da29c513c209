// The same picture as diffusers, through the whole service: the requests of tests/golden/pipelines, system by system.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"

namespace latentd::e2e {
namespace {

// A case's outputs. Where it takes two jobs they are the second ones', each begun with an output of the first.
absl::StatusOr<client::Result> Generate(const client::Client& client, const GoldenCase& golden) {
  absl::StatusOr<client::Result> first = client.Generate(golden.spec);
  if (!first.ok() || !golden.then) return first;
  for (client::Output& output : first->outputs) {
    v1::GenerationSpec next = *golden.then;
    next.mutable_image_to_image()->mutable_image()->set_data(output.data);
    next.set_seed(output.info.seed());
    const absl::StatusOr<client::Result> second = client.Generate(next);
    if (!second.ok()) return second.status();
    output = second->outputs.at(0);
  }
  return first;
}

// The picture of an output. One that is withheld is a black one in diffusers.
Pixels PixelsOf(const client::Output& output) {
  if (output.info.state() != v1::Output::STATE_WITHHELD) return Decode(output.data);
  const auto bytes = size_t{3} * static_cast<size_t>(output.info.width()) * static_cast<size_t>(output.info.height());
  return {.width = output.info.width(), .height = output.info.height(), .rgb = std::vector<uint8_t>(bytes, 0)};
}

class Parity : public testing::TestWithParam<std::string> {};

TEST_P(Parity, EveryPictureIsWithinOneGreyLevelOfTheReference) {
  const auto server =
      ServerProcess::Start({.models = GoldenModels(), .arguments = {"--adapters", GoldenFolder() + "/adapters"}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  std::map<std::string, int> worst;  // by sampler
  int pictures = 0;
  for (const GoldenCase& golden : GoldenCases(GetParam())) {
    SCOPED_TRACE(golden.name);
    const auto result = Generate(*client, golden);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->outputs.size(), golden.pictures.size());
    for (size_t i = 0; i < golden.pictures.size(); ++i) {
      const int difference = LargestDifference(PixelsOf(result->outputs[i]), Decode(golden.pictures[i]));
      EXPECT_LE(difference, 1);
      const int64_t frames = golden.spec.has_animation() ? golden.spec.animation().frames() : 1;
      EXPECT_EQ(result->outputs[i].info.seed(), golden.spec.seed() + static_cast<int64_t>(i) / frames);
      worst[golden.spec.sampler()] = std::max(worst[golden.spec.sampler()], difference);
      ++pictures;
    }
  }
  EXPECT_GE(pictures, 3);
  for (const auto& [sampler, difference] : worst) {
    std::printf("%-10s largest difference %d grey levels\n", sampler.c_str(), difference);
  }
}

INSTANTIATE_TEST_SUITE_P(Systems, Parity, testing::ValuesIn(GoldenSystems()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace latentd::e2e
