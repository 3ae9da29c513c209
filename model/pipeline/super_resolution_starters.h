#pragma once

#include <utility>
#include <vector>

#include "model/pipeline/starter.h"

namespace latentd::model {

// U-Nets that see the small picture beside the latent, which has its size. TaskInputs: low_res.

// diffusers' LDMSuperResolutionPipeline: the picture as it is. There the sampler's scaling of the U-Net's input is for
// both.
class LowResStarter final : public Starter {
 public:
  EncodedInputs Encode(const TaskInputs& inputs, const Codec& codec, at::Device device) const override;
  // REQUIRES: `inputs` is not null.
  RowStart Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler, at::Generator& generator,
                 at::Device device) const override;
};

// diffusers' StableDiffusionUpscalePipeline: the picture with noise, drawn before the latent's, of a level that the
// U-Net is told as its class. TaskInputs: noise_level, too.
class NoisedLowResStarter final : public Starter {
 public:
  // `alphas`: of the picture's noise (NoiseSchedule::alphas), one for each level.
  explicit NoisedLowResStarter(std::vector<float> alphas) : alphas_(std::move(alphas)) {}

  EncodedInputs Encode(const TaskInputs& inputs, const Codec& codec, at::Device device) const override;
  // REQUIRES: `inputs` is not null.
  RowStart Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler, at::Generator& generator,
                 at::Device device) const override;

 private:
  const std::vector<float> alphas_;
};

}  // namespace latentd::model
