// Two hundred callers who go away at random moments, each on a connection of its own.

#include <atomic>
#include <random>

#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

class VanishingClients : public RpcTest, public testing::WithParamInterface<int> {
 protected:
  VanishingClients() { store_threads_ = GetParam(); }

  // Plays the engine until told to stop: every job gets a few steps and a picture.
  void RunEngine(const std::atomic<bool>& stop) {
    while (!stop) {
      for (const core::ClaimedJob& job : store_.Claim(8)) {
        store_.OnStarted(job.name, {.seed = job.request->seed()});
        for (int step = 1; step <= 5; ++step) {
          store_.OnProgress(job.name, {.output_index = 0, .step = step, .total_steps = 5});
          std::this_thread::yield();
        }
        Finish(job.name, std::string(200'000, 'x'));
      }
      std::this_thread::yield();
    }
  }

  // Reads some events and goes: by cancelling, or by closing the connection.
  void Visit(std::mt19937& random) {
    std::unique_ptr<grpc::ClientReader<v1::Event>> stream;
    Context context;
    const auto stub = v1::ImageGeneration::NewStub(NewChannel());
    v1::GenerateRequest request;
    *request.mutable_spec() = Spec();
    stream = stub->Generate(&context, request);
    v1::Event event;
    for (int left = static_cast<int>(random() % 8); left > 0 && stream->Read(&event); --left) {
    }
    if (random() % 2 == 0) context.TryCancel();
  }
};

INSTANTIATE_TEST_SUITE_P(, VanishingClients, testing::Values(0, 2));

TEST_P(VanishingClients, LeaveNothingBehind) {
  std::atomic<bool> stop = false;
  std::thread engine([&] { RunEngine(stop); });
  std::vector<std::thread> crowd;
  for (unsigned seed = 0; seed < 10; ++seed) {
    crowd.emplace_back([this, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 20; ++i) Visit(random);
    });
  }
  for (std::thread& thread : crowd) thread.join();
  EXPECT_TRUE(Eventually([&] { return server_->open_streams() == 0; }));
  EXPECT_TRUE(Eventually([&] {
    return store_.List({.page_size = 1, .states = {core::JobState::kQueued, core::JobState::kRunning}})
        .value()
        .jobs.empty();
  }));
  stop = true;
  engine.join();
  // Some were gone before their request was read.
  EXPECT_GT(store_.List({.page_size = 1000}).value().jobs.size(), 100u);
  Context context;
  v1::Stats stats;
  EXPECT_TRUE(images_->GetStats(&context, {}, &stats).ok());
}

}  // namespace
}  // namespace latentd::rpc
