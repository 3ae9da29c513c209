#include "server/rpc/image_generation_service.h"

#include <google/protobuf/empty.pb.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/rpc/fingerprint.h"
#include "server/rpc/job_messages.h"
#include "server/rpc/list_jobs.h"
#include "server/rpc/model_messages.h"
#include "server/rpc/resource_names.h"
#include "server/rpc/unary.h"

namespace latentd::rpc {
namespace {

constexpr size_t kMaxRequestIdBytes = 64;
constexpr int kMaxWatches = 1000;

absl::StatusOr<EventStream::Place> ReadPlace(const v1::WatchJobRequest& request, const std::string& prefix) {
  absl::StatusOr<std::string> job = ReadJobName(absl::StrCat(prefix, "name"), request.name());
  if (!job.ok()) return job.status();
  if (request.after_sequence() < 0) {
    return BadRequest({{absl::StrCat(prefix, "after_sequence"),
                        absl::StrCat("must not be negative; got ", request.after_sequence())}});
  }
  return EventStream::Place{*std::move(job), request.after_sequence()};
}

// All places, or all that is wrong with them.
absl::StatusOr<std::vector<EventStream::Place>> ReadPlaces(const v1::WatchJobsRequest& request) {
  if (request.jobs_size() == 0 || request.jobs_size() > kMaxWatches) {
    return BadRequest({{"jobs", absl::StrCat("must have 1 to ", kMaxWatches, " entries; got ", request.jobs_size())}});
  }
  std::vector<EventStream::Place> places;
  std::vector<core::FieldViolation> violations;
  std::set<std::string> seen;
  for (int i = 0; i < request.jobs_size(); ++i) {
    const std::string prefix = absl::StrCat("jobs[", i, "].");
    absl::StatusOr<EventStream::Place> place = ReadPlace(request.jobs(i), prefix);
    if (!place.ok()) {
      const auto found = core::GetErrorDetails(place.status()).violations;
      violations.insert(violations.end(), found.begin(), found.end());
    } else if (!seen.insert(place->job).second) {
      violations.push_back({absl::StrCat(prefix, "name"), "is there twice"});
    } else {
      places.push_back(*std::move(place));
    }
  }
  if (!violations.empty()) return BadRequest(std::move(violations));
  return places;
}

absl::StatusOr<FileBody> ToFileBody(const core::Output& output) {
  if (output.state != core::OutputState::kOk || output.data == nullptr) {
    const bool withheld = output.state == core::OutputState::kWithheld;
    return core::MakeError(absl::StatusCode::kFailedPrecondition,
                           withheld ? "the output is withheld by the safety policy"
                                    : absl::StrCat("the output was not made: ", output.error.message()),
                           {.reason = withheld ? "OUTPUT_WITHHELD" : "OUTPUT_FAILED"});
  }
  return FileBody{.content_type = output.media_type, .data = output.data};
}

// For callers over HTTP, to whom a proxy gives metadata as headers: the bytes of an output never change.
void AllowCaching(const core::Output& output, grpc::CallbackServerContext& context) {
  context.AddInitialMetadata("etag", absl::StrCat("\"", output.sha256, "\""));
  context.AddInitialMetadata("cache-control", "private, max-age=3600, immutable");
}

}  // namespace

ImageGenerationService::ImageGenerationService(Gate gate, CallLog* calls, StreamContext streams,
                                               RequestContext requests, std::function<core::Stats()> stats)
    : gate_(gate), calls_(calls), streams_(streams), requests_(std::move(requests)), stats_(std::move(stats)) {}

absl::StatusOr<core::Job> ImageGenerationService::Submit(const Context& context, const core::Caller& caller,
                                                         const v1::GenerationSpec& spec, const v1::JobOptions& options,
                                                         core::CreateOptions create) {
  auto request = ReadRequest(caller, spec, options, streams_.clock->Now(), requests_);
  if (!request.ok()) return request.status();
  create.trace_id = calls_->TraceIdOf(context);
  if ((*request)->single_flight()) create.run = Fingerprint(SpecToProto((*request)->fields()));
  absl::StatusOr<core::Job> job = JobsOf(caller).Create(*std::move(request), std::move(create));
  if (job.ok()) calls_->NoteJob(context, job->name);
  return job;
}

ImageGenerationService::Stream* ImageGenerationService::Generate(Context* context, const Bytes* request) {
  const auto caller = gate_.Admit(*context, core::Role::kGenerate);
  if (!caller.ok()) return EventStream::Refuse(context, caller.status());
  return EventStream::Start(
      streams_, context, [this, context, request, caller = *caller]() -> absl::StatusOr<EventStream::Subject> {
        v1::GenerateRequest message;
        if (absl::Status parsed = Parse(*request, message); !parsed.ok()) return parsed;
        const absl::StatusOr<core::Job> job = Submit(*context, caller, message.spec(), message.options(), {});
        if (!job.ok()) return job.status();
        return EventStream::Subject::Own(job->name);
      });
}

ImageGenerationService::Stream* ImageGenerationService::WatchJob(Context* context, const Bytes* request) {
  v1::WatchJobRequest message;
  const auto caller = AdmitAndParse(gate_, core::Role::kRead, *context, *request, message);
  if (!caller.ok()) return EventStream::Refuse(context, caller.status());
  absl::StatusOr<EventStream::Place> place = ReadPlace(message, "");
  if (!place.ok()) return EventStream::Refuse(context, place.status());
  return Watch(context, *caller, {*std::move(place)});
}

ImageGenerationService::Stream* ImageGenerationService::WatchJobs(Context* context, const Bytes* request) {
  v1::WatchJobsRequest message;
  const auto caller = AdmitAndParse(gate_, core::Role::kRead, *context, *request, message);
  if (!caller.ok()) return EventStream::Refuse(context, caller.status());
  absl::StatusOr<std::vector<EventStream::Place>> places = ReadPlaces(message);
  if (!places.ok()) return EventStream::Refuse(context, places.status());
  return Watch(context, *caller, *std::move(places));
}

ImageGenerationService::Stream* ImageGenerationService::Watch(Context* context, const core::Caller& caller,
                                                              std::vector<EventStream::Place> places) {
  return EventStream::Start(
      streams_, context, [jobs = JobsOf(caller), places = std::move(places)]() -> absl::StatusOr<EventStream::Subject> {
        for (const EventStream::Place& place : places) {
          if (absl::Status own = jobs.Check(place.job); !own.ok()) return own;
        }
        return EventStream::Subject{.places = places};
      });
}

ImageGenerationService::Unary* ImageGenerationService::CreateJob(Context* context, const Bytes* request,
                                                                 Bytes* response) {
  const auto create = [this, context](const core::Caller& caller,
                                      const v1::CreateJobRequest& message) -> absl::StatusOr<v1::Job> {
    core::CreateOptions options;
    if (!message.request_id().empty()) {
      if (message.request_id().size() > kMaxRequestIdBytes) {
        return BadRequest({{"request_id", absl::StrCat("must have at most ", kMaxRequestIdBytes, " characters; got ",
                                                       message.request_id().size())}});
      }
      options.request_id = message.request_id();
      options.request_fingerprint = Fingerprint(message);
    }
    const absl::StatusOr<core::Job> job = Submit(*context, caller, message.spec(), message.options(), options);
    if (!job.ok()) return job.status();
    return ToProto(*job);
  };
  return AnswerOn<v1::CreateJobRequest>(*streams_.calls, gate_, core::Role::kGenerate, context, request, response,
                                        create);
}

ImageGenerationService::Unary* ImageGenerationService::GetJob(Context* context, const Bytes* request, Bytes* response) {
  const auto get = [this](const core::Caller& caller, const v1::GetJobRequest& message) -> absl::StatusOr<v1::Job> {
    const absl::StatusOr<std::string> name = ReadJobName("name", message.name());
    if (!name.ok()) return name.status();
    const absl::StatusOr<core::Job> job = JobsOf(caller).Get(*name);
    if (!job.ok()) return job.status();
    return ToProto(*job);
  };
  return AnswerOn<v1::GetJobRequest>(*streams_.calls, gate_, core::Role::kRead, context, request, response, get);
}

ImageGenerationService::Unary* ImageGenerationService::ListJobs(Context* context, const Bytes* request,
                                                                Bytes* response) {
  const auto list = [this](const core::Caller& caller, const v1::ListJobsRequest& message) {
    return rpc::ListJobs(JobsOf(caller), message);
  };
  return AnswerOn<v1::ListJobsRequest>(*streams_.calls, gate_, core::Role::kRead, context, request, response, list);
}

ImageGenerationService::Unary* ImageGenerationService::CancelJob(Context* context, const Bytes* request,
                                                                 Bytes* response) {
  const auto cancel = [this](const core::Caller& caller,
                             const v1::CancelJobRequest& message) -> absl::StatusOr<v1::Job> {
    const absl::StatusOr<std::string> name = ReadJobName("name", message.name());
    if (!name.ok()) return name.status();
    const absl::StatusOr<core::Job> job = JobsOf(caller).Cancel(*name);
    if (!job.ok()) return job.status();
    return ToProto(*job);
  };
  return AnswerOn<v1::CancelJobRequest>(*streams_.calls, gate_, core::Role::kGenerate, context, request, response,
                                        cancel);
}

ImageGenerationService::Unary* ImageGenerationService::DeleteJob(Context* context, const Bytes* request,
                                                                 Bytes* response) {
  const auto forget = [this](const core::Caller& caller,
                             const v1::DeleteJobRequest& message) -> absl::StatusOr<google::protobuf::Empty> {
    const absl::StatusOr<std::string> name = ReadJobName("name", message.name());
    if (!name.ok()) return name.status();
    if (absl::Status deleted = JobsOf(caller).Delete(*name); !deleted.ok()) return deleted;
    return google::protobuf::Empty();
  };
  return AnswerOn<v1::DeleteJobRequest>(*streams_.calls, gate_, core::Role::kGenerate, context, request, response,
                                        forget);
}

ImageGenerationService::Unary* ImageGenerationService::GetOutput(Context* context, const Bytes* request,
                                                                 Bytes* response) {
  const auto get = [this, context](const core::Caller& caller,
                                   const v1::GetOutputRequest& message) -> absl::StatusOr<FileBody> {
    const absl::StatusOr<std::string> name = ReadJobName("job", message.job());
    if (!name.ok()) return name.status();
    if (message.index() < 0) {
      return BadRequest({{"index", absl::StrCat("must not be negative; got ", message.index())}});
    }
    const absl::StatusOr<core::Output> output = JobsOf(caller).GetOutput(*name, message.index());
    if (!output.ok()) return output.status();
    absl::StatusOr<FileBody> body = ToFileBody(*output);
    if (body.ok()) AllowCaching(*output, *context);
    return body;
  };
  return AnswerOn<v1::GetOutputRequest>(*streams_.calls, gate_, core::Role::kRead, context, request, response, get);
}

ImageGenerationService::Unary* ImageGenerationService::GetStats(Context* context, const Bytes* request,
                                                                Bytes* response) {
  const auto get = [this](const core::Caller&, const v1::GetStatsRequest&) -> absl::StatusOr<v1::Stats> {
    return ToProto(stats_());
  };
  return Answer<v1::GetStatsRequest>(gate_, std::nullopt, context, request, response, get);
}

}  // namespace latentd::rpc
