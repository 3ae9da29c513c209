#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "model/pipeline/codec.h"
#include "model/pipeline/row_start.h"
#include "model/pipeline/task_inputs.h"

namespace latentd::model {

// How rows begin: what a pipeline of diffusers does before its first step, one class for each way in which a U-Net
// takes pictures. A row's generator is drawn from in the order and the shapes of diffusers'. Not thread-safe.
class Starter {
 public:
  virtual ~Starter() = default;

  // What `codec` makes of a job's pictures. REQUIRES: inputs has what the class is about, and a picture at least.
  virtual EncodedInputs Encode(const TaskInputs& inputs, const Codec& codec, at::Device device) const = 0;

  // A row of the latent's `shape`, [C, h, w]; `inputs` is null for a row that starts from noise alone.
  virtual RowStart Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler,
                         at::Generator& generator, at::Device device) const = 0;
};

// U-Nets that see the latent and nothing else. With a picture they begin late (diffusers' …Img2ImgPipeline); with a
// mask they are also held to the picture after each evaluation (…InpaintPipeline with as many channels as the latent
// has).
class PlainStarter final : public Starter {
 public:
  EncodedInputs Encode(const TaskInputs& inputs, const Codec& codec, at::Device device) const override;
  RowStart Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler, at::Generator& generator,
                 at::Device device) const override;
};

// U-Nets that also see the mask and what the picture is without the masked part: …InpaintPipeline with 9 channels.
class InpaintingStarter final : public Starter {
 public:
  // REQUIRES: inputs.picture and inputs.mask are defined.
  EncodedInputs Encode(const TaskInputs& inputs, const Codec& codec, at::Device device) const override;
  // REQUIRES: `inputs` is not null.
  RowStart Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler, at::Generator& generator,
                 at::Device device) const override;
};

}  // namespace latentd::model
