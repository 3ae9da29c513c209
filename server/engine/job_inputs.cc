#include "server/engine/job_inputs.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/adapter_fields.h"
#include "server/engine/damaged_input.h"
#include "server/imaging/fit.h"
#include "server/imaging/input_image.h"
#include "server/imaging/latent_file.h"
#include "server/imaging/mask.h"
#include "server/imaging/picture.h"

namespace latentd::engine {
namespace {

using imaging::Picture;

// `name`: of a field of the task.
absl::Status Damaged(const core::GenerationRequest& request, const char* name, const absl::Status& status) {
  return DamagedInput(absl::StrCat("spec.", std::string(core::Name(request.task())), ".", name), status);
}

absl::StatusOr<Picture> Decode(const core::GenerationRequest& request, const char* name,
                               const core::InputImage& image) {
  absl::StatusOr<Picture> picture = imaging::DecodeImage(*image.data, {});
  return picture.ok() ? std::move(picture) : Damaged(request, name, picture.status());
}

// White where the mask says that the picture is redrawn.
absl::StatusOr<Picture> DecodeMask(const core::GenerationRequest& request) {
  if (request.mask_kind() == core::MaskKind::kWhite) return Decode(request, "mask", *request.mask());
  absl::StatusOr<Picture> mask = imaging::DecodeTransparency(*request.mask()->data, {});
  return mask.ok() ? std::move(mask) : Damaged(request, "mask", mask.status());
}

absl::StatusOr<Picture> FitToRequest(Picture picture, const core::GenerationRequest& request, const char* name,
                                     const core::InputImage& image) {
  absl::StatusOr<Picture> fitted =
      imaging::FitTo(std::move(picture), request.width(), request.height(), image.fit.value_or(core::Fit::kStretch));
  return fitted.ok() ? std::move(fitted) : Damaged(request, name, fitted.status());
}

at::Tensor ToTensor(const std::vector<uint8_t>& bytes, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::kByte);
  std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

// The small picture of an enlargement. diffusers' upscaler, which takes a noise level, resizes by cubic curves where
// its size is no multiple, and its latent diffusion by Lanczos'.
absl::StatusOr<model::TaskInputs> DecodeLowRes(const core::GenerationRequest& request) {
  const core::InputImage& image = *request.image();
  absl::StatusOr<Picture> picture = Decode(request, "low_res", image);
  if (!picture.ok()) return picture.status();
  const int width = request.width() / request.upscale_factor();
  const int height = request.height() / request.upscale_factor();
  picture = imaging::FitTo(*std::move(picture), width, height, image.fit.value_or(core::Fit::kStretch),
                           request.noise_level() ? imaging::Filter::kBicubic : imaging::Filter::kLanczos);
  if (!picture.ok()) return Damaged(request, "low_res", picture.status());
  return model::TaskInputs{.picture = {},
                           .mask = {},
                           .low_res = ToTensor(picture->rgb, {height, width, 3}),
                           .noise_level = request.noise_level().value_or(0)};
}

// `source`, continued beyond its edges with their colours.
Picture Extend(const Picture& source, const core::Margins& margins) {
  Picture canvas{.width = source.width + margins.left + margins.right,
                 .height = source.height + margins.top + margins.bottom,
                 .rgb = {}};
  canvas.rgb.resize(size_t{3} * canvas.width * canvas.height);
  for (int y = 0; y < canvas.height; ++y) {
    const int from_y = std::clamp(y - margins.top, 0, source.height - 1);
    for (int x = 0; x < canvas.width; ++x) {
      const int from_x = std::clamp(x - margins.left, 0, source.width - 1);
      std::memcpy(&canvas.rgb[size_t{3} * (size_t{1} * y * canvas.width + x)],
                  &source.rgb[size_t{3} * (size_t{1} * from_y * source.width + from_x)], 3);
    }
  }
  return canvas;
}

// White where a picture of `width` × `height` is continued, black where it lies.
Picture MarginMask(int width, int height, const core::Margins& margins) {
  Picture inside{.width = width, .height = height, .rgb = std::vector<uint8_t>(size_t{3} * width * height, 0)};
  Picture mask = Extend(inside, margins);
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      const bool kept = x >= margins.left && x < margins.left + width && y >= margins.top && y < margins.top + height;
      if (!kept) std::memset(&mask.rgb[size_t{3} * (size_t{1} * y * mask.width + x)], 255, 3);
    }
  }
  return mask;
}

