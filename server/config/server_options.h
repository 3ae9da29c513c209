#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace latentd::config {

// Which models are loaded before the server says that it is ready.
struct Preload {
  bool all = false;
  std::vector<std::string> names;  // empty unless `all` is false and names were given
};

// What `latentd`'s flags say. Each member is one flag and one key of the configuration file; see flags.cc for the
// texts.
struct ServerOptions {
  std::string listen = "127.0.0.1:50051";
  std::string metrics_listen = "127.0.0.1:9464";
  std::string health_listen;    // empty: no listener of its own
  std::string models;           // folder of models; empty: only the embedded ones
  std::string adapters;         // folder of adapters; empty: only the embedded ones
  Preload preload;              // none: models load on first use
  std::string device = "auto";  // "auto", "cpu", "cuda" or "cuda:N"
  std::string dtype = "auto";   // "auto", "float32", "bfloat16" or "float16"
  int max_batch_rows = 0;       // 0: the engine's choice for the device
  int max_queued_jobs = 1000;
  int threads = 0;                            // 0: one for each core
  int64_t model_memory = 0;                   // bytes of weights; 0: chosen for the device
  int64_t adapter_memory = int64_t{4} << 30;  // room for an IP-Adapter's image encoder in float32
  std::string safety = "withhold";            // "off", "flag" or "withhold"
  absl::Duration job_ttl = absl::Hours(1);
  std::string job_store = "memory";  // or redis://…
  std::string job_store_password;    // file; empty: none, or in job_store
  int64_t job_bytes = int64_t{1} << 30;
  int64_t blob_bytes = int64_t{256} << 20;
  absl::Duration canary_every;                       // 0: never
  absl::Duration drain_timeout = absl::Seconds(25);  // below Kubernetes' 30 s between SIGTERM and SIGKILL
  std::string tls_cert;                              // PEM files; empty: plain text
  std::string tls_key;
  std::string tls_client_ca;  // empty: callers need no certificate
  std::string api_keys;       // empty: no keys are taken
  std::string jwks;           // empty: no tokens are taken
  std::string jwt_issuer;     // empty: any
  std::string jwt_audience = "latentd";
  std::string tenants;  // empty: tenants may take what they like
  bool insecure = false;

  // Set by --help and --version: print it and exit with code 0. Everything else has no meaning then.
  std::string information;
};

// Reads the flags, and the file that --config names; flags win. INVALID_ARGUMENT names the flag, or the key with the
// file and line, and what would have been right; a name that is nearly one of ours is suggested.
//
//   auto options = ParseServerOptions(argc, argv, LATENTD_VERSION);
absl::StatusOr<ServerOptions> ParseServerOptions(int argc, const char* const* argv, const std::string& version);

}  // namespace latentd::config
