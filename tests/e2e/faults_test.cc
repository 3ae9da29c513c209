// What goes wrong in real life: callers that vanish, callers that never read, a server told to stop under load.

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "client/cpp/client.h"
#include "latentd/v1/image_generation.grpc.pb.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"
#include "tests/server/metrics/page.h"

namespace latentd::e2e {
namespace {

v1::GenerationSpec Spec(int steps) {
  v1::GenerationSpec spec;
  spec.set_model("tiny-epsilon");
  spec.set_prompt("the green house");
  spec.set_steps(steps);
  spec.set_sampler("ddim");
  return spec;
}

TEST(Faults, TwoHundredCallersThatVanishLeaveNoRowBehind) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  std::mt19937 random(1);
  std::vector<int> events_to_read(200);
  for (int& count : events_to_read) count = static_cast<int>(random() % 12);
  std::atomic<size_t> next = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (size_t mine = next++; mine < events_to_read.size(); mine = next++) {
        // A connection of its own, dropped without a word after some events.
        grpc::ChannelArguments arguments;
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        const auto stub = v1::ImageGeneration::NewStub(
            grpc::CreateCustomChannel(server->address(), grpc::InsecureChannelCredentials(), arguments));
        grpc::ClientContext context;
        v1::GenerateRequest request;
        *request.mutable_spec() = Spec(50);
        const auto stream = stub->Generate(&context, request);
        v1::Event event;
        for (int read = 0; read < events_to_read[mine] && stream->Read(&event); ++read) {
        }
        context.TryCancel();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();

  // The engine goes on, and is soon alone with the next job: rows of vanished callers would be seen beside it.
  const auto client = client::Client::Connect(server->address());
  const auto result = client->Generate(Spec(3));
  ASSERT_TRUE(result.ok()) << result.status();
  v1::ListJobsRequest unfinished;
  unfinished.add_states(v1::Job::STATE_QUEUED);
  unfinished.add_states(v1::Job::STATE_RUNNING);
  const auto jobs = client->ListJobs(unfinished);
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  EXPECT_TRUE(jobs->empty()) << jobs->size() << " jobs still run";
  // Not in the engine's books either, nor in the server's.
  EXPECT_EQ(client->GetStats()->running_rows(), 0);
  EXPECT_EQ(metrics::ValueOf(server->MetricsPage(), "latentd_open_streams"), 0);
}

TEST(Faults, ACallerThatNeverReadsHoldsUpNobody) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  const auto stub =
      v1::ImageGeneration::NewStub(grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::GenerateRequest request;
  *request.mutable_spec() = Spec(400);
  request.mutable_spec()->mutable_preview()->set_kind(v1::PreviewOptions::KIND_IMAGE);
  const auto never_read = stub->Generate(&context, request);

  const auto client = client::Client::Connect(server->address());
  for (int i = 0; i < 5; ++i) {
    const auto result = client->Generate(Spec(5));
    EXPECT_TRUE(result.ok()) << result.status();
  }
  context.TryCancel();
}

TEST(Faults, ToldToStopUnderLoadItFinishesWhatItAccepted) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  std::vector<std::future<absl::Status>> jobs;
  std::atomic<int> started = 0;
  std::promise<void> all_started;
  for (int i = 0; i < 6; ++i) {
    jobs.push_back(std::async(std::launch::async, [&] {
      bool counted = false;
      return client
          ->Generate(Spec(60), {},
                     {.event =
                          [&](const v1::Event& event) {
                            if (event.has_started() && !std::exchange(counted, true) && ++started == 6)
                              all_started.set_value();
                            return client::Next::kGoOn;
                          }})
          .status();
    }));
  }
  all_started.get_future().wait();
  server->Signal(SIGTERM);
  for (auto& job : jobs) EXPECT_TRUE(job.get().ok());
  EXPECT_EQ(server->Wait(), 0) << server->log();
}

TEST(Faults, AThousandJobsLeaveMemoryFlatOnceRetentionHasFilled) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {"--job-bytes", "1MiB"}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  int64_t after_warm_up = 0;
  for (int i = 0; i < 1000; ++i) {
    v1::GenerationSpec spec = Spec(1);
    spec.set_prompt("apple " + std::to_string(i % 100));
    const auto result = client->Generate(spec);
    ASSERT_TRUE(result.ok()) << result.status();
    if (i == 300) after_warm_up = server->resident();
  }
  const int64_t growth = server->resident() - after_warm_up;
  std::printf("resident memory after 300 jobs: %ld kB, and %+ld kB after 1000\n",
              static_cast<long>(after_warm_up / 1024), static_cast<long>(growth / 1024));
  EXPECT_LT(growth, 16 << 20);
}

}  // namespace
}  // namespace latentd::e2e
