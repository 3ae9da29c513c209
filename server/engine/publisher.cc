#include "server/engine/publisher.h"

#include <cstring>
#include <utility>

#include "server/engine/prepare_picture.h"
#include "server/engine/status.h"
#include "server/imaging/clip.h"
#include "server/imaging/encode.h"
#include "server/imaging/latent_file.h"
#include "server/imaging/sha256.h"

namespace latentd::engine {
namespace {

constexpr int kPreviewQuality = 80;

// LibTorch and OpenCV throw.
absl::StatusOr<core::Preview> MakePreview(const core::GenerationRequest& request, const at::Tensor& pixels,
                                          const std::string& software) {
  core::ImagePreview preview{.format = request.preview_format()};
  const absl::Status status = GuardedStatus([&] {
    const imaging::Picture picture = imaging::Downscale(ToPicture(pixels), request.preview_max_edge());
    auto file = imaging::EncodePreview(picture, request.preview_format(), kPreviewQuality, software);
    if (!file.ok()) return file.status();
    preview.width = picture.width;
    preview.height = picture.height;
    preview.data = std::make_shared<const std::string>(*std::move(file));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return preview;
}

}  // namespace

JobPublisher::JobPublisher(const Context& context, const core::ClaimedJob& job)
    : state_(std::make_shared<State>()), strand_(*context.workers) {
  state_->context = context;
  state_->claim = job.claim();
  state_->request = job.request;
  state_->failed_outputs = job.failed_outputs;
}

void JobPublisher::Started(core::Started event) {
  strand_.Submit([state = state_, event = std::move(event)]() mutable {
    state->context.sink->OnStarted(state->claim, std::move(event));
  });
}

void JobPublisher::Progress(core::Progress event, at::Tensor picture) {
  const bool has_preview = picture.defined() || event.preview.has_value();
  const bool keep = has_preview && state_->previews_waiting.load() <= state_->request->num_images();
  if (keep) {
    ++state_->previews_waiting;
  } else {
    event.preview.reset();
    picture.reset();
  }
  strand_.Submit([state = state_, keep, event = std::move(event), picture = std::move(picture)]() mutable {
    if (keep) --state->previews_waiting;
    if (state->abandoned) return;
    if (picture.defined()) {
      auto preview = MakePreview(*state->request, picture, state->context.software);
      if (preview.ok()) event.preview = *std::move(preview);
    }
    state->context.sink->OnProgress(state->claim, std::move(event));
  });
}

void JobPublisher::Picture(int row, int64_t seed, at::Tensor picture, bool flagged) {
  strand_.Submit([state = state_, row, seed, picture = std::move(picture), flagged] {
    if (!state->abandoned) Encode(*state, row, seed, picture, flagged);
  });
}

void JobPublisher::Withheld(int row, int64_t seed) {
  strand_.Submit([state = state_, row, seed] {
    const int outputs = state->request->outputs_per_row();
    for (int i = 0; i < outputs; ++i) {
      core::Output output{
          .index = row * outputs + i, .state = core::OutputState::kWithheld, .seed = seed, .flagged = true};
      output.width = state->request->width();
      output.height = state->request->height();
      state->context.sink->OnOutput(state->claim, std::move(output));
    }
  });
}

void JobPublisher::Clip(int row, int64_t seed, std::vector<at::Tensor> frames, bool flagged) {
  if (state_->request->clip_format()) {
    strand_.Submit([state = state_, row, seed, frames = std::move(frames), flagged] {
      if (!state->abandoned) EncodeClip(*state, row, seed, frames, flagged);
    });
    return;
  }
  int index = row * state_->request->outputs_per_row();
  for (at::Tensor& frame : frames) {
    strand_.Submit([state = state_, index = index++, seed, frame = std::move(frame), flagged] {
      if (!state->abandoned) Encode(*state, index, seed, frame, flagged);
    });
  }
}

void JobPublisher::Latent(int row, int64_t seed, at::Tensor latent, bool flagged) {
  strand_.Submit([state = state_, row, seed, latent = std::move(latent), flagged] {
    if (!state->abandoned) EncodeLatent(*state, row, seed, latent, flagged);
  });
}

void JobPublisher::Encode(State& state, int index, int64_t seed, const at::Tensor& pixels, bool flagged) {
  const core::GenerationRequest& request = *state.request;
  core::Output output{.index = index, .seed = seed, .flagged = flagged};
  const absl::Status status = GuardedStatus([&] {
    const imaging::Picture picture = ToPicture(pixels);
    auto file = imaging::Encode(picture, request.output_format(), request.output_quality(),
                                {.fields = request.fields(), .seed = seed, .software = state.context.software});
    if (!file.ok()) return file.status();
    output.width = picture.width;
    output.height = picture.height;
    Publish(state, std::move(output), imaging::MediaType(request.output_format()), *std::move(file));
    return absl::OkStatus();
  });
  if (!status.ok()) Fail(state, index, seed, status);
}

void JobPublisher::EncodeClip(State& state, int index, int64_t seed, const std::vector<at::Tensor>& frames,
                              bool flagged) {
  const core::GenerationRequest& request = *state.request;
  core::Output output{.index = index, .seed = seed, .flagged = flagged};
  const absl::Status status = GuardedStatus([&] {
    std::vector<imaging::Picture> pictures;
    pictures.reserve(frames.size());
    for (const at::Tensor& frame : frames) pictures.push_back(ToPicture(frame));
    const imaging::ClipOptions options{
        .format = *request.clip_format(), .fps = request.animation()->fps, .quality = request.output_quality()};
    auto file = imaging::EncodeClip(pictures, options,
                                    {.fields = request.fields(), .seed = seed, .software = state.context.software});
    if (!file.ok()) return file.status();
    output.width = pictures.front().width;
    output.height = pictures.front().height;
    output.frames = request.frames();
    output.fps = options.fps;
    Publish(state, std::move(output), imaging::MediaType(options.format), *std::move(file));
    return absl::OkStatus();
  });
  if (!status.ok()) Fail(state, index, seed, status);
}

void JobPublisher::EncodeLatent(State& state, int index, int64_t seed, const at::Tensor& tensor, bool flagged) {
  const core::GenerationRequest& request = *state.request;
  const absl::Status status = GuardedStatus([&] {
    const at::Tensor values = tensor.contiguous();
    imaging::Latent latent{.shape = {.channels = static_cast<int>(values.size(0)),
                                     .width = static_cast<int>(values.size(2)),
                                     .height = static_cast<int>(values.size(1))},
                           .values = {}};
    const auto* data = values.const_data_ptr<float>();
    latent.values.assign(data, data + values.numel());
    core::Output output{.index = index, .seed = seed, .flagged = flagged};
    output.width = request.width();
    output.height = request.height();
    Publish(
        state, std::move(output), imaging::MediaType(core::ImageFormat::kLatent),
        imaging::EncodeLatent(latent, {.fields = request.fields(), .seed = seed, .software = state.context.software}));
    return absl::OkStatus();
  });
  if (!status.ok()) Fail(state, index, seed, status);
}

void JobPublisher::Publish(State& state, core::Output output, std::string media_type, std::string file) {
  output.media_type = std::move(media_type);
  output.sha256 = imaging::Sha256Hex(file);
  output.data = std::make_shared<const std::string>(std::move(file));
  if (state.context.observer != nullptr) state.context.observer->OnImage(state.request->model());
  state.context.sink->OnOutput(state.claim, std::move(output));
}

void JobPublisher::Fail(State& state, int index, int64_t seed, const absl::Status& error) {
  ++state.failed_outputs;
  state.first_error.Update(error);
  state.context.sink->OnOutput(state.claim,
                               {.index = index, .state = core::OutputState::kFailed, .error = error, .seed = seed});
}

void JobPublisher::FailedRow(int row, int64_t seed, absl::Status error) {
  strand_.Submit([state = state_, row, seed, error = std::move(error)] {
    const int outputs = state->request->outputs_per_row();
    for (int i = 0; i < outputs; ++i) Fail(*state, row * outputs + i, seed, error);
  });
}

void JobPublisher::Took(core::Usage usage) {
  strand_.Submit([state = state_, usage]() mutable {
    usage.failed_outputs = state->failed_outputs;
    state->context.sink->OnUsage(state->claim, usage);
  });
}

void JobPublisher::Checkpoint(core::Checkpoint checkpoint) {
  strand_.Submit([state = state_, checkpoint = std::move(checkpoint)]() mutable {
    checkpoint.usage.failed_outputs = state->failed_outputs;
    state->context.sink->OnCheckpoint(state->claim, std::move(checkpoint));
  });
}

void JobPublisher::HandBack(std::string reason, core::Checkpoint checkpoint, std::function<void()> after) {
  strand_.Submit([state = state_, reason = std::move(reason), checkpoint = std::move(checkpoint),
                  after = std::move(after)]() mutable {
    checkpoint.usage.failed_outputs = state->failed_outputs;
    state->context.sink->OnHandedBack(state->claim, std::move(reason), std::move(checkpoint));
    after();
  });
}

void JobPublisher::Unable(absl::Status status, core::Checkpoint checkpoint, std::function<void()> after) {
  strand_.Submit([state = state_, status = std::move(status), checkpoint = std::move(checkpoint),
                  after = std::move(after)]() mutable {
    checkpoint.usage.failed_outputs = state->failed_outputs;
    state->context.sink->OnUnable(state->claim, std::move(status), std::move(checkpoint));
    after();
  });
}

void JobPublisher::Finished(absl::Status status, core::Usage usage, std::function<void()> after) {
  strand_.Submit([state = state_, status = std::move(status), usage, after = std::move(after)]() mutable {
    usage.failed_outputs = state->failed_outputs;
    if (state->failed_outputs == state->request->num_outputs()) status.Update(state->first_error);
    if (status.ok()) {
      state->context.sink->OnCompleted(state->claim, usage);
    } else {
      state->context.sink->OnFailed(state->claim, std::move(status), usage);
    }
    after();
  });
}

void JobPublisher::Abandoned(core::Usage usage) {
  state_->abandoned = true;
  Took(usage);
}

}  // namespace latentd::engine
