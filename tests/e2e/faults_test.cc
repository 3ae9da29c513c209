// What goes wrong in real life: callers that vanish, callers that never read, a server told to stop under load.

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <iterator>
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

// A connection of its own for each caller.
std::unique_ptr<v1::ImageGeneration::Stub> ConnectAnew(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // takes no more than 64 KiB that it has not read
  return v1::ImageGeneration::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

int OpenFiles(pid_t pid) {
  const std::filesystem::path folder = "/proc/" + std::to_string(pid) + "/fd";
  return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(Faults, TwoHundredCallersThatVanishLeaveNoRowBehind) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  {
    const auto client = client::Client::Connect(server->address());
    ASSERT_TRUE(client->Generate(Spec(3)).ok());
  }
  const int files_before = OpenFiles(server->pid());
  std::mt19937 random(1);
  std::vector<int> events_to_read(200);
  for (int& count : events_to_read) count = static_cast<int>(random() % 12);
  std::atomic<size_t> next = 0;
  constexpr int kThreads = 8;
  std::vector<std::thread> callers;
  callers.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    callers.emplace_back([&] {
      for (size_t mine = next++; mine < events_to_read.size(); mine = next++) {
        const auto stub = ConnectAnew(server->address());
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
  // Their connections are closed, too, but for a few of the last that are about to be.
  EXPECT_LT(OpenFiles(server->pid()), files_before + 20);
}

// Killed, a caller says nothing: its system closes the connection.
TEST(Faults, ACallerThatIsKilledFreesItsRow) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  int steps[2];
  ASSERT_EQ(pipe2(steps, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, steps[1], STDOUT_FILENO);
  std::string program = CALLER_BINARY;
  std::string address = server->address();
  std::string model = "tiny-epsilon";
  char* arguments[] = {program.data(), address.data(), model.data(), nullptr};
  pid_t caller = -1;
  ASSERT_EQ(posix_spawn(&caller, program.c_str(), &actions, nullptr, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  char step = 0;
  ASSERT_EQ(read(steps[0], &step, 1), 1);
  kill(caller, SIGKILL);
  waitpid(caller, nullptr, 0);
  close(steps[0]);
  close(steps[1]);

  const auto client = client::Client::Connect(server->address());
  v1::ListJobsRequest cancelled;
  cancelled.add_states(v1::Job::STATE_CANCELLED);
  // The server hears of it soon, long before the 999 steps are done; short jobs pass the time.
  for (int i = 0; i < 50 && client->ListJobs(cancelled)->empty(); ++i) ASSERT_TRUE(client->Generate(Spec(3)).ok());
  EXPECT_EQ(client->ListJobs(cancelled)->size(), 1u);
  ASSERT_TRUE(client->Generate(Spec(3)).ok());  // the engine lets the row go before its next step
  EXPECT_EQ(client->GetStats()->running_rows(), 0);
}

TEST(Faults, ACallerThatNeverReadsHoldsUpNobody) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  const auto stub = ConnectAnew(server->address());
  grpc::ClientContext context;
  v1::GenerateRequest request;
  *request.mutable_spec() = Spec(3);
  // Pictures of a megabyte in all: far more than the connection takes.
  request.mutable_spec()->set_width(256);
  request.mutable_spec()->set_height(256);
  request.mutable_spec()->set_num_images(8);
  const auto never_read = stub->Generate(&context, request);

  const auto client = client::Client::Connect(server->address());
  for (int i = 0; i < 5; ++i) {
    const auto result = client->Generate(Spec(5));
    EXPECT_TRUE(result.ok()) << result.status();
  }
  // Its job is finished, and another can have the pictures; its stream waits.
  const auto jobs = client->ListJobs({});
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  const auto stalled =
      std::find_if(jobs->begin(), jobs->end(), [](const v1::Job& job) { return job.spec().num_images() == 8; });
  ASSERT_NE(stalled, jobs->end());
  const auto watched = client->Watch(stalled->name());
  ASSERT_TRUE(watched.ok()) << watched.status();
  size_t bytes = 0;
  for (const client::Output& output : watched->outputs) bytes += output.data.size();
  EXPECT_GT(bytes, 1u << 20);
  EXPECT_EQ(metrics::ValueOf(server->MetricsPage(), "latentd_open_streams"), 1);
  context.TryCancel();
}

TEST(Faults, ToldToStopUnderLoadItFinishesWhatItAccepted) {
  // It has all the time that it may need, also under a sanitizer on a busy machine.
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {"--drain-timeout", "10m"}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  std::vector<std::future<absl::Status>> jobs;
  std::atomic<int> started = 0;
  std::promise<void> all_started;
  jobs.reserve(6);
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
    spec.set_width(64);  // some 12 kB a job: were they kept, 700 of them would be seen
    spec.set_height(64);
    const auto result = client->Generate(spec);
    ASSERT_TRUE(result.ok()) << result.status();
    if (i == 300) after_warm_up = server->resident();
  }
  const int64_t growth = server->resident() - after_warm_up;
  std::printf("resident memory after 300 jobs: %ld kB, and %+ld kB after 1000\n",
              static_cast<long>(after_warm_up / 1024), static_cast<long>(growth / 1024));
#if !defined(__SANITIZE_ADDRESS__)  // it keeps what was freed for a while, and looks for leaks itself
  EXPECT_LT(growth, 4 << 20);
#endif
  const auto kept = client->ListJobs({});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_LT(kept->size(), 200u);
}

}  // namespace
}  // namespace latentd::e2e
