// The server as a whole: addresses, health, reflection, the end.

#include "server/rpc/server.h"

#include <gmock/gmock.h>

#include "tests/server/rpc/raw_call.h"
#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

class ServerTest : public RpcTest {
 protected:
  absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& listen, const std::string& health = "",
                                                bool insecure = false) {
    return Server::Start({.listen = listen,
                          .health_listen = health,
                          .insecure = insecure,
                          .store = &store_,
                          .catalog = &catalog_,
                          .authenticator = authenticator_.get(),
                          .clock = &clock_,
                          .stats = [] { return core::Stats(); }});
  }

  // The answer of grpc.health.v1 about one service.
  static std::string Health(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
    const std::string request =
        service.empty() ? "" : "\x0A" + std::string(1, static_cast<char>(service.size())) + service;
    return RawCall(channel, "/grpc.health.v1.Health/Check", request).second;
  }
};

TEST_F(ServerTest, RefusesAddressesThatOthersCanReachUnlessTold) {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"}) {
    const auto server = Start(address);
    EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition) << address;
    EXPECT_THAT(std::string(server.status().message()), AllOf(HasSubstr(address), HasSubstr("--insecure")));
  }
  EXPECT_TRUE(Start("0.0.0.0:0", "", true).ok());
  EXPECT_TRUE(Start("localhost:0").ok());
  EXPECT_TRUE(Start("127.1.2.3:0").ok());
}

TEST_F(ServerTest, RefusesWhatIsNoAddress) {
  for (const char* address : {"", "50051", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:50051", "[::1:5"}) {
    EXPECT_EQ(Start(address).status().code(), absl::StatusCode::kInvalidArgument) << address;
  }
  EXPECT_EQ(Start("127.0.0.1:0", "50051").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServerTest, APortInUseIsAnErrorThatNamesIt) {
  const std::string taken = absl::StrCat("127.0.0.1:", server_->port());
  for (const auto& server : {Start(taken), Start("127.0.0.1:0", taken)}) {
    EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(server.status().message()), AllOf(HasSubstr(taken), HasSubstr("in use")));
  }
}

TEST_F(ServerTest, AnAddressOfAnotherMachineIsAnErrorThatNamesIt) {
  const auto server = Start("192.0.2.1:0", "", true);
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("192.0.2.1"));
}

TEST_F(ServerTest, HealthFollowsServingOnBothListeners) {
  auto server = Start("127.0.0.1:0", "127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_NE((*server)->health_port(), 0);
  for (const int port : {(*server)->port(), (*server)->health_port()}) {
    const auto channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
    for (const char* service : {"", "latentd.v1.ImageGeneration", "latentd.v1.Models", "latentd.v1.Blobs"}) {
      (*server)->SetServing(false);
      EXPECT_EQ(Health(channel, service), kNotServing) << service;
      (*server)->SetServing(true);
      EXPECT_EQ(Health(channel, service), kServing) << service;
    }
    // Whatever it is ready for, it is not to be restarted until it hangs.
    EXPECT_EQ(Health(channel, "liveness"), kServing);
    (*server)->SetServing(false);
    EXPECT_EQ(Health(channel, "liveness"), kServing);
    (*server)->SetServing(true);
    (*server)->SetLive(false);
    EXPECT_EQ(Health(channel, "liveness"), kNotServing);
    EXPECT_EQ(Health(channel, ""), kServing);
    (*server)->SetLive(true);
    EXPECT_EQ(RawCall(channel, "/grpc.health.v1.Health/Check", "\x0A\x01x").first.error_code(),
              grpc::StatusCode::NOT_FOUND);
  }
  // The health listener serves nothing else.
  const auto health =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*server)->health_port()), grpc::InsecureChannelCredentials());
  for (const char* method :
       {"/latentd.v1.ImageGeneration/GetStats", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
    EXPECT_EQ(RawCall(health, method, "").first.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
  }
}

TEST_F(ServerTest, ANewServerIsNotServing) { EXPECT_EQ(Health(channel_, ""), kNotServing); }

TEST_F(ServerTest, ReflectionListsTheServices) {
  // ServerReflectionRequest{list_services: ""}
  const std::string answer =
      RawCall(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", std::string("\x3A\0", 2))
          .second;
  for (const char* service :
       {"latentd.v1.ImageGeneration", "latentd.v1.Models", "latentd.v1.Blobs", "grpc.health.v1.Health"}) {
    EXPECT_THAT(answer, HasSubstr(service));
  }
}

TEST_F(ServerTest, ShutdownWaitsForOpenStreams) {
  const std::string job = CreateJob();
  Context context;
  v1::WatchJobRequest request;
  request.set_name(job);
  const auto stream = images_->WatchJob(&context, request);
  v1::Event event;
  ASSERT_TRUE(stream->Read(&event));
  std::thread shutdown([&] { server_->Shutdown(absl::Seconds(30)); });
  EXPECT_TRUE(Eventually([&] { return Health(channel_, "") == kNotServing; }));
  StartJobs();
  Finish(job);
  std::vector<v1::Event> events;
  while (stream->Read(&event)) events.push_back(event);
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_FALSE(events.empty());
  EXPECT_TRUE(events.back().has_completed());
  shutdown.join();
  EXPECT_EQ(server_->open_streams(), 0);
}

TEST_F(ServerTest, ShutdownSendsAwayWhoIsLeftAtTheDeadline) {
  const std::string job = CreateJob();
  Context watching, generating;
  v1::WatchJobRequest watch;
  watch.set_name(job);
  const auto stream = images_->WatchJob(&watching, watch);
  v1::GenerateRequest generate;
  *generate.mutable_spec() = Spec();
  const auto own = images_->Generate(&generating, generate);
  v1::Event event;
  ASSERT_TRUE(stream->Read(&event));
  ASSERT_TRUE(own->Read(&event));
  std::thread shutdown([&] { server_->Shutdown(absl::Milliseconds(100)); });
  for (auto* left : {stream.get(), own.get()}) {
    const grpc::Status status = left->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(status.error_message(), HasSubstr("WatchJob"));
  }
  shutdown.join();
  EXPECT_EQ(server_->open_streams(), 0);
  for (const std::string& each : {event.job(), job}) EXPECT_EQ(StateOf(each), core::JobState::kQueued) << each;
}

TEST_F(ServerTest, TheNumberOfStreamsIsReported) {
  std::vector<int> counts;
  auto server = Server::Start({.listen = "127.0.0.1:0",
                               .store = &store_,
                               .catalog = &catalog_,
                               .authenticator = authenticator_.get(),
                               .clock = &clock_,
                               .on_open_streams = [&](int count) { counts.push_back(count); }});
  ASSERT_TRUE(server.ok());
  const auto stub = v1::ImageGeneration::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*server)->port()), grpc::InsecureChannelCredentials()));
  Context context;
  v1::WatchJobRequest request;
  request.set_name(CreateJob());
  StartJobs();
  Finish(request.name());
  const auto stream = stub->WatchJob(&context, request);
  v1::Event event;
  while (stream->Read(&event)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  *server = nullptr;
  EXPECT_THAT(counts, testing::ElementsAre(1, 0));
}

}  // namespace
}  // namespace latentd::rpc
