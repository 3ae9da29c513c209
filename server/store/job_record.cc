#include "server/store/job_record.h"

namespace latentd::store {
namespace {

// A record, its places in the indexes and its small events.
constexpr int64_t kRecordBytes = 4096;
constexpr int64_t kBytesPerPixel = 3;

}  // namespace

core::Job JobRecord::Snapshot() const {
  core::Job job{
      .name = name,
      .request = request,
      .tenant = options.tenant,
      .request_id = options.request_id,
      .trace_id = options.trace_id,
      .state = state,
      .create_time = create_time,
      .start_time = start_time,
      .end_time = end_time,
      .expire_time = request->expire_time(),
      .last_sequence = log.last_sequence(),
      .error = error,
      .usage = usage,
      .warnings = warnings,
  };
  if (expire_time != absl::InfiniteFuture()) job.expire_time = expire_time;
  job.outputs.reserve(outputs.size());
  for (const auto& [index, output] : outputs) job.outputs.push_back(output);
  return job;
}

int64_t JobRecord::bytes() const { return RequestBytes(*request) + log.output_bytes() + log.preview_bytes(); }

int64_t RequestBytes(const core::GenerationRequest& request) {
  int64_t bytes = kRecordBytes + static_cast<int64_t>(request.prompt().size() + request.negative_prompt().size());
  for (const auto& [key, value] : request.labels()) bytes += static_cast<int64_t>(key.size() + value.size());
  for (const core::InputImage* image : core::PicturesOf(request.fields())) {
    if (image->data != nullptr && !image->is_shared) bytes += static_cast<int64_t>(image->data->size());
  }
  return bytes;
}

int64_t PendingBytes(const core::GenerationRequest& request) {
  const int64_t pixels = int64_t{request.width()} * request.height() * request.num_images() * request.frames();
  return RequestBytes(request) + kBytesPerPixel * pixels;
}

int64_t PixelSteps(const core::GenerationRequest& request) {
  const int64_t lanes = int64_t{request.num_images()} * request.frames() * (request.guided() ? 2 : 1);
  return lanes * request.steps() * request.width() * request.height();
}

}  // namespace latentd::store
