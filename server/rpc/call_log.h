#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/core/caller.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/rpc/trace_context.h"

namespace latentd::rpc {

// What is known of a call when it is over. Nothing in it is what the caller wrote, but ids.
struct CallRecord {
  std::string method{};  // "/latentd.v1.ImageGeneration/CreateJob"
  std::string peer{};    // "ipv4:127.0.0.1:40000"
  // The `x-request-id` that the call came with, or a new one; an answer has it as well, a refusal has not.
  std::string request_id{};
  TraceContext trace{};
  std::string tenant{};
  std::string caller{};  // Caller::id
  std::string job{};     // that it made
  std::string code{};    // "OK", "NOT_FOUND", …; "CANCELLED" when its caller went
  std::string reason{};  // of an error: ErrorInfo's
  absl::Duration time{};
};

// Follows the calls of the API from their beginning to their end. gRPC tells it of them by an interceptor, which knows
// neither the caller nor the job: the handlers add those. Thread-safe.
class CallLog {
 public:
  struct Options {
    core::Clock* clock = nullptr;                   // REQUIRED; outlives the log
    std::function<uint64_t()> random{};             // REQUIRED: 64 random bits
    std::function<void(const CallRecord&)> sink{};  // told when a call is over; must not block. May be null
  };

  explicit CallLog(Options options) : options_(std::move(options)) {}

  // For ServerBuilder. REQUIRES: the log outlives the server.
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> Interceptors();

  void NoteCaller(const grpc::ServerContextBase& call, const core::Caller& caller);
  void NoteJob(const grpc::ServerContextBase& call, const std::string& job);
  std::string TraceIdOf(const grpc::ServerContextBase& call) const;

 private:
  class Factory;
  class Interceptor;

  CallRecord* Find(const grpc::ServerContextBase& call) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  mutable core::Mutex mutex_;
  std::unordered_map<const grpc::ServerContextBase*, CallRecord*> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::rpc
