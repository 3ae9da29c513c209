#pragma once

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "model/layers/network_bytes.h"
#include "model/pipeline/control_residuals.h"
#include "model/pipeline/denoiser.h"
#include "model/unet/unet.h"
#include "model/unet/unet_2d.h"
#include "model/unet/unet_graphs.h"

namespace latentd::model {

// The U-Net of Stable Diffusion, which looks at the text by cross-attention; that of a latent consistency model is also
// told each lane's guidance scale, and a gated one phrases in boxes. With motion modules between its layers it makes
// clips.
class TextDenoiser final : public Denoiser {
 public:
  explicit TextDenoiser(UNet2DConditionModel unet);

  int64_t memory_bytes() const override { return NetworkBytes(*unet_); }
  std::vector<const AdaptableNetwork*> adaptable() const override { return {&adaptable_, motion_layers_.get()}; }
  const UNet2DConditionModelImpl* steered() const override { return unet_.get(); }
  const CrossAttentions* cross_attentions() const override { return &attentions_; }
  std::shared_ptr<const MotionModule> LoadMotion(const std::filesystem::path& file) const override;
  at::Tensor Predict(const Lanes& lanes) const override;

 private:
  const UNet2DConditionModel unet_;
  const AdaptableNetwork adaptable_;
  const std::unique_ptr<const AdaptableNetwork> motion_layers_;  // of whatever motion modules its lanes may have
  const CrossAttentions attentions_;
  mutable UNetGraphs graphs_;
};

// The U-Net of Stable Diffusion XL, which is also told the text as one vector and numbers about the picture.
class SizedTextDenoiser final : public Denoiser {
 public:
  // `takes_aesthetic_score`: instead of the target size, as the refiner does.
  SizedTextDenoiser(UNet2DConditionModel unet, bool takes_aesthetic_score)
      : unet_(std::move(unet)),
        takes_aesthetic_score_(takes_aesthetic_score),
        adaptable_("unet", *unet_),
        attentions_(*unet_),
        graphs_(*unet_) {}

  int64_t memory_bytes() const override { return NetworkBytes(*unet_); }
  std::vector<const AdaptableNetwork*> adaptable() const override { return {&adaptable_}; }
  const UNet2DConditionModelImpl* steered() const override { return unet_.get(); }
  const CrossAttentions* cross_attentions() const override { return &attentions_; }
  at::Tensor Predict(const Lanes& lanes) const override;

 private:
  const UNet2DConditionModel unet_;
  const bool takes_aesthetic_score_;
  const AdaptableNetwork adaptable_;
  const CrossAttentions attentions_;
  mutable UNetGraphs graphs_;
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
