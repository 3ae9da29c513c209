#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/authenticator.h"
#include "server/auth/tls.h"
#include "server/core/adapter.h"
#include "server/core/blob_store.h"
#include "server/core/clock.h"
#include "server/core/generation_request.h"
#include "server/core/job_store.h"
#include "server/core/model_catalog.h"
#include "server/core/stats.h"
#include "server/rpc/call_log.h"

namespace latentd::rpc {

// The gRPC server: the services of proto/latentd/v1, grpc.health.v1 and server reflection.
//
//   auto server = Server::Start({.listen = "127.0.0.1:50051", .store = &store, .catalog = &catalog, .blobs = &blobs,
//   .clock = &clock,
//                                .stats = [&] { return collector.Get(); }});
//   (*server)->SetServing(true);
//   …
//   (*server)->Shutdown(absl::Seconds(30));
//
// Thread-safe.
class Server {
 public:
  struct Options {
    std::string listen{};         // "ADDR:PORT", port 0 for any free one
    std::string health_listen{};  // a second listener with the health service alone; empty: none
    auth::TlsFiles tls{};         // of `listen`; without a certificate it is plain text
    bool insecure = false;        // allows `listen` to be more than loopback without TLS and authentication

    // REQUIRES: not null; they outlive the server.
    core::JobStore* store = nullptr;
    core::ModelCatalog* catalog = nullptr;
    core::AdapterCatalog* adapters = nullptr;
    core::BlobStore* blobs = nullptr;
    auth::Authenticator* authenticator = nullptr;  // tells who calls
    core::Clock* clock = nullptr;

    // That call the stores, where those may have to be waited for. 0: gRPC's own do, which must not wait.
    int store_threads = 0;

    // REQUIRED: looks at a picture that came with a request (RequestContext::open_image).
    std::function<absl::StatusOr<core::InputImage>(core::Blob file, std::string sha256)> open_image{};

    core::RequestLimits limits{};
    std::function<core::Stats()> stats{};              // behind GetStats; must not block
    std::function<void(const CallRecord&)> on_call{};  // told of each call of the API when it is over; must not block
    std::function<void(int)> on_open_streams{};  // told the number of open event streams when it changes; may be null
    std::function<uint32_t()> draw_seed{};       // null: from the system's random device

    // A stream that has sent nothing for this long gets a Heartbeat.
    absl::Duration heartbeat = absl::Seconds(15);
    // A stream whose reader has not taken the message under way for this long is ended (and its Generate's job is
    // cancelled): a peer that answers pings but never reads would hold it for ever.
    absl::Duration write_stall_limit = absl::Minutes(10);
  };

  // Begins to serve, with health NOT_SERVING. Errors: INVALID_ARGUMENT (an address that is none, a TLS file that cannot
  // be used), FAILED_PRECONDITION (`listen` is reachable from other machines without TLS and callers who say who they
  // are, and `insecure` is false; the address is in use or not this machine's).
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options);

  // Shuts down at once when Shutdown was not called.
  virtual ~Server() = default;

  virtual int port() const = 0;
  virtual int health_port() const = 0;  // 0: no such listener

  // What the health service says, for the whole server and for each service. Nothing more after Shutdown.
  virtual void SetServing(bool serving) = 0;

  // What it says of the service "liveness", for whoever would restart a process that hangs; yes from the start on, also
  // while the server loads or drains. Nothing more after Shutdown.
  virtual void SetLive(bool live) = 0;

  virtual int open_streams() const = 0;

  // Says NOT_SERVING, waits for `grace` at most until the open event streams have ended by themselves; then it
  // sends away those that are left (UNAVAILABLE, DRAINING), gives calls a last moment (a second at most, and no more
  // than `grace`), and cancels the rest. Blocks; afterwards no call into the store or the catalog is under way or will
  // come. To drain, call JobStore::Drain first.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace latentd::rpc
