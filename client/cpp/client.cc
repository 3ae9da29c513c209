#include "client/cpp/client.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/job_follower.h"
#include "client/cpp/job_watcher.h"
#include "client/cpp/unary_call.h"
#include "client/cpp/utf8.h"
#include "client/cpp/uuid.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/security/credentials.h"
#include "latentd/v1/image_generation.grpc.pb.h"
#include "latentd/v1/models.grpc.pb.h"

namespace latentd::client {
namespace {

constexpr int kPageSize = 1000;

absl::Status CheckText(const v1::GenerationSpec& spec) {
  const bool prompt = IsUtf8(spec.prompt());
  if (prompt && IsUtf8(spec.negative_prompt())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(prompt ? "spec.negative_prompt" : "spec.prompt", " is not valid UTF-8"));
}

RetryPolicy MakePolicy(const RetryOptions& options) {
  return RetryPolicy(options, [] {
    absl::BitGen random;
    return absl::Uniform(random, 0.0, 1.0);
  });
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

struct Client::Impl {
  ClientOptions options;
  std::shared_ptr<grpc::ChannelInterface> channel;
  std::unique_ptr<v1::ImageGeneration::StubInterface> images;
  std::unique_ptr<v1::Models::StubInterface> models;

  // One unary method, `(stub.*method)(context, request, response)`, with all its tries.
  template <typename Service, typename Request, typename Response>
  absl::StatusOr<Response> Call(Service& stub,
                                grpc::Status (Service::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, const CallOptions& call_options, absl::Duration timeout) const {
    Response response;
    UnaryCall call{
        .attempt = [&](grpc::ClientContext& context) { return (stub.*method)(&context, request, &response); },
        .timeout = timeout,
        .options = call_options};
    if (const absl::Status status = CallWithRetries(call, MakePolicy(options.retry), *options.waiter); !status.ok()) {
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
    return JobWatcher(*images, *options.waiter, MakePolicy(options.retry),
                      {.silence_limit = options.silence_limit, .retry = callbacks.retry}, job, after_sequence);
  }
};

std::unique_ptr<Client> Client::Connect(const std::string& address, ClientOptions options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // A connection is taken up about as often as calls are tried.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  return std::make_unique<Client>(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments),
                                  std::move(options));
}

Client::Client(std::shared_ptr<grpc::ChannelInterface> channel, ClientOptions options)
    : impl_(std::make_unique<Impl>(
          Impl{std::move(options), channel, v1::ImageGeneration::NewStub(channel), v1::Models::NewStub(channel)})) {}

Client::~Client() = default;

absl::StatusOr<Result> Client::Generate(const v1::GenerationSpec& spec, const GenerateOptions& options,
                                        const Callbacks& callbacks) const {
  v1::CreateJobRequest request;
  *request.mutable_spec() = spec;
  *request.mutable_options() = options.job;
  request.set_request_id(options.request_id);
  const absl::StatusOr<v1::Job> job = CreateJob(std::move(request), options.call, callbacks.retry);
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
  const CallOptions grace{.deadline = impl_->options.waiter->Now() + impl_->options.cancel_grace};
  if (const absl::StatusOr<v1::Job> cancelled = CancelJob(job->name(), grace); !cancelled.ok()) {
    return Annotate(why, absl::StrCat("it may go on, for cancelling it failed (", cancelled.status().message(), ")"));
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

absl::StatusOr<v1::Job> Client::CreateJob(v1::CreateJobRequest request, const CallOptions& options,
                                          const std::function<void(const absl::Status&, absl::Duration)>& retry) const {
  if (const absl::Status status = CheckText(request.spec()); !status.ok()) {
    return status;
  }
  if (request.request_id().empty()) {
    request.set_request_id(RandomUuid());
  }
  v1::Job job;
  const UnaryCall call{
      .attempt = [&](grpc::ClientContext& context) { return impl_->images->CreateJob(&context, request, &job); },
      .timeout = impl_->options.call_timeout,
      .options = options,
      // The job may exist already: its name is needed to cancel it.
      .stop_ends_attempt = false,
      .retry = retry};
  if (const absl::Status status = CallWithRetries(call, MakePolicy(impl_->options.retry), *impl_->options.waiter);
      !status.ok()) {
    return status;
  }
  return job;
}

absl::StatusOr<v1::Job> Client::GetJob(const std::string& job, const CallOptions& options) const {
  v1::GetJobRequest request;
  request.set_name(job);
  return impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::GetJob, request, options);
}

absl::StatusOr<std::vector<v1::Job>> Client::ListJobs(v1::ListJobsRequest filter, const CallOptions& options) const {
  std::vector<v1::Job> jobs;
  filter.set_page_size(kPageSize);
  filter.clear_page_token();
  do {
    absl::StatusOr<v1::ListJobsResponse> page =
        impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::ListJobs, filter, options);
    if (!page.ok()) {
      return page.status();
    }
    for (v1::Job& job : *page->mutable_jobs()) {
      jobs.push_back(std::move(job));
    }
    filter.set_page_token(page->next_page_token());
  } while (!filter.page_token().empty());
  return jobs;
}

absl::StatusOr<v1::Job> Client::CancelJob(const std::string& job, const CallOptions& options) const {
  v1::CancelJobRequest request;
  request.set_name(job);
  return impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::CancelJob, request, options);
}

absl::Status Client::DeleteJob(const std::string& job, const CallOptions& options) const {
  v1::DeleteJobRequest request;
  request.set_name(job);
  return impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::DeleteJob, request, options).status();
}

absl::StatusOr<OutputFile> Client::GetOutput(const std::string& job, int index, const CallOptions& options) const {
  v1::GetOutputRequest request;
  request.set_job(job);
  request.set_index(index);
  absl::StatusOr<google::api::HttpBody> body =
      impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::GetOutput, request, options);
  if (!body.ok()) {
    return body.status();
  }
  return OutputFile{body->content_type(), std::move(*body->mutable_data())};
}

absl::StatusOr<std::vector<v1::Model>> Client::ListModels(const CallOptions& options) const {
  std::vector<v1::Model> models;
  v1::ListModelsRequest request;
  request.set_page_size(kPageSize);
  do {
    absl::StatusOr<v1::ListModelsResponse> page =
        impl_->Call(*impl_->models, &v1::Models::StubInterface::ListModels, request, options);
    if (!page.ok()) {
      return page.status();
    }
    for (v1::Model& model : *page->mutable_models()) {
      models.push_back(std::move(model));
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return models;
}

absl::StatusOr<v1::Model> Client::GetModel(const std::string& model, const CallOptions& options) const {
  v1::GetModelRequest request;
  request.set_name(model);
  return impl_->Call(*impl_->models, &v1::Models::StubInterface::GetModel, request, options);
}

absl::StatusOr<v1::Model> Client::LoadModel(const std::string& model, const CallOptions& options) const {
  v1::LoadModelRequest request;
  request.set_name(model);
  return impl_->Call(*impl_->models, &v1::Models::StubInterface::LoadModel, request, options, absl::InfiniteDuration());
}

absl::StatusOr<v1::Model> Client::UnloadModel(const std::string& model, const CallOptions& options) const {
  v1::UnloadModelRequest request;
  request.set_name(model);
  return impl_->Call(*impl_->models, &v1::Models::StubInterface::UnloadModel, request, options);
}

absl::StatusOr<bool> Client::Health(const CallOptions& options) const {
  // grpc.health.v1.HealthCheckRequest and -Response each hold one field of number 1, a string and an enum: on the wire
  // they are the well-known wrappers, which saves generated code for a service that gRPC ships without.
  const google::protobuf::StringValue request;
  google::protobuf::Int32Value response;
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check", grpc::internal::RpcMethod::NORMAL_RPC);
  const UnaryCall call{
      .attempt =
          [&](grpc::ClientContext& context) {
            return grpc::internal::BlockingUnaryCall<google::protobuf::StringValue, google::protobuf::Int32Value>(
                impl_->channel.get(), method, &context, request, &response);
          },
      .timeout = impl_->options.call_timeout,
      .options = options};
  const RetryOptions once{.connect_for = absl::ZeroDuration(), .busy_for = absl::ZeroDuration()};
  if (const absl::Status status = CallWithRetries(call, MakePolicy(once), *impl_->options.waiter); !status.ok()) {
    return status;
  }
  constexpr int kServing = 1;
  return response.value() == kServing;
}

absl::StatusOr<v1::Stats> Client::GetStats(const CallOptions& options) const {
  return impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::GetStats, v1::GetStatsRequest(), options);
}

}  // namespace latentd::client
