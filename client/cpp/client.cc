#include "client/cpp/client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/job_follower.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace latentd::client {
namespace {

// The job may exist although its name has not come: the same request_id gives it again.
void CancelUnnamed(const Client& client, const v1::CreateJobRequest& request, const CallOptions& grace) {
  if (const absl::StatusOr<v1::Job> job = client.CreateJob(request, grace); job.ok()) {
    client.CancelJob(job->name(), grace).IgnoreError();
  }
}

// What Watch gives for a job that has ended, when all its events were seen before.
absl::StatusOr<Result> ResultOfEnded(const v1::Job& job) {
  switch (job.state()) {
    case v1::Job::STATE_FAILED:
      return ToStatus(job.error());
    case v1::Job::STATE_CANCELLED:
      return absl::CancelledError(absl::StrCat(job.name(), " was cancelled"));
    default:
      return Result{job.name(), {}, job.usage(), {job.warnings().begin(), job.warnings().end()}};
  }
}

}  // namespace

std::unique_ptr<Client> Client::Connect(const std::string& address, ClientOptions options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // A connection is taken up about as often as calls are tried.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  // One that leads nowhere any more, and was not told so, is given up while calls wait.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  if (!options.authority.empty()) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, options.authority);
  const auto credentials = options.tls ? grpc::SslCredentials({.pem_root_certs = options.tls->ca,
                                                               .pem_private_key = options.tls->key,
                                                               .pem_cert_chain = options.tls->cert})
                                       : grpc::InsecureChannelCredentials();
  return std::make_unique<Client>(grpc::CreateCustomChannel(address, credentials, arguments), std::move(options));
}

Client::Client(const std::shared_ptr<grpc::ChannelInterface>& channel, ClientOptions options)
    : impl_(new Impl{std::move(options), channel, v1::ImageGeneration::NewStub(channel), v1::Models::NewStub(channel),
                     v1::Blobs::NewStub(channel)}) {}

Client::~Client() = default;

absl::StatusOr<Result> Client::Generate(const v1::GenerationSpec& spec, const GenerateOptions& options,
                                        const Callbacks& callbacks) const {
  v1::CreateJobRequest request;
  *request.mutable_spec() = spec;
  *request.mutable_options() = options.job;
  request.set_request_id(options.request_id);
  const absl::StatusOr<std::vector<std::string>> files = SendAhead(request, options.call, callbacks.retry);
  if (!files.ok()) {
    return files.status();
  }
  const absl::StatusOr<v1::Job> job = Create(request, *files, options.call, callbacks.retry);
  if (absl::IsCancelled(job.status()) || absl::IsDeadlineExceeded(job.status())) {
    CancelUnnamed(*this, request, impl_->Grace());
  }
  if (!job.ok()) {
    return job.status();
  }
  JobWatcher watcher = impl_->MakeWatcher(job->name(), 0, callbacks);
  JobFollower follower(watcher, callbacks, job->name(), /*joined_late=*/false);
  JobFollower::Outcome outcome = follower.Run(options.call);
  if (outcome == JobFollower::Outcome::kEnded) {
    return follower.result();
  }

  const absl::Status why = outcome == JobFollower::Outcome::kDeadline
                               ? absl::DeadlineExceededError(absl::StrCat(job->name(), " was not finished in time"))
                               : absl::CancelledError(absl::StrCat(job->name(), " was cancelled by the caller"));
  const CallOptions grace = impl_->Grace();
  if (const absl::StatusOr<v1::Job> cancelled = CancelJob(job->name(), grace); !cancelled.ok()) {
    return absl::Status(why.code(),
                        absl::StrCat(job->name(), " may go on: cancelling it failed: ", cancelled.status().message()));
  }
  do {  // A callback may ask again.
    outcome = follower.Run(grace);
  } while (outcome == JobFollower::Outcome::kStopped);
  if (outcome == JobFollower::Outcome::kEnded) {
    absl::StatusOr<Result> result = follower.result();
    // It may have been quicker than the cancel.
    if (result.ok() || (!absl::IsCancelled(result.status()) && !absl::IsUnavailable(result.status()))) {
      return result;
    }
  }
  return why;
}

absl::StatusOr<Result> Client::Watch(const std::string& job, int64_t after_sequence, const Callbacks& callbacks,
                                     const CallOptions& options) const {
  if (after_sequence > 0) {
    // A watch from beyond the end would wait for a terminal event that was sent before.
    const absl::StatusOr<v1::Job> now = GetJob(job, options);
    if (!now.ok()) {
      return now.status();
    }
    if (now->has_end_time() && now->last_sequence() <= after_sequence) {
      return ResultOfEnded(*now);
    }
  }
  JobWatcher watcher = impl_->MakeWatcher(job, after_sequence, callbacks);
  JobFollower follower(watcher, callbacks, job, /*joined_late=*/after_sequence > 0);
  switch (follower.Run(options)) {
    case JobFollower::Outcome::kStopped:
      return absl::CancelledError("stopped by the caller");
    case JobFollower::Outcome::kDeadline:
      return absl::DeadlineExceededError(absl::StrCat(job, " was not finished in time"));
    case JobFollower::Outcome::kEnded:
      break;
  }
  return follower.result();
}

}  // namespace latentd::client
