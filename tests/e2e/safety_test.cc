// What becomes of pictures that a model's safety checker flags, by the server's policy.

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"

namespace latentd::e2e {
namespace {

using testing::HasSubstr;

constexpr char kFlaggedImages[] = R"(latentd_flagged_images_total{model="tiny-safety"})";

// Of three pictures the checker flags the first.
v1::GenerationSpec Spec() {
  for (const GoldenCase& golden : GoldenCases("safety")) {
    if (golden.name == "safety-one-of-three") return golden.spec;
  }
  ADD_FAILURE() << "the case is missing";
  return {};
}

class Safety : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& arguments) {
    server_ = ServerProcess::Start({.models = GoldenModels(), .arguments = arguments});
    ASSERT_NE(server_, nullptr);
    client_ = client::Client::Connect(server_->address());
  }

  std::vector<client::Output> Outputs(const v1::GenerationSpec& spec) {
    const auto result = client_->Generate(spec);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return {};
    job_ = result->job;
    return result->outputs;
  }

  bool HasChecker(const std::string& model) {
    const auto models = client_->ListModels();
    EXPECT_TRUE(models.ok()) << models.status();
    for (const v1::Model& each : *models) {
      if (each.name() == "models/" + model) return each.has_safety_checker();
    }
    ADD_FAILURE() << "no model " << model;
    return false;
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
  std::string job_;
};

TEST_F(Safety, FlaggedPicturesAreWithheldByDefault) {
  Start({});
  EXPECT_TRUE(HasChecker("tiny-safety"));
  EXPECT_FALSE(HasChecker("tiny-epsilon"));
  const std::vector<client::Output> outputs = Outputs(Spec());
  ASSERT_EQ(outputs.size(), 3U);
  EXPECT_EQ(outputs[0].info.state(), v1::Output::STATE_WITHHELD);
  EXPECT_TRUE(outputs[0].info.flagged());
  EXPECT_EQ(outputs[0].info.seed(), Spec().seed());
  EXPECT_EQ(outputs[0].info.size(), 0);
  EXPECT_EQ(outputs[0].data, "");
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(outputs[i].info.state(), v1::Output::STATE_OK);
    EXPECT_FALSE(outputs[i].info.flagged());
    EXPECT_NE(outputs[i].data, "");
  }
  const auto file = client_->GetOutput(job_, 0);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(client::GetErrorDetails(file.status()).info.reason(), "OUTPUT_WITHHELD");
  EXPECT_EQ(metrics::ValueOf(server_->MetricsPage(), kFlaggedImages), 1);
}

TEST_F(Safety, ThePolicyFlagSendsThemMarkedAndOffDoesWithoutTheChecker) {
  Start({"--safety", "flag"});
  const std::vector<client::Output> marked = Outputs(Spec());
  ASSERT_EQ(marked.size(), 3U);
  EXPECT_EQ(marked[0].info.state(), v1::Output::STATE_OK);
  EXPECT_TRUE(marked[0].info.flagged());
  EXPECT_FALSE(marked[1].info.flagged());
  EXPECT_EQ(metrics::ValueOf(server_->MetricsPage(), kFlaggedImages), 1);
  const auto with = client_->GetModel("tiny-safety");
  ASSERT_TRUE(with.ok()) << with.status();

  Start({"--safety", "off"});
  EXPECT_FALSE(HasChecker("tiny-safety"));
  const std::vector<client::Output> unmarked = Outputs(Spec());
  ASSERT_EQ(unmarked.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(unmarked[i].info.flagged());
    EXPECT_EQ(unmarked[i].data, marked[i].data);
  }
  const auto without = client_->GetModel("tiny-safety");
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_LT(without->memory_bytes(), with->memory_bytes());
}

TEST(SafetyFlag, AnotherPolicyIsRefused) {
  const Finished finished = RunServer({"--safety", "maybe"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.errors, HasSubstr("--safety"));
}

}  // namespace
}  // namespace latentd::e2e
