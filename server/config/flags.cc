#include "server/config/flags.h"

#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/config/values.h"
#include "server/store/redis/address.h"

namespace latentd::config {
namespace {

template <typename T>
absl::Status Store(T& member, absl::StatusOr<T> value) {
  if (!value.ok()) return value.status();
  member = *std::move(value);
  return absl::OkStatus();
}

absl::Status SetOneOf(std::string& member, const std::string& value, const std::vector<std::string>& allowed) {
  for (const std::string& one : allowed) {
    if (value == one) {
      member = value;
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not one of ", absl::StrJoin(allowed, ", ")));
}

absl::Status SetDevice(ServerOptions& options, const std::string& value) {
  absl::string_view index = value;
  if (absl::ConsumePrefix(&index, "cuda:")) {
    if (!ParseInt(index, 0, 127).ok()) {
      return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not auto, cpu, cuda or cuda:N"));
    }
    options.device = value;
    return absl::OkStatus();
  }
  return SetOneOf(options.device, value, {"auto", "cpu", "cuda"});
}

absl::Status SetPreload(ServerOptions& options, const std::string& value) {
  Preload preload;
  if (value == "all") {
    preload.all = true;
  } else if (value != "none") {
    for (absl::string_view name : absl::StrSplit(value, ',')) {
      name = absl::StripAsciiWhitespace(name);
      if (name.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("'", value, "' is not a list of models such as pictograms,sd15, nor all or none"));
      }
      preload.names.emplace_back(name);
    }
  }
  options.preload = std::move(preload);
  return absl::OkStatus();
}

absl::Status SetInsecure(ServerOptions& options, const std::string& value) {
  if (!absl::SimpleAtob(value, &options.insecure)) {
    return absl::InvalidArgumentError(absl::StrCat("'", value, "' is not true or false"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ParseText(const std::string& value) {
  if (value.empty()) return absl::InvalidArgumentError("must not be empty");
  return value;
}

absl::StatusOr<std::string> ParseJobStore(const std::string& value) {
  if (value == "memory") return value;
  // Its errors name no password.
  const absl::StatusOr<store::RedisAddress> address = store::ParseRedisAddress(value);
  if (!address.ok())
    return absl::InvalidArgumentError(absl::StrCat("must be memory or a Redis; ", address.status().message()));
  return value;
}

// `kind`: "file" or "folder".
absl::StatusOr<std::string> ParsePath(const char* kind, const std::string& value) {
  if (value.empty()) return absl::InvalidArgumentError(absl::StrCat("the ", kind, "'s name is empty"));
  return value;
}

}  // namespace

const std::vector<Flag>& Flags() {
  static const auto* const flags = new std::vector<Flag>{
      {"listen", "ADDR:PORT", "Where gRPC is served (default 127.0.0.1:50051)",
       [](ServerOptions& o, const std::string& v) { return Store(o.listen, ParseAddress(v)); }},
      {"metrics-listen", "ADDR:PORT", "Where Prometheus finds /metrics (default 127.0.0.1:9464)",
       [](ServerOptions& o, const std::string& v) { return Store(o.metrics_listen, ParseAddress(v)); }},
      {"health-listen", "ADDR:PORT", "A plain listener with gRPC health alone (default: none)",
       [](ServerOptions& o, const std::string& v) { return Store(o.health_listen, ParseAddress(v)); }},
      {"models", "DIR", "Folder of models, one in each subfolder (default: the embedded models)",
       [](ServerOptions& o, const std::string& v) { return Store(o.models, ParsePath("folder", v)); }},
      {"adapters", "DIR", "Folder of LoRAs and other adapters (default: the embedded ones)",
       [](ServerOptions& o, const std::string& v) { return Store(o.adapters, ParsePath("folder", v)); }},
      {"preload", "NAME,...|all|none", "Models to load before the server is ready (default none: on first use)",
       SetPreload},
      {"device", "auto|cpu|cuda[:N]", "Where the models run (default auto: CUDA when there is one)", SetDevice},
      {"dtype", "auto|float32|bfloat16|float16", "What the networks compute in (default auto: float32 on the CPU)",
       [](ServerOptions& o, const std::string& v) {
         return SetOneOf(o.dtype, v, {"auto", "float32", "bfloat16", "float16"});
       }},
      {"max-batch-rows", "N", "Most images denoised in one batch (default 0: chosen for the device)",
       [](ServerOptions& o, const std::string& v) { return Store(o.max_batch_rows, ParseInt(v, 0, 4096)); }},
      {"max-queued-jobs", "N", "Most jobs that wait; more are refused (default 1000)",
       [](ServerOptions& o, const std::string& v) { return Store(o.max_queued_jobs, ParseInt(v, 1, 1000000)); }},
      {"threads", "N", "Threads that compute (default 0: one for each core)",
       [](ServerOptions& o, const std::string& v) { return Store(o.threads, ParseInt(v, 0, 4096)); }},
      {"model-memory", "BYTES",
       "Most memory for weights, such as 8GiB (default 0: what a GPU holds, four fifths of the CPU's memory)",
       [](ServerOptions& o, const std::string& v) { return Store(o.model_memory, ParseSize(v)); }},
      {"adapter-memory", "BYTES", "Most memory for adapters that are kept for the next job (default 4GiB)",
       [](ServerOptions& o, const std::string& v) { return Store(o.adapter_memory, ParseSize(v)); }},
      {"safety", "off|flag|withhold",
       "What becomes of pictures that a model's safety checker flags: with off it is not loaded (default withhold)",
       [](ServerOptions& o, const std::string& v) {
         return SetOneOf(o.safety, v, {"off", "flag", "withhold"});
       }},
      {"job-store", "memory|redis://HOST:PORT/DB",
       "Where jobs are kept: in this process (default), or in a Redis that several share",
       [](ServerOptions& o, const std::string& v) { return Store(o.job_store, ParseJobStore(v)); }},
      {"job-store-password-file", "FILE",
       "Password of the Redis of --job-store, which need not be in its address then; may change (default: none)",
       [](ServerOptions& o, const std::string& v) { return Store(o.job_store_password, ParsePath("file", v)); }},
      {"job-ttl", "DURATION", "How long finished jobs, and large inputs that nobody uses, are kept (default 1h)",
       [](ServerOptions& o, const std::string& v) { return Store(o.job_ttl, ParseDuration(v)); }},
      {"job-bytes", "BYTES", "Most memory for finished jobs, oldest go first (default 1GiB)",
       [](ServerOptions& o, const std::string& v) { return Store(o.job_bytes, ParseSize(v)); }},
      {"blob-bytes", "BYTES",
       "Most memory for large inputs that callers send ahead (default 256MiB; 0: none are taken)",
       [](ServerOptions& o, const std::string& v) { return Store(o.blob_bytes, ParseSize(v)); }},
      {"canary-every", "DURATION",
       "A server without jobs for so long takes a step of its own, and is not ready while that fails (default: never)",
       [](ServerOptions& o, const std::string& v) { return Store(o.canary_every, ParseDuration(v)); }},
      {"drain-timeout", "DURATION", "How long accepted jobs may take to finish after SIGTERM (default 25s)",
       [](ServerOptions& o, const std::string& v) { return Store(o.drain_timeout, ParseDuration(v)); }},
      {"tls-cert", "FILE", "Certificate of --listen, with those up to its authority, in PEM (default: no TLS)",
       [](ServerOptions& o, const std::string& v) { return Store(o.tls_cert, ParsePath("file", v)); }},
      {"tls-key", "FILE", "Private key of --tls-cert, in PEM",
       [](ServerOptions& o, const std::string& v) { return Store(o.tls_key, ParsePath("file", v)); }},
      {"tls-client-ca", "FILE", "Authorities of the certificates that callers must have (default: they need none)",
       [](ServerOptions& o, const std::string& v) { return Store(o.tls_client_ca, ParsePath("file", v)); }},
      {"api-keys", "FILE", "Keys that callers may use, by their hashes (default: none)",
       [](ServerOptions& o, const std::string& v) { return Store(o.api_keys, ParsePath("file", v)); }},
      {"jwks", "FILE", "Keys of those whose JSON Web Tokens callers may use (default: none)",
       [](ServerOptions& o, const std::string& v) { return Store(o.jwks, ParsePath("file", v)); }},
      {"jwt-issuer", "TEXT", "What tokens must have as iss (default: whatever the keys of --jwks sign)",
       [](ServerOptions& o, const std::string& v) { return Store(o.jwt_issuer, ParseText(v)); }},
      {"jwt-audience", "TEXT", "What tokens must have in aud (default latentd)",
       [](ServerOptions& o, const std::string& v) { return Store(o.jwt_audience, ParseText(v)); }},
      {"tenants", "FILE", "What each tenant may take (default: what it likes)",
       [](ServerOptions& o, const std::string& v) { return Store(o.tenants, ParsePath("file", v)); }},
      {"insecure", "", "Allow --listen to be reachable from other machines, without TLS and authentication",
       SetInsecure},
  };
  return *flags;
}

}  // namespace latentd::config
