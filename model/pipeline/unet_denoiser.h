#pragma once

#include <utility>

#include "model/pipeline/denoiser.h"
#include "model/pipeline/network_bytes.h"
#include "model/unet/unet.h"
#include "model/unet/unet_2d.h"

namespace latentd::model {

// The U-Net of Stable Diffusion, which looks at the text by cross-attention.
class TextDenoiser final : public Denoiser {
 public:
  explicit TextDenoiser(UNet2DConditionModel unet) : unet_(std::move(unet)) {}

  int64_t memory_bytes() const override { return NetworkBytes(*unet_); }
  at::Tensor Predict(const Lanes& lanes) const override {
    return unet_->forward(lanes.samples, lanes.timesteps, lanes.context, lanes.class_labels);
  }

 private:
  const UNet2DConditionModel unet_;
};

// The U-Net of DDPM, and of latent diffusion without text.
class UnconditionalDenoiser final : public Denoiser {
 public:
  explicit UnconditionalDenoiser(UNet2DModel unet) : unet_(std::move(unet)) {}

  int64_t memory_bytes() const override { return NetworkBytes(*unet_); }
  at::Tensor Predict(const Lanes& lanes) const override { return unet_->forward(lanes.samples, lanes.timesteps); }

 private:
  const UNet2DModel unet_;
};

}  // namespace latentd::model
