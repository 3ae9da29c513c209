#include "model/pipeline/super_resolution_starters.h"

#include <ATen/TensorOperators.h>

#include <cmath>

#include "model/pipeline/pixels.h"

namespace latentd::model {
namespace {

EncodedInputs EncodeLowRes(const TaskInputs& inputs, at::Device device) {
  return {.picture = {},
          .masked_picture = {},
          .mask = {},
          .low_res = ToColours(inputs.low_res).to(device),  // [3, h, w]
          .noise_level = inputs.noise_level};
}

}  // namespace

EncodedInputs LowResStarter::Encode(const TaskInputs& inputs, const Codec& /*codec*/, at::Device device) const {
  return EncodeLowRes(inputs, device);
}

RowStart LowResStarter::Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler,
                              at::Generator& generator, at::Device device) const {
  RowStart start;
  start.latent = DrawNoise(shape, generator, device) * sampler.init_noise_sigma();
  start.concat = inputs->low_res;
  start.scale_concat = true;
  return start;
}

EncodedInputs NoisedLowResStarter::Encode(const TaskInputs& inputs, const Codec& /*codec*/, at::Device device) const {
  return EncodeLowRes(inputs, device);
}

RowStart NoisedLowResStarter::Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler,
                                    at::Generator& generator, at::Device device) const {
  RowStart start;
  const float alpha = alphas_.at(static_cast<size_t>(inputs->noise_level));
  const at::Tensor noise = DrawNoise(inputs->low_res.sizes(), generator, device);
  start.concat = std::sqrt(alpha) * inputs->low_res + std::sqrt(1 - alpha) * noise;  // [3, h, w]
  start.latent = DrawNoise(shape, generator, device) * sampler.init_noise_sigma();
  start.class_label = inputs->noise_level;
  return start;
}

}  // namespace latentd::model
