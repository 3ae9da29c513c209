// The program as people run it, with the embedded model: every call once, a watch that is taken up again, the command
// line, the metrics, and what a server that is told to stop does with a job that takes too long.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "latentd/v1/image_generation.grpc.pb.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"

namespace latentd::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr char kModel[] = "models/pictograms";

v1::GenerationSpec Apple(int steps) {
  v1::GenerationSpec spec;
  spec.set_model("pictograms");
  spec.set_prompt("a red apple");
  spec.set_steps(steps);
  spec.set_seed(7);
  return spec;
}

class Service : public testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(const std::vector<std::string>& arguments) {
    server_ = ServerProcess::Start({.models = {}, .arguments = arguments});
    ASSERT_NE(server_, nullptr);
    client_ = client::Client::Connect(server_->address());
    stub_ = v1::ImageGeneration::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  std::string CreateJob(int steps) const {
    v1::CreateJobRequest request;
    *request.mutable_spec() = Apple(steps);
    const auto job = client_->CreateJob(request);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->name() : "";
  }

  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<v1::ImageGeneration::Stub> stub_;
};

TEST_F(Service, LoadsAndUnloadsItsModel) {
  const auto healthy = client_->Health();
  ASSERT_TRUE(healthy.ok()) << healthy.status();
  EXPECT_TRUE(*healthy);
  EXPECT_EQ(client_->GetModel(kModel)->state(), v1::Model::STATE_AVAILABLE);
  EXPECT_EQ(client_->LoadModel(kModel)->state(), v1::Model::STATE_LOADED);
  const auto models = client_->ListModels();
  ASSERT_TRUE(models.ok()) << models.status();
  std::vector<std::string> names;
  for (const v1::Model& model : *models) names.push_back(model.name());
  EXPECT_THAT(names, testing::ElementsAre(kModel, "models/pictograms-pixels"));
  EXPECT_EQ(client_->UnloadModel(kModel)->state(), v1::Model::STATE_AVAILABLE);
}

TEST_F(Service, AWatchGoesOnWhereItBroke) {
  const std::string job = CreateJob(6);
  int64_t seen = 0;
  const auto broken = client_->Watch(job, 0, {.event = [&](const v1::Event& event) {
                                       seen = event.sequence();
                                       return event.has_progress() ? client::Next::kStop : client::Next::kGoOn;
                                     }});
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kCancelled) << broken.status();
  ASSERT_GT(seen, 0);
  std::vector<int64_t> later;
  const auto result = client_->Watch(job, seen, {.event = [&](const v1::Event& event) {
                                       later.push_back(event.sequence());
                                       return client::Next::kGoOn;
                                     }});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(later, testing::Each(testing::Gt(seen)));
  EXPECT_TRUE(std::is_sorted(later.begin(), later.end()));
  ASSERT_EQ(result->outputs.size(), 1u);
  EXPECT_EQ(Decode(result->outputs[0].data).width, 64);

  // The file is also kept, until the job is deleted.
  EXPECT_EQ(client_->GetJob(job)->state(), v1::Job::STATE_COMPLETED);
  const auto file = client_->GetOutput(job, 0);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->media_type, "image/png");
  EXPECT_EQ(file->data, result->outputs[0].data);
  EXPECT_TRUE(client_->DeleteJob(job).ok());
  EXPECT_EQ(client_->GetJob(job).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Service, OneStreamFollowsSeveralJobs) {
  v1::WatchJobsRequest request;
  for (int i = 0; i < 3; ++i) request.add_jobs()->set_name(CreateJob(2));
  grpc::ClientContext context;
  const auto stream = stub_->WatchJobs(&context, request);
  int completed = 0;
  for (v1::Event event; stream->Read(&event);) completed += event.has_completed() ? 1 : 0;
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(completed, 3);
}