// What a request says beside its pictures.
model::TaskInputs Begin(const core::GenerationRequest& request) {
  return {.picture = {},
          .mask = {},
          .strength = request.strength(),
          .denoising_start = request.denoising_start(),
          .denoising_end = request.denoising_end()};
}

absl::StatusOr<model::TaskInputs> DecodeLatentInput(const core::GenerationRequest& request) {
  const absl::StatusOr<imaging::Latent> latent = imaging::DecodeLatent(*request.image()->data, {});
  if (!latent.ok()) return Damaged(request, "image", latent.status());
  model::TaskInputs inputs = Begin(request);
  inputs.latent = at::empty({latent->shape.channels, latent->shape.height, latent->shape.width}, at::kFloat);
  std::memcpy(inputs.latent.mutable_data_ptr(), latent->values.data(), inputs.latent.nbytes());
  return inputs;
}

// The pictures of a request's ControlNets, as diffusers' pipelines resize them.
absl::StatusOr<std::vector<at::Tensor>> DecodeControls(const core::GenerationRequest& request) {
  std::vector<at::Tensor> controls;
  for (size_t i = 0; i < request.adapters().size(); ++i) {
    const core::AdapterUse& use = request.adapters()[i];
    if (use.kind != core::AdapterKind::kControlNet) continue;
    absl::StatusOr<Picture> picture = imaging::DecodeImage(*use.image->data, {});
    if (picture.ok()) {
      picture = imaging::FitTo(*std::move(picture), request.width(), request.height(),
                               use.image->fit.value_or(core::Fit::kStretch));
    }
    if (!picture.ok()) {
      return DamagedInput(absl::StrCat(core::AdapterField(request.adapters(), i), ".image"), picture.status());
    }
    controls.push_back(ToTensor(picture->rgb, {picture->height, picture->width, 3}));
  }
  return controls;
}

// What the task begins with.
absl::StatusOr<model::TaskInputs> DecodeTask(const core::GenerationRequest& request) {
  if (!request.image()) return Begin(request);
  if (request.task() == core::Task::kSuperResolution) return DecodeLowRes(request);
  const core::InputImage& image = *request.image();
  if (image.latent) return DecodeLatentInput(request);
  absl::StatusOr<Picture> picture = Decode(request, "image", image);
  if (!picture.ok()) return picture.status();
  absl::StatusOr<Picture> mask = Picture();  // not valid: none
  core::Fit mask_fit = core::Fit::kStretch;
  if (request.mask()) {
    mask = DecodeMask(request);
    mask_fit = request.mask()->fit.value_or(mask_fit);
  } else if (request.task() == core::Task::kOutpaint) {
    mask = MarginMask(picture->width, picture->height, request.margins());
    picture = Extend(*picture, request.margins());
    mask_fit = image.fit.value_or(mask_fit);
  }
  if (!mask.ok()) return mask.status();

  picture = FitToRequest(*std::move(picture), request, "image", image);
  if (!picture.ok()) return picture.status();
  const int64_t height = picture->height;
  const int64_t width = picture->width;
  model::TaskInputs inputs = Begin(request);
  inputs.picture = ToTensor(picture->rgb, {height, width, 3});
  if (!mask->valid()) return inputs;
  mask = FitToRequest(*std::move(mask), request, "mask", {.fit = mask_fit});
  if (!mask.ok()) return mask.status();
  inputs.mask = ToTensor(imaging::ToMask(*mask).values, {height, width});
  return inputs;
}

}  // namespace

absl::StatusOr<model::TaskInputs> DecodeTaskInputs(const core::GenerationRequest& request) {
  absl::StatusOr<model::TaskInputs> inputs = DecodeTask(request);
  if (!inputs.ok()) return inputs;
  absl::StatusOr<std::vector<at::Tensor>> controls = DecodeControls(request);
  if (!controls.ok()) return controls.status();
  inputs->controls = *std::move(controls);
  return inputs;
}

}  // namespace latentd::engine
