#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/job_watcher.h"
#include "client/cpp/unary_call.h"
#include "grpcpp/channel.h"
#include "latentd/v1/blobs.grpc.pb.h"
#include "latentd/v1/image_generation.grpc.pb.h"
#include "latentd/v1/models.grpc.pb.h"

namespace latentd::client {

// What the client's calls share. Thread-safe, as Client is.
struct Client::Impl {
  ClientOptions options;
  std::shared_ptr<grpc::ChannelInterface> channel;
  std::unique_ptr<v1::ImageGeneration::StubInterface> images;
  std::unique_ptr<v1::Models::StubInterface> models;
  std::unique_ptr<v1::Blobs::StubInterface> blobs;
  mutable std::atomic<bool> answered = false;  // some call of this client has succeeded

  RetryPolicy MakePolicy() const {
    RetryPolicy policy(options.retry, [] {
      absl::BitGen random;
      return absl::Uniform(random, 0.0, 1.0);
    });
    if (answered) {
      policy.Succeeded();
    }
    return policy;
  }

  // Within it a job is cancelled.
  CallOptions Grace() const { return {.deadline = options.waiter->Now() + options.cancel_grace}; }

  // With all its tries.
  absl::Status Run(const UnaryCall& call) const {
    absl::Status status = CallWithRetries(call, MakePolicy(), *options.waiter);
    answered = answered || status.ok();
    return status;
  }

  // One unary method, `(stub.*method)(context, request, response)`.
  template <typename Service, typename Request, typename Response>
  absl::StatusOr<Response> Call(Service& stub,
                                grpc::Status (Service::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, const CallOptions& call_options, absl::Duration timeout) const {
    Response response;
    UnaryCall call{
        .attempt = [&](grpc::ClientContext& context) { return (stub.*method)(&context, request, &response); },
        .timeout = timeout,
        .metadata = options.metadata,
        .options = call_options};
    if (const absl::Status status = Run(call); !status.ok()) {
      return status;
    }
    return response;
  }

  template <typename Service, typename Request, typename Response>
  absl::StatusOr<Response> Call(Service& stub,
                                grpc::Status (Service::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, const CallOptions& call_options) const {
    return Call(stub, method, request, call_options, options.call_timeout);
  }

  JobWatcher MakeWatcher(const std::string& job, int64_t after_sequence, const Callbacks& callbacks) const {
    return JobWatcher(*images, *options.waiter, MakePolicy(),
                      {.silence_limit = options.silence_limit, .metadata = options.metadata, .retry = callbacks.retry},
                      job, after_sequence);
  }
};

}  // namespace latentd::client
