#include "client/cpp/client.h"

#include <thread>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/client/cpp/fake_waiter.h"
#include "tests/client/fake_server.h"

namespace latentd::client {
namespace {

using testing::ElementsAre;

class ClientTest : public testing::Test {
 protected:
  FakeServer server_;
  std::shared_ptr<FakeWaiter> waiter_ = std::make_shared<FakeWaiter>();
  std::unique_ptr<Client> client_ = Client::Connect(server_.address(), {.waiter = waiter_});
};

TEST_F(ClientTest, ListsAllPagesOfJobs) {
  for (const char* name : {"jobs/1", "jobs/2", "jobs/3"}) {
    server_.jobs.emplace_back().set_name(name);
  }
  std::vector<std::string> names;
  const absl::StatusOr<std::vector<v1::Job>> jobs = client_->ListJobs();
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  for (const v1::Job& job : *jobs) {
    names.push_back(job.name());
  }
  EXPECT_THAT(names, ElementsAre("jobs/1", "jobs/2", "jobs/3"));
}

TEST_F(ClientTest, ListsAllPagesOfModels) {
  server_.models.emplace_back().set_name("models/a");
  server_.models.emplace_back().set_name("models/b");
  EXPECT_EQ(client_->ListModels().value().size(), 2u);
}

TEST_F(ClientTest, ListsAllPagesOfAdapters) {
  for (const char* name : {"adapters/a", "adapters/b", "adapters/c"}) server_.adapters.emplace_back().set_name(name);
  EXPECT_EQ(client_->ListAdapters().value().size(), 3u);
}

TEST_F(ClientTest, AJobThatIsNotThereIsNotFoundWithItsName) {
  const absl::Status status = client_->GetJob("jobs/9").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetErrorDetails(status).resource.resource_name(), "jobs/9");
}

TEST_F(ClientTest, JobsAreMadeCancelledAndDeleted) {
  server_.jobs.emplace_back().set_name("jobs/1");
  EXPECT_EQ(client_->CreateJob({})->name(), "jobs/1");
  EXPECT_EQ(client_->CancelJob("jobs/1")->name(), "jobs/1");
  EXPECT_TRUE(client_->DeleteJob("jobs/1").ok());
  EXPECT_THAT(server_.cancelled(), ElementsAre("jobs/1"));
  EXPECT_THAT(server_.deleted(), ElementsAre("jobs/1"));
  EXPECT_FALSE(server_.create_requests()[0].request_id().empty());
}

TEST_F(ClientTest, AnOutputComesAsItIsEvenWhenItIsLarge) {
  server_.output = std::string(10 << 20, 'x');
  const absl::StatusOr<OutputFile> file = client_->GetOutput("jobs/1", 0);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->media_type, "image/png");
  EXPECT_EQ(file->data, server_.output);
}

TEST_F(ClientTest, ModelsAreReadLoadedAndUnloaded) {
  EXPECT_EQ(client_->GetModel("models/a")->name(), "models/a");
  EXPECT_EQ(client_->LoadModel("models/a")->state(), v1::Model::STATE_LOADED);
  EXPECT_EQ(client_->UnloadModel("models/a").status().message(), "models/a is in use");
}

TEST_F(ClientTest, HealthIsWhatTheHealthServiceSays) {
  EXPECT_EQ(client_->Health().value(), true);
  const FakeServer starting(/*serving=*/false);
  EXPECT_EQ(Client::Connect(starting.address())->Health().value(), false);
}

TEST_F(ClientTest, HealthOfAnAbsentServerIsUnavailableAtOnce) {
  EXPECT_TRUE(absl::IsUnavailable(Client::Connect("127.0.0.1:1", {.waiter = waiter_})->Health().status()));
  EXPECT_TRUE(waiter_->pauses().empty());
}

TEST_F(ClientTest, StatsAreRead) { EXPECT_EQ(client_->GetStats()->device(), "cpu"); }

TEST_F(ClientTest, AnAttemptThatTakesTooLongIsMadeAgain) {
  server_.create = {[&](grpc::ServerContext& context, auto&, auto&) {
                      while (!context.IsCancelled()) {
                        std::this_thread::yield();
                      }
                      return grpc::Status::OK;
                    },
                    [](auto&, auto&, auto&) { return grpc::Status::OK; }};
  const auto client = Client::Connect(server_.address(), {.call_timeout = absl::Milliseconds(500), .waiter = waiter_});
  EXPECT_TRUE(client->CreateJob({}).ok());
  EXPECT_EQ(waiter_->pauses().size(), 1u);
}

TEST_F(ClientTest, AWatchThatJoinsLateLeavesOutWhatItHasMissed) {
  std::vector<v1::Event> history = History("the first");
  v1::Event completed = history.back();
  history.back() = Announce(completed.sequence(), 1, "the second");
  history.push_back(Chunk(completed.sequence() + 1, 1, 0, "the second"));
  completed.set_sequence(completed.sequence() + 2);
  history.push_back(completed);
  server_.watch = {Play(history)};
  server_.jobs.emplace_back().set_name("jobs/1");
  const absl::StatusOr<Result> result = client_->Watch("jobs/1", 6);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 1u);
  EXPECT_EQ(result->outputs[0].data, "the second");
}

TEST_F(ClientTest, AWatchFromBeyondTheEndTellsHowTheJobEnded) {
  v1::Job& job = server_.jobs.emplace_back();
  job.set_name("jobs/1");
  job.set_last_sequence(9);
  job.mutable_end_time()->set_seconds(1);
  job.set_state(v1::Job::STATE_COMPLETED);
  EXPECT_TRUE(client_->Watch("jobs/1", 9).ok());
  job.set_state(v1::Job::STATE_CANCELLED);
  EXPECT_TRUE(absl::IsCancelled(client_->Watch("jobs/1", 9).status()));
  job.set_state(v1::Job::STATE_FAILED);
  job.mutable_error()->set_code(13);
  EXPECT_TRUE(absl::IsInternal(client_->Watch("jobs/1", 9).status()));
  EXPECT_TRUE(server_.watch_requests().empty());
}

TEST_F(ClientTest, ATerminalEventEndsAWatchWhateverItsNumber) {
  // As the server does: of a job that ends the terminal event is always still to come.
  server_.watch = {[](grpc::ServerContext&, const v1::WatchJobRequest&, grpc::ServerWriter<v1::Event>& writer) {
    writer.Write(History("an output").back());
    return grpc::Status::OK;
  }};
  server_.jobs.emplace_back().set_name("jobs/1");
  EXPECT_TRUE(client_->Watch("jobs/1", 100'000).ok());
  EXPECT_EQ(server_.watch_requests().size(), 1u);
}

TEST_F(ClientTest, TakesAChannelOfTheCallers) {
  const Client client(grpc::CreateChannel(server_.address(), grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(client.Health().value());
}

}  // namespace
}  // namespace latentd::client
