#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/pipeline/diffusion_model.h"
#include "model/pipeline/latent_preview.h"
#include "model/pipeline/model_folder.h"
#include "model/samplers/sampler_config.h"
#include "model/text/clip_text_model.h"
#include "model/text/clip_tokenizer.h"
#include "model/unet/unet.h"
#include "model/vae/vae.h"

namespace latentd::model {

// Stable Diffusion 1.x and 2.x (Rombach et al. 2022, arXiv:2112.10752): one CLIP text encoder, a U-Net with
// cross-attention, an AutoencoderKL. In float32 it computes what diffusers' StableDiffusionPipeline computes.
class StableDiffusion : public DiffusionModel {
 public:
  // Reads the weights; throws ModelError listing what is wrong with them.
  StableDiffusion(const ModelFolder& folder, const at::TensorOptions& options);

  std::vector<int64_t> LatentShape(int width, int height) const override;
  std::shared_ptr<const Sampler> MakeSampler(const SamplerOptions& options) const override;
  std::vector<Conditioning> Encode(std::span<const Prompt> prompts) override;
  std::vector<at::Tensor> Predict(std::span<const PredictRow> rows) override;
  std::vector<at::Tensor> Decode(std::span<const at::Tensor> latents) override;
  at::Tensor Preview(const at::Tensor& predicted_clean) const override;
  double scaling_factor() const override;
  int64_t memory_bytes() const override;

 private:
  const at::TensorOptions options_;
  const SamplerConfig sampler_config_;
  const ClipTokenizer tokenizer_;
  const ClipTextModel text_encoder_;
  const UNet2DConditionModel unet_;
  const AutoencoderKL vae_;
  const LatentPreview preview_;
};

}  // namespace latentd::model
