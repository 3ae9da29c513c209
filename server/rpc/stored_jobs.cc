#include "server/rpc/stored_jobs.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/enums.h"
#include "server/rpc/event_messages.h"
#include "server/rpc/field_reader.h"
#include "server/rpc/job_messages.h"
#include "server/rpc/stored_job.pb.h"
#include "server/rpc/time_messages.h"

namespace latentd::rpc {
namespace {

namespace stored = latentd::stored::v1;

absl::Status Damaged(const std::string& what) {
  return absl::DataLossError(absl::StrCat("what was stored of a job is damaged: ", what));
}

template <typename Message>
std::optional<Message> Parsed(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return message;
}

stored::StoredStatus ToStored(const absl::Status& status) {
  stored::StoredStatus out;
  out.set_code(static_cast<int>(status.code()));
  out.set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    (*out.mutable_payloads())[std::string(url)] = std::string(payload);
  });
  return out;
}

absl::Status FromStored(const stored::StoredStatus& message) {
  absl::Status status(static_cast<absl::StatusCode>(message.code()), message.message());
  for (const auto& [url, payload] : message.payloads()) status.SetPayload(url, absl::Cord(payload));
  return status;
}

core::Usage FromProto(const v1::Usage& message) {
  return {.queue_time = rpc::FromProto(message.queue_time()).value_or(absl::ZeroDuration()),
          .encode_time = rpc::FromProto(message.encode_time()).value_or(absl::ZeroDuration()),
          .denoise_time = rpc::FromProto(message.denoise_time()).value_or(absl::ZeroDuration()),
          .decode_time = rpc::FromProto(message.decode_time()).value_or(absl::ZeroDuration()),
          .evaluations = message.evaluations(),
          .pixel_evaluations = message.pixel_evaluations(),
          .failed_outputs = message.failed_outputs()};
}

core::Started FromProto(const v1::Started& message) {
  core::Started started{.seed = message.seed()};
  for (const v1::Warning& warning : message.warnings()) {
    started.warnings.push_back({.reason = warning.reason(), .field = warning.field(), .message = warning.message()});
  }
  return started;
}

std::optional<core::Preview> FromProto(const v1::Preview& message) {
  if (message.has_image()) {
    const v1::EncodedImage& image = message.image();
    return core::ImagePreview{.format = rpc::FromProto(kImageFormats, image.format()).value_or(core::ImageFormat::kPng),
                              .width = image.width(),
                              .height = image.height(),
                              .data = std::make_shared<const std::string>(image.data())};
  }
  if (message.has_latent()) {
    const v1::LatentTensor& latent = message.latent();
    return core::LatentPreview{.shape = {latent.shape().begin(), latent.shape().end()},
                               .dtype = latent.dtype(),
                               .data = std::make_shared<const std::string>(latent.data()),
                               .scaling_factor = latent.scaling_factor(),
                               .rgb_map = {latent.rgb_map().begin(), latent.rgb_map().end()}};
  }
  return std::nullopt;
}

core::Progress FromProto(const v1::Progress& message) {
  core::Progress progress{
      .output_index = message.output_index(), .step = message.step(), .total_steps = message.total_steps()};
  if (message.has_eta()) progress.eta = rpc::FromProto(message.eta());
  if (message.has_preview()) progress.preview = FromProto(message.preview());
  return progress;
}

core::Output FromProto(const v1::Output& message, const stored::StoredEvent& event) {
  return {.index = message.index(),
          .state = rpc::FromProto(kOutputStates, message.state()).value_or(core::OutputState::kFailed),
          .error = event.has_status() ? FromStored(event.status()) : absl::OkStatus(),
          .seed = message.seed(),
          .media_type = message.media_type(),
          .width = message.width(),
          .height = message.height(),
          .frames = message.frames(),
          .fps = message.fps(),
          .sha256 = message.sha256(),
          .flagged = message.flagged()};
}

}  // namespace

std::string StoredJobs::WriteRequest(const core::GenerationRequest& request) const {
  stored::StoredRequest message;
  *message.mutable_spec() = SpecToProto(request.fields());
  *message.mutable_options() = OptionsToProto(request.fields());
  message.set_guided(request.guided());
  message.set_upscale_factor(request.upscale_factor());
  return message.SerializeAsString();
}

