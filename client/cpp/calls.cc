// The client's calls that are one request and one answer.

#include <utility>

#include "client/cpp/client.h"
#include "client/cpp/client_impl.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/impl/codegen/client_unary_call.h"

namespace latentd::client {
namespace {

constexpr int kPageSize = 1000;

// The items of all pages. `get` asks for one page; `items` gives its repeated field.
template <typename Item, typename Request, typename Get, typename Items>
absl::StatusOr<std::vector<Item>> AllPages(Request request, const Get& get, const Items& items) {
  std::vector<Item> all;
  request.set_page_size(kPageSize);
  request.clear_page_token();
  do {
    auto page = get(request);
    if (!page.ok()) {
      return page.status();
    }
    for (Item& item : *items(*page)) {
      all.push_back(std::move(item));
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return all;
}

}  // namespace

absl::StatusOr<v1::Job> Client::GetJob(const std::string& job, const CallOptions& options) const {
  v1::GetJobRequest request;
  request.set_name(job);
  return impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::GetJob, request, options);
}

absl::StatusOr<std::vector<v1::Job>> Client::ListJobs(v1::ListJobsRequest filter, const CallOptions& options) const {
  return AllPages<v1::Job>(
      std::move(filter),
      [&](const v1::ListJobsRequest& request) {
        return impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::ListJobs, request, options);
      },
      [](v1::ListJobsResponse& page) { return page.mutable_jobs(); });
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
  return AllPages<v1::Model>(
      v1::ListModelsRequest(),
      [&](const v1::ListModelsRequest& request) {
        return impl_->Call(*impl_->models, &v1::Models::StubInterface::ListModels, request, options);
      },
      [](v1::ListModelsResponse& page) { return page.mutable_models(); });
}

absl::StatusOr<std::vector<v1::Adapter>> Client::ListAdapters(const CallOptions& options) const {
  return AllPages<v1::Adapter>(
      v1::ListAdaptersRequest(),
      [&](const v1::ListAdaptersRequest& request) {
        return impl_->Call(*impl_->models, &v1::Models::StubInterface::ListAdapters, request, options);
      },
      [](v1::ListAdaptersResponse& page) { return page.mutable_adapters(); });
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
      .metadata = impl_->options.metadata,
      .options = options};
  const RetryPolicy once({.connect_for = absl::ZeroDuration(), .busy_for = absl::ZeroDuration()}, [] { return 0.0; });
  if (const absl::Status status = CallWithRetries(call, once, *impl_->options.waiter); !status.ok()) {
    return status;
  }
  constexpr int kServing = 1;
  return response.value() == kServing;
}

absl::StatusOr<v1::Stats> Client::GetStats(const CallOptions& options) const {
  return impl_->Call(*impl_->images, &v1::ImageGeneration::StubInterface::GetStats, v1::GetStatsRequest(), options);
}

}  // namespace latentd::client
