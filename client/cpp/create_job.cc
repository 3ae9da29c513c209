#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/client_impl.h"
#include "client/cpp/error.h"
#include "client/cpp/large_inputs.h"
#include "client/cpp/utf8.h"
#include "client/cpp/uuid.h"

namespace latentd::client {
namespace {

absl::Status CheckText(const v1::GenerationSpec& spec) {
  const bool prompt = IsUtf8(spec.prompt());
  if (prompt && IsUtf8(spec.negative_prompt())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(prompt ? "spec.negative_prompt" : "spec.prompt", " is not valid UTF-8"));
}

}  // namespace

absl::StatusOr<v1::Job> Client::CreateJob(v1::CreateJobRequest request, const CallOptions& options,
                                          const Retry& retry) const {
  const absl::StatusOr<std::vector<std::string>> files = SendAhead(request, options, retry);
  if (!files.ok()) {
    return files.status();
  }
  return Create(request, *files, options, retry);
}

absl::StatusOr<std::vector<std::string>> Client::SendAhead(v1::CreateJobRequest& request, const CallOptions& options,
                                                           const Retry& retry) const {
  if (const absl::Status status = CheckText(request.spec()); !status.ok()) {
    return status;
  }
  if (request.request_id().empty()) {
    request.set_request_id(RandomUuid());
  }
  std::vector<std::string> files = TakeLargeInputs(*request.mutable_spec());
  if (const absl::Status status = Send(files, options, retry); !status.ok()) {
    return status;
  }
  return files;
}

absl::Status Client::Send(const std::vector<std::string>& files, const CallOptions& options, const Retry& retry) const {
  for (const std::string& file : files) {
    if (const absl::StatusOr<std::string> sent = PutBlob(file, options, retry); !sent.ok()) {
      return sent.status();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Job> Client::Create(const v1::CreateJobRequest& request, const std::vector<std::string>& files,
                                       const CallOptions& options, const Retry& retry) const {
  v1::Job job;
  const UnaryCall call{
      .attempt = [&](grpc::ClientContext& context) { return impl_->images->CreateJob(&context, request, &job); },
      .timeout = impl_->options.call_timeout,
      .metadata = impl_->options.metadata,
      .options = options,
      .retry = retry};
  absl::Status status = impl_->Run(call);
  if (!files.empty() && GetErrorDetails(status).info.reason() == "BLOB_NOT_FOUND") {
    // The server has forgotten one in between.
    status = Send(files, options, retry);
    if (status.ok()) {
      status = impl_->Run(call);
    }
  }
  if (!status.ok()) {
    return status;
  }
  return job;
}

}  // namespace latentd::client
