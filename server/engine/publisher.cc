#include "server/engine/publisher.h"

#include <cstring>
#include <utility>

#include "server/core/errors.h"
#include "server/imaging/encode.h"
#include "server/imaging/sha256.h"

namespace latentd::engine {
namespace {

constexpr int kPreviewQuality = 80;

imaging::Picture ToPicture(const at::Tensor& tensor) {
  const at::Tensor pixels = tensor.contiguous();
  imaging::Picture picture{
      .width = static_cast<int>(pixels.size(1)), .height = static_cast<int>(pixels.size(0)), .rgb = {}};
  const auto* data = pixels.const_data_ptr<uint8_t>();
  picture.rgb.assign(data, data + pixels.numel());
  return picture;
}

absl::StatusOr<core::Preview> MakePreview(const core::GenerationRequest& request, const at::Tensor& pixels,
                                          const std::string& software) {
  imaging::Picture picture = imaging::Downscale(ToPicture(pixels), request.preview_max_edge());
  auto file = imaging::EncodePreview(picture, request.preview_format(), kPreviewQuality, software);
  if (!file.ok()) return file.status();
  return core::ImagePreview{.format = request.preview_format(),
                            .width = picture.width,
                            .height = picture.height,
                            .data = std::make_shared<const std::string>(*std::move(file))};
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
  const bool encode = picture.defined() && state_->previews_waiting.load() <= state_->request->num_images();
  if (encode) ++state_->previews_waiting;
  strand_.Submit(
      [state = state_, event = std::move(event), picture = encode ? std::move(picture) : at::Tensor()]() mutable {
        if (picture.defined()) {
          --state->previews_waiting;
          if (auto preview = MakePreview(*state->request, picture, state->context.software); preview.ok()) {
            event.preview = *std::move(preview);
          }
        }
        state->context.sink->OnProgress(state->name, std::move(event));
      });
}

void JobPublisher::Picture(int index, int64_t seed, at::Tensor picture) {
  strand_.Submit([state = state_, index, seed, picture = std::move(picture)] { Encode(*state, index, seed, picture); });
}

void JobPublisher::Encode(const State& state, int index, int64_t seed, const at::Tensor& pixels) {
  const core::GenerationRequest& request = *state.request;
  const imaging::Picture picture = ToPicture(pixels);
  auto file = imaging::Encode(picture, request.output_format(), request.output_quality(),
                              {.fields = request.fields(), .seed = seed, .software = state.context.software});
  core::Output output{.index = index, .seed = seed};
  if (file.ok()) {
    output.media_type = imaging::MediaType(request.output_format());
    output.width = picture.width;
    output.height = picture.height;
    output.sha256 = imaging::Sha256Hex(*file);
    output.data = std::make_shared<const std::string>(*std::move(file));
    if (state.context.observer != nullptr) state.context.observer->OnImage(request.model());
  } else {
    output.state = core::OutputState::kFailed;
    output.error = file.status();
  }
  state.context.sink->OnOutput(state.name, std::move(output));
}

void JobPublisher::FailedOutput(int index, int64_t seed, absl::Status error) {
  strand_.Submit([state = state_, index, seed, error = std::move(error)]() mutable {
    core::Output output{.index = index, .state = core::OutputState::kFailed, .error = std::move(error), .seed = seed};
    state->context.sink->OnOutput(state->name, std::move(output));
  });
}

void JobPublisher::Finished(absl::Status status, core::Usage usage, std::function<void()> after) {
  strand_.Submit([state = state_, status = std::move(status), usage, after = std::move(after)]() mutable {
    if (status.ok()) {
      state->context.sink->OnCompleted(state->name, usage);
    } else {
      state->context.sink->OnFailed(state->name, std::move(status));
    }
    after();
  });
}

}  // namespace latentd::engine