absl::StatusOr<std::shared_ptr<const core::GenerationRequest>> StoredJobs::ReadRequest(
    std::string_view bytes, const std::function<core::Blob(const std::string& sha256)>& find) const {
  const auto message = Parsed<stored::StoredRequest>(bytes);
  if (!message) return Damaged("its request");
  FieldReader reader([&](const v1::InputImage& image) -> absl::StatusOr<core::InputImage> {
    core::Blob file = find(image.blob_sha256());
    if (file == nullptr) return core::InputImage{.sha256 = image.blob_sha256()};
    return open_image_(std::move(file), image.blob_sha256());
  });
  core::RequestFields fields = reader.Read(message->spec(), message->options());
  if (!reader.violations().empty()) {
    const core::FieldViolation& first = reader.violations().front();
    return Damaged(absl::StrCat(first.field, " ", first.description));
  }
  if (!fields.task) fields.task = core::Task::kTextToImage;
  fields.upscale_factor = message->upscale_factor();
  return core::GenerationRequest::Restore(std::move(fields), message->guided());
}

bool StoredJobs::KnowsRequest(std::string_view bytes) const {
  auto message = Parsed<stored::StoredRequest>(bytes);
  if (!message) return true;  // ReadRequest says what it is
  const size_t size = message->ByteSizeLong();
  message->DiscardUnknownFields();
  return message->ByteSizeLong() == size;
}

std::string StoredJobs::WriteEvent(const core::EventKind& event) const {
  stored::StoredEvent message;
  *message.mutable_event() = ToProto(event);
  if (const auto* failed = std::get_if<core::Failed>(&event)) *message.mutable_status() = ToStored(failed->status);
  if (const auto* output = std::get_if<core::Output>(&event); output != nullptr && !output->error.ok()) {
    *message.mutable_status() = ToStored(output->error);
  }
  return message.SerializeAsString();
}

absl::StatusOr<core::EventKind> StoredJobs::ReadEvent(std::string_view bytes) const {
  const auto message = Parsed<stored::StoredEvent>(bytes);
  if (!message) return Damaged("an event");
  const v1::Event& event = message->event();
  switch (event.kind_case()) {
    case v1::Event::kQueued: {
      core::Queued queued{.position = event.queued().position()};
      if (event.queued().has_eta()) queued.eta = rpc::FromProto(event.queued().eta());
      return queued;
    }
    case v1::Event::kStarted:
      return FromProto(event.started());
    case v1::Event::kRequeued:
      return core::Requeued{.reason = event.requeued().reason(), .resume_step = event.requeued().resume_step()};
    case v1::Event::kProgress:
      return FromProto(event.progress());
    case v1::Event::kOutput:
      return FromProto(event.output(), *message);
    case v1::Event::kCompleted:
      return core::Completed{.usage = FromProto(event.completed().usage())};
    case v1::Event::kFailed:
      return core::Failed{.status = FromStored(message->status()), .usage = FromProto(event.failed().usage())};
    case v1::Event::kCancelled:
      return core::Cancelled{.reason = event.cancelled().reason(), .usage = FromProto(event.cancelled().usage())};
    default:
      return Damaged("an event of an unknown kind");
  }
}

std::string StoredJobs::WriteUsage(const core::Usage& usage) const { return ToProto(usage).SerializeAsString(); }

absl::StatusOr<core::Usage> StoredJobs::ReadUsage(std::string_view bytes) const {
  const auto message = Parsed<v1::Usage>(bytes);
  if (!message) return Damaged("its usage");
  return FromProto(*message);
}

std::string StoredJobs::WriteStatus(const absl::Status& status) const { return ToStored(status).SerializeAsString(); }

absl::Status StoredJobs::ReadStatus(std::string_view bytes) const {
  const auto message = Parsed<stored::StoredStatus>(bytes);
  return message ? FromStored(*message) : Damaged("its status");
}

}  // namespace latentd::rpc