TEST_F(Service, CountsWhatItDoes) {
  ASSERT_TRUE(client_->Generate(Apple(4)).ok());
  const auto stats = client_->GetStats();
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->images(), 1);
  EXPECT_EQ(stats->evaluations(), 4);
  EXPECT_EQ(stats->running_rows(), 0);
  const std::string page = server_->MetricsPage();
  EXPECT_EQ(metrics::ValueOf(page, "latentd_images_total{model=\"pictograms\"}"), 1);
  EXPECT_GT(metrics::ValueOf(page, "latentd_device_weights_bytes"), 60e6);
  EXPECT_EQ(metrics::ValueOf(page, "latentd_ready"), 1);
  EXPECT_EQ(metrics::ValueOf(page, "latentd_queued_pixel_steps{model=\"pictograms\"}"), 0);
  EXPECT_GT(metrics::ValueOf(page, "latentd_process_memory_limit_bytes"), 60e6);
  EXPECT_TRUE(metrics::CheckByPromtool(page)) << "promtool is not there: run deploy/install.sh --tests";
}

TEST_F(Service, TheCommandLineMakesAPicture) {
  const fs::path picture = fs::temp_directory_path() / absl::StrCat("latentd-apple-", getpid(), ".png");
  const std::string command = absl::StrCat(LATENTCTL_BINARY, " generate --server ", server_->address(),
                                           " --model pictograms --prompt 'a red apple' --steps 4 --seed 7 --out ",
                                           picture.string(), " >/dev/null");
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(ReadFile(picture.string()), client_->Generate(Apple(4))->outputs[0].data);
  fs::remove(picture);
}

TEST_F(Service, TheEmbeddedPixelModelDrawsAFace) {
  v1::GenerationSpec spec;
  spec.set_model("pictograms-pixels");
  spec.set_sampler("ddim");
  spec.set_steps(20);
  spec.set_seed(1);
  const auto result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 1u);
  const Pixels picture = Decode(result->outputs[0].data);
  ASSERT_EQ(picture.width, 32);
  ASSERT_EQ(picture.height, 32);
  // What all of its pictures have in common: white corners, and between them a face, most often yellow.
  const auto pixel = [&](int x, int y) { return picture.rgb.data() + 3 * (y * 32 + x); };
  for (const auto& [x, y] : {std::pair(0, 0), std::pair(31, 0), std::pair(0, 31), std::pair(31, 31)}) {
    EXPECT_GT(*std::min_element(pixel(x, y), pixel(x, y) + 3), 220) << x << ", " << y;
  }
  int red = 0;
  int blue = 0;
  for (int y = 8; y < 24; ++y) {
    for (int x = 8; x < 24; ++x) {
      red += pixel(x, y)[0];
      blue += pixel(x, y)[2];
    }
  }
  EXPECT_GT(red - blue, 256 * 60);
}

class ImpatientService : public Service {
 protected:
  void SetUp() override { Start({"--drain-timeout", "2s"}); }

  // It would run for longer than that.
  void BeginLongJob() {
    v1::GenerateRequest request;
    *request.mutable_spec() = Apple(900);
    stream_ = stub_->Generate(&context_, request);
    v1::Event event;
    while (!event.has_progress()) ASSERT_TRUE(stream_->Read(&event));
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::Event>> stream_;
};

TEST_F(ImpatientService, ToldToStopItRefusesNewJobsAndCancelsWhatTakesTooLong) {
  ASSERT_NO_FATAL_FAILURE(BeginLongJob());
  server_->Signal(SIGTERM);

  // The signal takes its time: jobs that still slip in are short.
  grpc::Status refused;
  while (refused.ok()) {
    grpc::ClientContext call;
    v1::CreateJobRequest another;
    *another.mutable_spec() = Apple(1);
    v1::Job job;
    refused = stub_->CreateJob(&call, another, &job);
  }
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE) << refused.error_message();
  EXPECT_THAT(refused.error_message(), HasSubstr("stopping"));
  const auto healthy = client_->Health();
  EXPECT_FALSE(healthy.ok() && *healthy);

  v1::Event event;
  while (stream_->Read(&event)) {
  }
  EXPECT_EQ(event.cancelled().reason(), "DRAINED") << event.DebugString();
  EXPECT_EQ(server_->Wait(), 0) << server_->log();
}

TEST_F(ImpatientService, ASecondSignalEndsItAtOnce) {
  ASSERT_NO_FATAL_FAILURE(BeginLongJob());
  server_->Signal(SIGTERM);
  ASSERT_TRUE(server_->WaitForLog("finishing what was accepted"));
  server_->Signal(SIGTERM);
  EXPECT_EQ(server_->Wait(), 128 + SIGTERM);
  EXPECT_THAT(server_->log(), testing::Not(HasSubstr("stopped")));
}

}  // namespace
}  // namespace latentd::e2e
