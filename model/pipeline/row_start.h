#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>

#include "model/pipeline/codec.h"
#include "model/samplers/sampler.h"

namespace latentd::model {

// Holds a row to a picture where its mask says so: after each evaluation the kept part is put back, as noisy as the
// rest. So a model that was not trained to inpaint does it (diffusers' StableDiffusionInpaintPipeline with four
// channels).
struct Hold {
  at::Tensor clean;  // [C, h, w] float32: the picture's latent
  at::Tensor noise;  // likewise: what the row began with
  at::Tensor mask;   // [1, h, w] float32: 1 where the row goes its own way, 0 where the picture is kept
  int end = 0;       // the row's end (StepRange::end), where the picture is put back clean

  // `latent` as it is to be before `sampler`'s evaluation number `evaluation`, or at the row's end.
  at::Tensor Apply(const at::Tensor& latent, const Sampler& sampler, int evaluation) const;
};

// A row before its first evaluation.
struct RowStart {
  at::Tensor latent;          // [C, h, w] float32
  SamplerState sampler;       // at the sampler's end when no step is left
  at::Tensor concat;          // [C', h, w] float32: further channels that the U-Net sees; undefined for none
  bool scale_concat = false;  // whether Sampler::ScaleModelInput is for them, too
  std::optional<Hold> hold;
  std::optional<int64_t> class_label;  // that the U-Net is told; empty for one without classes
};

// A job's pictures as the networks have them, once for all its rows. All on the model's device.
struct EncodedInputs {
  EncodedPicture picture;         // [1, C, h, w]
  EncodedPicture masked_picture;  // without what is redrawn; undefined when the model does not look at it
  at::Tensor mask;                // [1, h, w] float32, at the latent's size; undefined for none
  at::Tensor low_res{};           // [3, h, w] float32, colours in [-1, 1]; undefined for none
  int64_t noise_level = 0;        // this and the next three as in TaskInputs
  double strength = 1;
  std::optional<double> denoising_start{};
  double denoising_end = 1;
};

// What begins a row: an encoder's picture, drawn for one row, whose noise comes from `generator`. [C, h, w].
at::Tensor Draw(const EncodedPicture& picture, at::Generator& generator);

}  // namespace latentd::model
