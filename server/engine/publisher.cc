#include "server/engine/publisher.h"

#include <cstring>
#include <utility>

#include "server/engine/prepare_picture.h"
#include "server/engine/status.h"
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
  state_->name = job.name;
  state_->request = job.request;
}

void JobPublisher::Started(core::Started event) {
  strand_.Submit([state = state_, event = std::move(event)]() mutable {
    state->context.sink->OnStarted(state->name, std::move(event));
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
    state->context.sink->OnProgress(state->name, std::move(event));
  });
}

void JobPublisher::Picture(int index, int64_t seed, at::Tensor picture, bool flagged) {
  strand_.Submit([state = state_, index, seed, picture = std::move(picture), flagged] {
    if (!state->abandoned) Encode(*state, index, seed, picture, flagged);
  });
}

void JobPublisher::Withheld(int index, int64_t seed) {
  strand_.Submit([state = state_, index, seed] {
    core::Output output{.index = index, .state = core::OutputState::kWithheld, .seed = seed, .flagged = true};
    output.width = state->request->width();
    output.height = state->request->height();
    state->context.sink->OnOutput(state->name, std::move(output));
  });
}

void JobPublisher::Latent(int index, int64_t seed, at::Tensor latent) {
  strand_.Submit([state = state_, index, seed, latent = std::move(latent)] {
    if (!state->abandoned) EncodeLatent(*state, index, seed, latent);
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
    Publish(state, std::move(output), *std::move(file));
    return absl::OkStatus();
  });
  if (!status.ok()) Fail(state, index, seed, status);
}

void JobPublisher::EncodeLatent(State& state, int index, int64_t seed, const at::Tensor& tensor) {
  const core::GenerationRequest& request = *state.request;
  const absl::Status status = GuardedStatus([&] {
    const at::Tensor values = tensor.contiguous();
    imaging::Latent latent{.shape = {.channels = static_cast<int>(values.size(0)),
                                     .width = static_cast<int>(values.size(2)),
                                     .height = static_cast<int>(values.size(1))},
                           .values = {}};
    const auto* data = values.const_data_ptr<float>();
    latent.values.assign(data, data + values.numel());
    core::Output output{.index = index, .seed = seed};
    output.width = request.width();
    output.height = request.height();
    Publish(
        state, std::move(output),
        imaging::EncodeLatent(latent, {.fields = request.fields(), .seed = seed, .software = state.context.software}));
    return absl::OkStatus();
  });
  if (!status.ok()) Fail(state, index, seed, status);
}

void JobPublisher::Publish(State& state, core::Output output, std::string file) {
  const core::GenerationRequest& request = *state.request;
  output.media_type = imaging::MediaType(request.output_format());
  output.sha256 = imaging::Sha256Hex(file);
  output.data = std::make_shared<const std::string>(std::move(file));
  if (state.context.observer != nullptr) state.context.observer->OnImage(request.model());
  state.context.sink->OnOutput(state.name, std::move(output));
}

void JobPublisher::Fail(State& state, int index, int64_t seed, const absl::Status& error) {
  ++state.failed_outputs;
  state.first_error.Update(error);
  state.context.sink->OnOutput(state.name,
                               {.index = index, .state = core::OutputState::kFailed, .error = error, .seed = seed});
}

void JobPublisher::FailedOutput(int index, int64_t seed, absl::Status error) {
  strand_.Submit([state = state_, index, seed, error = std::move(error)] { Fail(*state, index, seed, error); });
}

void JobPublisher::Took(core::Usage usage) {
  strand_.Submit([state = state_, usage]() mutable {
    usage.failed_outputs = state->failed_outputs;
    state->context.sink->OnUsage(state->name, usage);
  });
}

void JobPublisher::Finished(absl::Status status, core::Usage usage, std::function<void()> after) {
  strand_.Submit([state = state_, status = std::move(status), usage, after = std::move(after)]() mutable {
    usage.failed_outputs = state->failed_outputs;
    if (state->failed_outputs == state->request->num_images()) status.Update(state->first_error);
    if (status.ok()) {
      state->context.sink->OnCompleted(state->name, usage);
    } else {
      state->context.sink->OnFailed(state->name, std::move(status), usage);
    }
    after();
  });
}

void JobPublisher::Abandoned(core::Usage usage) {
  state_->abandoned = true;
  Took(usage);
}

}  // namespace latentd::engine
