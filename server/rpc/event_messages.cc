#include "server/rpc/event_messages.h"

#include <string_view>
#include <variant>

#include "latentd/v1/event.pb.h"
#include "server/core/errors.h"
#include "server/rpc/enums.h"
#include "server/rpc/job_messages.h"
#include "server/rpc/status.h"
#include "server/rpc/time_messages.h"
#include "server/rpc/wire.h"

namespace latentd::rpc {
namespace {

void SetData(const core::Blob& blob, std::string& data) {
  if (blob != nullptr) data = *blob;
}

// Fills in an event's kind, one overload for each.
struct KindWriter {
  v1::Event& out;

  void operator()(const core::Queued& queued) const {
    out.mutable_queued()->set_position(queued.position);
    if (queued.eta) *out.mutable_queued()->mutable_eta() = ToProto(*queued.eta);
  }
  void operator()(const core::Started& started) const {
    out.mutable_started()->set_seed(started.seed);
    for (const core::Warning& warning : started.warnings) *out.mutable_started()->add_warnings() = ToProto(warning);
  }
  void operator()(const core::Requeued& requeued) const {
    out.mutable_requeued()->set_reason(requeued.reason);
    out.mutable_requeued()->set_resume_step(requeued.resume_step);
  }
  void operator()(const core::Progress& progress) const {
    v1::Progress& to = *out.mutable_progress();
    to.set_output_index(progress.output_index);
    to.set_step(progress.step);
    to.set_total_steps(progress.total_steps);
    if (progress.eta) *to.mutable_eta() = ToProto(*progress.eta);
    if (progress.preview)
      std::visit([&](const auto& preview) { Write(preview, *to.mutable_preview()); }, *progress.preview);
  }
  void operator()(const core::Output& output) const { *out.mutable_output() = ToProto(output); }
  void operator()(const core::OutputChunk& chunk) const {
    v1::OutputChunk& to = *out.mutable_output_chunk();
    to.set_index(chunk.index);
    to.set_offset(chunk.offset);
    to.set_data(chunk.data->data() + chunk.offset, static_cast<size_t>(chunk.size));
  }
  void operator()(const core::Completed& completed) const {
    *out.mutable_completed()->mutable_usage() = ToProto(completed.usage);
  }
  void operator()(const core::Failed& failed) const {
    *out.mutable_failed()->mutable_status() = ToRpcStatus(failed.status);
    *out.mutable_failed()->mutable_usage() = ToProto(failed.usage);
  }
  void operator()(const core::Cancelled& cancelled) const {
    out.mutable_cancelled()->set_reason(cancelled.reason);
    *out.mutable_cancelled()->mutable_usage() = ToProto(cancelled.usage);
  }

  static void Write(const core::ImagePreview& preview, v1::Preview& to) {
    to.mutable_image()->set_format(ToProto(kImageFormats, preview.format));
    to.mutable_image()->set_width(preview.width);
    to.mutable_image()->set_height(preview.height);
    SetData(preview.data, *to.mutable_image()->mutable_data());
  }
  static void Write(const core::LatentPreview& preview, v1::Preview& to) {
    to.mutable_latent()->mutable_shape()->Assign(preview.shape.begin(), preview.shape.end());
    to.mutable_latent()->set_dtype(preview.dtype);
    SetData(preview.data, *to.mutable_latent()->mutable_data());
    to.mutable_latent()->set_scaling_factor(preview.scaling_factor);
    to.mutable_latent()->mutable_rgb_map()->Assign(preview.rgb_map.begin(), preview.rgb_map.end());
  }
};

}  // namespace

v1::Event ToProto(const core::EventKind& event) {
  v1::Event message;
  std::visit(KindWriter{message}, event);
  return message;
}

std::vector<grpc::ByteBuffer> EventMessages::Tell(const std::string& job, const core::Event& event,
                                                  absl::Status& /*ending*/) {
  v1::Event message = ToProto(event.kind);
  message.set_job(job);
  message.set_sequence(event.sequence);
  *message.mutable_time() = ToProto(event.time);
  return {Serialize(message)};
}

std::optional<grpc::ByteBuffer> EventMessages::Heartbeat(absl::Time now) {
  v1::Event message;
  *message.mutable_time() = ToProto(now);
  message.mutable_heartbeat();
  return Serialize(message);
}

absl::Status FinalStatus(const std::string& job, const core::Event& event) {
  if (const auto* failed = std::get_if<core::Failed>(&event.kind)) return failed->status;
  if (const auto* cancelled = std::get_if<core::Cancelled>(&event.kind)) {
    return core::JobCancelledError(job, cancelled->reason);
  }
  return absl::OkStatus();
}

}  // namespace latentd::rpc
