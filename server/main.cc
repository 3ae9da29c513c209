// latentd: the server's program. Builds the parts, serves until SIGTERM or SIGINT, then drains.

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/auth/authenticator.h"
#include "server/auth/reloaded_file.h"
#include "server/auth/tenants.h"
#include "server/config/server_options.h"
#include "server/core/readiness.h"
#include "server/core/system_clock.h"
#include "server/device.h"
#include "server/engine/engine.h"
#include "server/engine/keep_memory.h"
#include "server/engine/memory_limit.h"
#include "server/found.h"
#include "server/imaging/open_image.h"
#include "server/log/log.h"
#include "server/log_events.h"
#include "server/metrics/fan_out_observer.h"
#include "server/metrics/metrics_server.h"
#include "server/metrics/prometheus_metrics.h"
#include "server/metrics/stats_collector.h"
#include "server/preload.h"
#include "server/rpc/server.h"
#include "server/rpc/stored_jobs.h"
#include "server/store/memory_blob_store.h"
#include "server/store/memory_job_store.h"
#include "server/store/redis/redis_blob_store.h"
#include "server/store/redis/redis_job_store.h"

namespace latentd {
namespace {

// What another replica makes again when this one is lost.
constexpr absl::Duration kCheckpointEvery = absl::Seconds(2);
// To write down what was given up last; the grace period of whoever stops the process has room for it.
constexpr absl::Duration kFlushTime = absl::Seconds(2);
// That wait for Redis: as many calls about jobs at a time.
constexpr int kStoreThreads = 16;
// What the process sends to itself to wake who waits for signals; once it stops, nobody does. One that nobody else
// sends.
const int kEndItself = SIGRTMIN;

// Signals are waited for: no code of ours runs in a handler, but to end at once.
sigset_t PrepareSignals() {
  // hiredis writes to connections that their other end may have closed: that is an error, and no reason to die.
  (void)signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, kEndItself);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// By a handler of our own: for process 1 the system has none.
void EndAtNextSignal() {
  struct sigaction action = {};
  action.sa_handler = [](int which) { _exit(128 + which); };
  sigset_t signals;
  sigemptyset(&signals);
  for (const int each : {SIGTERM, SIGINT}) {
    sigaction(each, &action, nullptr);
    sigaddset(&signals, each);
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

// Refuses new jobs. Those there are go to other replicas where jobs are shared; else they have until `deadline`, and
// what is not done then is given up.
void Drain(core::JobStore& store, engine::Engine& engine, bool shared, const core::Clock& clock, absl::Time deadline) {
  store.Drain();
  if (shared) engine.HandBack("DRAINED");
  if (!engine.WaitUntilIdle(deadline)) store.GiveUpAll("DRAINED");
  if (!store.Flush(std::max(deadline, clock.Now() + kFlushTime)))
    log::Error("what was done last of jobs could not be written to the store of jobs");
}

absl::Status Serve(const config::ServerOptions& options, const sigset_t& stop_signals) {
  const auto device = ChooseDevice(options.device);
  if (!device.ok()) return device.status();
  const at::ScalarType type = ChooseType(options.dtype, *device);
  KeepFloat32();
  const std::string software = absl::StrCat("latentd ", LATENTD_VERSION);

  core::SystemClock clock;
  metrics::PrometheusMetrics prometheus(LATENTD_VERSION);
  engine::Engine* running = nullptr;  // set below; the collector asks for it while the server is up
  core::Readiness readiness;          // outlives the registry and the engine, which report to it
  std::promise<absl::Status> not_preloaded;
  metrics::StatsCollector collector(&clock,
                                    {.version = LATENTD_VERSION,
                                     .device = device->str(),
                                     .dtype = NameOf(type),
                                     .running_rows = [&] { return running == nullptr ? 0 : running->running_rows(); },
                                     .draining = [&] { return readiness.draining(); }});
  metrics::FanOutObserver observer({&prometheus, &collector});

  const auto tensors = at::TensorOptions().dtype(type).device(*device);
  auto models = FindModels(options, tensors);
  if (!models.ok()) return models.status();
  auto found_adapters = FindAdapters(options, tensors);
  if (!found_adapters.ok()) return found_adapters.status();
  std::unique_ptr<auth::ReloadedFile<auth::Tenants>> tenants;
  if (!options.tenants.empty()) {
    auto opened = auth::ReloadedFile<auth::Tenants>::Open(
        {.path = options.tenants, .parse = auth::Tenants::Parse, .on_error = LogReload});
    if (!opened.ok()) return opened.status();
    tenants = *std::move(opened);
  }
  const auto limits_of = [&tenants](const std::string& tenant) {
    return tenants == nullptr ? core::TenantLimits() : tenants->Get()->LimitsOf(tenant);
  };
  const rpc::StoredJobs codec(imaging::OpenImage);
  const bool shared = options.job_store != "memory";
  store::RedisAddress redis;
  if (shared) redis = *store::ParseRedisAddress(options.job_store);
  redis.password_file = options.job_store_password;
  std::unique_ptr<core::JobStore> store;
  prometheus.SetJobStoreUp(!shared);  // until it was looked at
  if (shared) {
    store = std::make_unique<store::RedisJobStore>(
        store::RedisJobStoreOptions{.address = redis,
                                    .clock = &clock,
                                    .codec = &codec,
                                    .observer = &observer,
                                    .on_ended = LogJob,
                                    .on_unable = LogUnable,
                                    .on_health =
                                        [&prometheus](const absl::Status& status) {
                                          prometheus.SetJobStoreUp(status.ok());
                                          LogJobStore(status);
                                        },
                                    .on_refused = LogRefusal,
                                    .tenant_limits = limits_of,
                                    .max_queued_jobs = options.max_queued_jobs,
                                    .job_ttl = options.job_ttl,
                                    .job_bytes = options.job_bytes});
  } else {
    store =
        std::make_unique<store::MemoryJobStore>(store::MemoryJobStoreOptions{.clock = &clock,
                                                                             .observer = &observer,
                                                                             .on_ended = LogJob,
                                                                             .tenant_limits = limits_of,
                                                                             .max_queued_jobs = options.max_queued_jobs,
                                                                             .job_ttl = options.job_ttl,
                                                                             .job_bytes = options.job_bytes});
  }
  std::unique_ptr<core::BlobStore> blobs;
  if (shared) {
    blobs = std::make_unique<store::RedisBlobStore>(store::RedisBlobStoreOptions{
        .address = redis, .clock = &clock, .bytes = options.blob_bytes, .ttl = options.job_ttl});
  } else {
    blobs = std::make_unique<store::MemoryBlobStore>(
        store::MemoryBlobStoreOptions{.clock = &clock,
                                      .bytes = options.blob_bytes,
                                      .ttl = options.job_ttl,
                                      .on_usage = [&](const core::BlobUsage& usage) { prometheus.SetBlobs(usage); }});
  }
  // What may fail goes before the engine, which takes jobs.
  auto exposed = metrics::MetricsServer::Start(options.metrics_listen, prometheus.registry());
  if (!exposed.ok()) return exposed.status();
  auto authenticator =
      auth::Authenticator::Create({.api_keys = options.api_keys,
                                   .jwks = options.jwks,
                                   .rules = {.issuer = options.jwt_issuer, .audience = options.jwt_audience},
                                   .on_error = LogReload});
  if (!authenticator.ok()) return authenticator.status();
  // A GPU says itself when it is full; a process that takes too much of the machine's memory is killed.
  const int64_t memory = options.model_memory > 0 ? options.model_memory
                         : device->is_cuda()      ? 0
                                                  : engine::DefaultHostMemory();
  engine::AdapterRegistry adapters(
      {.adapters = *std::move(found_adapters), .memory_budget = options.adapter_memory, .observer = &observer});
  engine::ModelRegistry registry(
      {.models = *std::move(models), .memory_budget = memory, .observer = &observer, .on_unloaded = [&] {
         adapters.DropOrphans();
       }});
  // Before the engine, which leaves to others what waits for a model while one is loaded here.
  Preload(options.preload, registry, [&](const absl::Status& status) {
    if (status.ok()) return readiness.SetPreloaded();
    not_preloaded.set_value(status);
    kill(getpid(), kEndItself);  // whoever starts it again may have more luck
  });
  core::SchedulerOptions scheduler;
  scheduler.batching.max_batch_rows = options.max_batch_rows > 0 ? options.max_batch_rows : device->is_cuda() ? 16 : 8;
  scheduler.batching.max_lanes = 2 * scheduler.batching.max_batch_rows;
  engine::Engine engine(
      {.store = store.get(),
       .models = &registry,
       .clock = &clock,
       .adapters = &adapters,
       .observer = &observer,
       .scheduler = scheduler,
       .withhold_flagged = options.safety == "withhold",
       .checkpoint_every = shared ? kCheckpointEvery : absl::ZeroDuration(),
       .threads = options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency()),
       .on_stuck =
           [&](bool stuck) {
             if (stuck) log::Error("the engine is stuck: one stage takes far too long");
             if (!stuck) log::Info("the engine goes on");
             prometheus.SetEngineStuck(stuck);
             readiness.SetStuck(stuck);
           },
       .canary_every = options.canary_every,
       .on_canary =
           [&](const absl::Status& status) {
             if (!status.ok()) {
               log::Error("the canary failed: the device does not work", {{"error", std::string(status.message())}});
               prometheus.OnCanaryFailed();
             } else {
               log::Info("the canary fails no more");
             }
             readiness.SetFaulty(!status.ok());
           },
       .software = software});
  running = &engine;
  prometheus.SetLimits({.queued_jobs = options.max_queued_jobs,
                        .batch_rows = scheduler.batching.max_batch_rows,
                        .weights_bytes = memory,
                        .adapter_bytes = options.adapter_memory,
                        .blob_bytes = options.blob_bytes,
                        .process_bytes = engine::HostMemory()});

  auto started =
      rpc::Server::Start({.listen = options.listen,
                          .health_listen = options.health_listen,
                          .tls = {.cert = options.tls_cert, .key = options.tls_key, .client_ca = options.tls_client_ca},
                          .insecure = options.insecure,
                          .store = store.get(),
                          .catalog = &registry,
                          .adapters = &adapters,
                          .blobs = blobs.get(),
                          .authenticator = authenticator->get(),
                          .clock = &clock,
                          .store_threads = shared ? kStoreThreads : 0,
                          .open_image = imaging::OpenImage,
                          .stats = [&] { return collector.Get(); },
                          .on_call = LogCall,
                          .on_open_streams = [&](int count) { prometheus.SetOpenStreams(count); },
                          .draw_seed = nullptr});
  if (!started.ok()) {
    Drain(*store, engine, shared, clock, clock.Now() + kFlushTime);
    return started.status();
  }
  const std::shared_ptr<rpc::Server> server = *std::move(started);
  // The ports that were bound, which matters when port 0 was asked for.
  const auto bound = [](const std::string& address, int port) {
    return absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
  };
  log::Info(absl::StrCat("gRPC on ", bound(options.listen, server->port()), ", metrics on http://",
                         bound(options.metrics_listen, (*exposed)->port()), "/metrics"),
            {{"version", LATENTD_VERSION}, {"device", device->str()}, {"dtype", NameOf(type)}});
  // The loader and the engine may be busy for longer than the server lives.
  readiness.SetListener([weak = std::weak_ptr(server), &prometheus](const core::Health& health) {
    prometheus.SetReady(health.ready);
    const std::shared_ptr<rpc::Server> alive = weak.lock();
    if (alive == nullptr) return;
    alive->SetServing(health.ready);
    alive->SetLive(health.live);
    if (health.ready) log::Info("ready");
  });

  int signal = 0;
  sigwait(&stop_signals, &signal);
  EndAtNextSignal();
  log::Info("finishing what was accepted",
            {{"signal", strsignal(signal)}, {"for_at_most", absl::FormatDuration(options.drain_timeout)}});
  const absl::Time deadline = clock.Now() + options.drain_timeout;
  readiness.SetDraining();
  Drain(*store, engine, shared, clock, deadline);
  server->Shutdown(std::max(deadline - clock.Now(), absl::Seconds(1)));
  log::Info("stopped");
  std::future<absl::Status> failed = not_preloaded.get_future();
  return failed.wait_for(std::chrono::seconds(0)) == std::future_status::ready ? failed.get() : absl::OkStatus();
}

int Main(int argc, char** argv) {
  const auto options = config::ParseServerOptions(argc, argv, LATENTD_VERSION);
  absl::Status status = options.status();
  if (options.ok()) {
    if (!options->information.empty()) {
      std::fputs(options->information.c_str(), stdout);
      return 0;
    }
    engine::KeepFreedMemory();
    // First, so that every thread that is started blocks them.
    const sigset_t stop_signals = PrepareSignals();
    log::Start();
    status = Serve(*options, stop_signals);
    log::Stop();
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "latentd: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace latentd

int main(int argc, char** argv) { return latentd::Main(argc, argv); }
