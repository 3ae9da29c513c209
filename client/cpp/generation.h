#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "latentd/v1/event.pb.h"
#include "latentd/v1/job.pb.h"

namespace latentd::client {

// One finished output: what the server says of it, and its bytes, whose size and SHA-256 have been checked. `data` is
// empty unless info.state() is STATE_OK.
struct Output {
  v1::Output info;
  std::string data;
};

// A completed job. Completed does not mean that every output was made: look at each one's info.state().
struct Result {
  std::string job;              // "jobs/<uuid>"
  std::vector<Output> outputs;  // by rising index
  v1::Usage usage;
  std::vector<v1::Warning> warnings;
};

// Headers of calls, by name.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// What a callback wants to happen next.
enum class Next {
  kGoOn,
  // Generate: cancels the job. Watch: only stops watching.
  kStop,
};

// Told why a try failed, and how long it is until the next.
using Retry = std::function<void(const absl::Status&, absl::Duration)>;

// Called on the thread that called Generate or Watch, one at a time. Each may be empty. They should return soon: while
// one runs nothing is read from the server (which loses nothing but old progress).
struct Callbacks {
  // Every event but heartbeats, each once and in order, whatever happens to the connection. Progress is conflated by
  // the server: a slow reader gets the newest of each output. Chunks of outputs come along too.
  std::function<Next(const v1::Event&)> event = {};
  // An output is whole and checked, or will never have bytes.
  std::function<void(const Output&)> output = {};
  Retry retry = {};
};

// When a call is given up. A stop or deadline ends pauses between tries, too.
struct CallOptions {
  absl::Time deadline = absl::InfiniteFuture();
  std::stop_token stop = {};
};

struct GenerateOptions {
  v1::JobOptions job = {};
  // Makes a repeated Generate give the same job (AIP-155). Empty: a fresh UUID, which all tries of this call share.
  std::string request_id = {};
  // Reached or stopped, the job is cancelled, and the call fails with DEADLINE_EXCEEDED or CANCELLED.
  CallOptions call = {};
};

}  // namespace latentd::client
