#include <algorithm>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "tests/client/cli/latentctl_test_base.h"

namespace latentd::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using ListCommandsTest = LatentctlTest;

TEST_F(ListCommandsTest, ModelsAreATableAndBrokenOnesSayWhy) {
  v1::Model& model = server_.models.emplace_back();
  model.set_name("models/pictograms");
  model.set_state(v1::Model::STATE_LOADED);
  model.set_architecture("stable-diffusion-1");
  model.set_native_width(64);
  model.set_native_height(64);
  model.set_default_sampler("dpmpp_2m");
  model.set_default_steps(25);
  model.set_default_guidance_scale(5);
  model.set_memory_bytes(80'000'000);
  model.add_samplers()->set_name("ddim");
  model.add_samplers()->set_name("dpmpp_2m");
  v1::Model& file = server_.models.emplace_back(model);
  file.set_name("models/v1-5");
  file.set_one_file(true);
  v1::Model& broken = server_.models.emplace_back();
  broken.set_name("models/cut");
  broken.set_state(v1::Model::STATE_BROKEN);
  broken.mutable_error()->set_code(9);
  broken.mutable_error()->set_message("unet: the file is truncated");
  const Finished finished = RunLatentctl(With("models"));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out,
            "MODEL       STATE   ARCHITECTURE                   SIZE   STEPS  GUIDANCE  MEMORY   SAMPLERS (* default)\n"
            "pictograms  loaded  stable-diffusion-1             64x64  25     5         80.0 MB  ddim dpmpp_2m*\n"
            "v1-5        loaded  stable-diffusion-1 (one file)  64x64  25     5         80.0 MB  ddim dpmpp_2m*\n"
            "cut         broken\n"
            "\n"
            "models/cut: unet: the file is truncated\n");
}

TEST_F(ListCommandsTest, ModelsAsJsonAreOneObjectALine) {
  server_.models.emplace_back().set_name("models/a");
  server_.models.emplace_back().set_name("models/b");
  const Finished finished = RunLatentctl(With("models", {"--json"}));
  EXPECT_EQ(finished.code, 0);
  EXPECT_THAT(finished.out, testing::StartsWith(R"({"name":"models/a","state":"STATE_UNSPECIFIED",)"));
  EXPECT_EQ(std::count(finished.out.begin(), finished.out.end(), '\n'), 2);
}

TEST_F(ListCommandsTest, AdaptersAreATable) {
  v1::Adapter& adapter = server_.adapters.emplace_back();
  adapter.set_name("adapters/style");
  adapter.set_kind(v1::Adapter::KIND_LORA);
  adapter.set_architecture("stable-diffusion-1");
  v1::Adapter& broken = server_.adapters.emplace_back();
  broken.set_name("adapters/cut");
  broken.mutable_error()->set_code(9);
  broken.mutable_error()->set_message("the file is truncated");
  const Finished finished = RunLatentctl(With("adapters"));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out,
            "ADAPTER  KIND    FOR\n"
            "style    lora    stable-diffusion-1\n"
            "cut      broken\n"
            "\n"
            "cut: the file is truncated\n");
}

TEST_F(ListCommandsTest, JobsAreATable) {
  v1::Job& job = server_.jobs.emplace_back();
  job.set_name("jobs/0d1f");
  job.set_state(v1::Job::STATE_RUNNING);
  job.mutable_create_time()->set_seconds(absl::ToUnixSeconds(absl::Now() - absl::Minutes(125) - absl::Seconds(30)));
  job.mutable_spec()->set_model("models/pictograms");
  job.mutable_spec()->set_num_images(4);
  job.add_outputs()->set_state(v1::Output::STATE_OK);
  job.add_outputs()->set_state(v1::Output::STATE_FAILED);
  const Finished finished = RunLatentctl(With("jobs"));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out,
            "JOB        STATE    AGE    MODEL       IMAGES\n"
            "jobs/0d1f  running  2h 5m  pictograms  1/4\n");
}

TEST_F(ListCommandsTest, JobsAreFilteredByStateAndLabel) {
  const Finished finished = RunLatentctl(With("jobs", {"--state", "running", "--state", "queued", "--label", "a=b"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  ASSERT_EQ(server_.list_requests().size(), 1u);
  EXPECT_THAT(server_.list_requests()[0].states(), ElementsAre(v1::Job::STATE_RUNNING, v1::Job::STATE_QUEUED));
  EXPECT_THAT(server_.list_requests()[0].labels(), ElementsAre("a=b"));
}

TEST_F(ListCommandsTest, CancelSaysTheJobsState) {
  server_.jobs.emplace_back().set_name("jobs/1");
  server_.jobs[0].set_state(v1::Job::STATE_CANCELLED);
  const Finished finished = RunLatentctl(With("cancel", {"jobs/1"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out, "jobs/1: cancelled\n");
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
  EXPECT_EQ(RunLatentctl(With("cancel", {"jobs/2"})).code, 3);
}

TEST_F(ListCommandsTest, HealthTellsWhatTheServerDoes) {
  const Finished finished = RunLatentctl(With("health"));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out, "serving: 2 running, 3 queued, 1.25 images/s; cpu float32, version 0.1.0, up 0.0s\n");
  EXPECT_EQ(RunLatentctl(With("health", {"--json"})).out, "{\"status\":\"SERVING\"}\n");
}

TEST_F(ListCommandsTest, HealthExitsWith5WhenTheServerIsNotReadyOrAbsent) {
  const client::FakeServer starting(/*serving=*/false);
  const Finished finished = RunLatentctl({"health", "--server", starting.address()});
  EXPECT_EQ(finished.code, 5);
  EXPECT_THAT(finished.out, HasSubstr("not serving"));
  EXPECT_EQ(RunLatentctl({"health", "--server", "127.0.0.1:1"}).code, 5);
}

}  // namespace
}  // namespace latentd::cli
