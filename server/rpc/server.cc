#include "server/rpc/server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/core/errors.h"
#include "server/rpc/address.h"
#include "server/rpc/blobs_service.h"
#include "server/rpc/image_generation_service.h"
#include "server/rpc/models_service.h"
#include "server/rpc/openai_service.h"

namespace latentd::rpc {
namespace {

// Requests are texts, numbers and small pictures; large inputs come as blobs, in chunks.
constexpr int kMaxReceiveBytes = 8 << 20;
// What gRPC may hold of all callers together: 64 of the largest messages.
constexpr size_t kCallMemory = size_t{512} << 20;
// Threads for notifications: they do microseconds of work each.
constexpr int kExecutorThreads = 2;
// Time for what is no event stream to end by itself in a shutdown: unary calls do, health watches never would.
constexpr absl::Duration kLastCalls = absl::Seconds(1);

uint32_t DrawSeed() {
  static thread_local std::random_device device;
  return device();
}

uint64_t DrawBits() { return uint64_t{DrawSeed()} << 32 | DrawSeed(); }

// Of a stream whose job another server may go on with.
absl::Status SentAway() {
  return core::MakeError(absl::StatusCode::kUnavailable,
                         "The server is stopping: go on with WatchJob after the last event, at another one.",
                         {.reason = "DRAINING", .retry_after = absl::Milliseconds(100)});
}

// Takes off a server what the process adds to every one: reflection, on the health listener.
class NoPlugins : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override { plugins->clear(); }
};

// What every listener has in common. Keepalive finds peers that are gone without a word within 50 seconds; a peer that
// is there and never reads is EventStream's matter.
void Configure(grpc::ServerBuilder& builder) {
  // Without this, a second server on the same port would quietly take half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Clients may send keepalive pings of their own this often.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000);
  // It would be inflated before its size is looked at, and before anybody is asked who calls: a megabyte to a gigabyte.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  // Reflection is the only service with blocking threads; each of its streams holds one. gRPC 1.51 looks at a message's
  // size when it has all of it, so that without a bound a caller whom nobody knows could fill the machine's memory.
  builder.SetResourceQuota(grpc::ResourceQuota("latentd").SetMaxThreads(16).Resize(kCallMemory));
}

absl::StatusOr<Address> CheckListen(const std::string& text, bool insecure, bool callers_are_known,
                                    const auth::TlsFiles& tls) {
  absl::StatusOr<Address> address = ParseAddress(text);
  const bool secure = !tls.cert.empty() && (callers_are_known || !tls.client_ca.empty());
  if (!address.ok() || insecure || IsLoopback(*address) || secure) return address;
  return absl::FailedPreconditionError(absl::StrCat(
      "--listen ", text, " is reachable from other machines, and ",
      tls.cert.empty() ? "has no TLS: give --tls-cert and --tls-key, with --api-keys, --jwks or --tls-client-ca"
                       : "everybody may call: give --api-keys, --jwks or --tls-client-ca",
      ", listen on 127.0.0.1, or say --insecure to serve everybody who can connect"));
}

class ServerImpl final : public Server {
 public:
  explicit ServerImpl(const Options& options)
      : executor_(std::make_shared<Executor>(kExecutorThreads)),
        store_calls_(options.store_threads),
        open_streams_(options.on_open_streams),
        streams_{.store = options.store,
                 .clock = options.clock,
                 .executor = executor_.get(),
                 .calls = &store_calls_,
                 .open = &open_streams_,
                 .heartbeat = options.heartbeat,
                 .write_stall_limit = options.write_stall_limit},
        calls_({.clock = options.clock, .random = DrawBits, .sink = options.on_call}),
        gate_(options.authenticator, &calls_),
        generation_(gate_, &calls_, streams_,
                    RequestContext{.catalog = options.catalog,
                                   .adapters = options.adapters,
                                   .limits = options.limits,
                                   .draw_seed = options.draw_seed ? options.draw_seed : DrawSeed,
                                   .open_image = options.open_image,
                                   .blobs = options.blobs},
                    options.stats),
        models_(gate_, options.catalog, options.adapters, options.limits, executor_),
        blobs_(gate_, options.blobs, &store_calls_),
        openai_(gate_, streams_, &generation_, options.catalog) {}

  ~ServerImpl() override { Shutdown(absl::ZeroDuration()); }

