#include "model/pipeline/starter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <utility>

#include "model/pipeline/pixels.h"
#include "model/pipeline/step_range.h"

namespace latentd::model {
namespace {

at::Tensor Colours(const TaskInputs& inputs) { return ToColours(inputs.picture).unsqueeze(0); }  // [1, 3, H, W]

// [1, H, W]: 1 where the picture is redrawn, else 0.
at::Tensor FullMask(const TaskInputs& inputs) { return (inputs.mask > 127).to(at::kFloat).unsqueeze(0); }

// [1, h, w]
at::Tensor LatentMask(const TaskInputs& inputs, const Codec& codec, at::Device device) {
  const at::Tensor mask = FullMask(inputs);
  return at::upsample_nearest2d(mask.unsqueeze(0), {mask.size(1) / codec.scale(), mask.size(2) / codec.scale()})[0].to(
      device);
}

// Of a row that begins with the noise alone.
at::Tensor AllNoise(const at::Tensor& noise, const Sampler& sampler) { return noise * sampler.init_noise_sigma(); }

// Which evaluations a row with pictures carries out.
StepRange Steps(const EncodedInputs& inputs, const Sampler& sampler) {
  return StepsOf(sampler, inputs.strength, inputs.denoising_start, inputs.denoising_end);
}

// The latent of a row that begins late.
at::Tensor Noised(const at::Tensor& clean, const at::Tensor& noise, const Sampler& sampler, int evaluation) {
  return evaluation < sampler.evaluations() ? sampler.AddNoise(clean, noise, evaluation) : clean;
}

// What a job's inputs say beside their pictures.
EncodedInputs Begin(const TaskInputs& inputs) {
  return {.picture = {},
          .masked_picture = {},
          .mask = {},
          .strength = inputs.strength,
          .denoising_start = inputs.denoising_start,
          .denoising_end = inputs.denoising_end};
}

}  // namespace

EncodedInputs PlainStarter::Encode(const TaskInputs& inputs, const Codec& codec, at::Device device) const {
  EncodedInputs encoded = Begin(inputs);
  if (inputs.latent.defined()) {
    encoded.picture.mean = inputs.latent.unsqueeze(0).to(device);
  } else {
    encoded.picture = codec.Encode(Colours(inputs));
  }
  if (inputs.mask.defined()) encoded.mask = LatentMask(inputs, codec, device);
  return encoded;
}

RowStart PlainStarter::Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler,
                             at::Generator& generator, at::Device device) const {
  RowStart start;
  if (inputs == nullptr) {
    start.latent = AllNoise(DrawNoise(shape, generator, device), sampler);
    return start;
  }
  StepRange steps = Steps(*inputs, sampler);
  const int first = steps.begin.evaluation;
  start.sampler = std::move(steps.begin);
  const at::Tensor clean = Draw(inputs->picture, generator);
  if (inputs->denoising_start) {  // the picture has its noise
    start.latent = clean;
    return start;
  }
  const at::Tensor noise = DrawNoise(shape, generator, device);
  start.latent = Noised(clean, noise, sampler, first);
  if (!inputs->mask.defined()) return start;
  if (inputs->strength == 1) start.latent = AllNoise(noise, sampler);
  start.hold = Hold{.clean = clean, .noise = noise, .mask = inputs->mask, .end = steps.end};
  // diffusers draws the latent of the masked picture, too, which only U-Nets of 9 channels look at.
  if (inputs->picture.deviation.defined()) DrawNoise(shape, generator, device);
  return start;
}

EncodedInputs InpaintingStarter::Encode(const TaskInputs& inputs, const Codec& codec, at::Device device) const {
  const at::Tensor colours = Colours(inputs);
  EncodedInputs encoded = Begin(inputs);
  encoded.masked_picture = codec.Encode(colours * (FullMask(inputs) < 0.5));
  encoded.mask = LatentMask(inputs, codec, device);
  if (inputs.strength < 1) encoded.picture = codec.Encode(colours);
  return encoded;
}

RowStart InpaintingStarter::Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler,
                                  at::Generator& generator, at::Device device) const {
  RowStart start;
  const bool late = inputs->picture.mean.defined();
  const at::Tensor clean = late ? Draw(inputs->picture, generator) : at::Tensor();
  const at::Tensor noise = DrawNoise(shape, generator, device);
  if (late) {
    start.sampler = Steps(*inputs, sampler).begin;
    start.latent = Noised(clean, noise, sampler, start.sampler.evaluation);
  } else {
    start.latent = AllNoise(noise, sampler);
  }
  start.concat = at::cat({inputs->mask, Draw(inputs->masked_picture, generator)});
  return start;
}

}  // namespace latentd::model