  absl::Status Listen(const Options& options) {
    const absl::StatusOr<Address> address =
        CheckListen(options.listen, options.insecure, options.authenticator->required(), options.tls);
    if (!address.ok()) return address.status();
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (!options.tls.cert.empty()) {
      auto tls = auth::TlsCredentials(options.tls);
      if (!tls.ok()) return tls.status();
      credentials = *std::move(tls);
    }
    grpc::ServerBuilder builder;
    Configure(builder);
    builder.experimental().SetInterceptorCreators(calls_.Interceptors());
    builder.RegisterService(&generation_).RegisterService(&models_).RegisterService(&blobs_).RegisterService(&openai_);
    return Build(builder, options.listen, *address, credentials, server_, port_);
  }

  absl::Status ListenForHealth(const std::string& text) {
    const absl::StatusOr<Address> address = ParseAddress(text);
    if (!address.ok()) return address.status();
    grpc::ServerBuilder builder;
    Configure(builder);
    builder.SetOption(std::make_unique<NoPlugins>());
    // The library's health service is not counted as one; without any, the server would not start.
    builder.RegisterCallbackGenericService(&nothing_);
    return Build(builder, text, *address, grpc::InsecureServerCredentials(), health_server_, health_port_);
  }

  int port() const override { return port_; }
  int health_port() const override { return health_port_; }
  int open_streams() const override { return open_streams_.count(); }

  void SetServing(bool serving) override {
    for (const char* service : {"", v1::ImageGeneration::service_full_name(), v1::Models::service_full_name(),
                                v1::Blobs::service_full_name(), v1::OpenAI::service_full_name()}) {
      SetHealth(service, serving);
    }
  }

  void SetLive(bool live) override { SetHealth("liveness", live); }

  void Shutdown(absl::Duration grace) override {
    core::MutexLock lock(shutdown_mutex_);
    if (down_) return;
    down_ = true;
    for (const auto* server : {&server_, &health_server_}) {
      // NOT_SERVING from now on, whatever SetServing is told.
      if (*server != nullptr) (*server)->GetHealthCheckService()->Shutdown();
    }
    open_streams_.WaitForNone(grace);
    open_streams_.EndAll(SentAway());
    const auto last_calls = absl::ToChronoTime(absl::Now() + std::min(grace, kLastCalls));
    for (const auto* server : {&server_, &health_server_}) {
      if (*server != nullptr) (*server)->Shutdown(last_calls);
    }
    store_calls_.Stop();
    executor_->Stop();
  }

 private:
  absl::Status Build(grpc::ServerBuilder& builder, const std::string& text, const Address& address,
                     const std::shared_ptr<grpc::ServerCredentials>& credentials, std::unique_ptr<grpc::Server>& server,
                     int& port) {
    builder.AddListeningPort(text, credentials, &port);
    server = builder.BuildAndStart();
    if (server == nullptr) return ExplainBindFailure(address);
    SetServing(false);
    SetLive(true);
    return absl::OkStatus();
  }

  void SetHealth(const std::string& service, bool serving) {
    for (const auto* server : {&server_, &health_server_}) {
      if (*server != nullptr) (*server)->GetHealthCheckService()->SetServingStatus(service, serving);
    }
  }

  // Destroyed last to first: the servers stop calling the services before those go.
  const std::shared_ptr<Executor> executor_;
  Executor store_calls_;
  OpenStreams open_streams_;
  const StreamContext streams_;
  CallLog calls_;
  const Gate gate_;
  ImageGenerationService generation_;
  ModelsService models_;
  BlobsService blobs_;
  OpenAIService openai_;
  grpc::CallbackGenericService nothing_;  // answers UNIMPLEMENTED
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::Server> health_server_;
  int port_ = 0;
  int health_port_ = 0;
  core::Mutex shutdown_mutex_;
  bool down_ ABSL_GUARDED_BY(shutdown_mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Protobuf logs what is not UTF-8 in requests, which the caller is told of by name.
  google::protobuf::SetLogHandler(nullptr);
  auto server = std::make_unique<ServerImpl>(options);
  if (absl::Status listens = server->Listen(options); !listens.ok()) return listens;
  if (!options.health_listen.empty()) {
    if (absl::Status listens = server->ListenForHealth(options.health_listen); !listens.ok()) return listens;
  }
  return server;
}

}  // namespace latentd::rpc
