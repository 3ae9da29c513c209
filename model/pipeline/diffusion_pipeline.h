#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "model/pipeline/codec.h"
#include "model/pipeline/conditioner.h"
#include "model/pipeline/denoiser.h"
#include "model/pipeline/diffusion_model.h"
#include "model/pipeline/previewer.h"
#include "model/pipeline/starter.h"
#include "model/samplers/sampler_config.h"
#include "model/vision/safety_checker.h"

namespace latentd::model {

// What a system of the family is put together from. No part but the last two is null.
struct PipelineParts {
  at::Device device = at::kCPU;
  SamplerConfig sampler;
  std::unique_ptr<const Conditioner> conditioner;
  std::unique_ptr<const Denoiser> denoiser;
  std::unique_ptr<const Codec> codec;
  std::unique_ptr<const Starter> starter;
  std::unique_ptr<const Previewer> previewer = {};           // null: a LatentPreview fitted to the codec
  std::unique_ptr<const SafetyChecker> safety_checker = {};  // null: none
};

// The four verbs over any parts. In float32 it computes what diffusers' pipeline of the same parts computes.
class DiffusionPipeline final : public DiffusionModel {
 public:
  explicit DiffusionPipeline(PipelineParts parts);

  at::Device device() const override { return parts_.device; }
  std::vector<int64_t> LatentShape(int width, int height) const override;
  std::shared_ptr<const Sampler> MakeSampler(const SamplerOptions& options) const override;
  std::vector<Conditioning> Encode(std::span<const Prompt> prompts) override;
  EncodedInputs EncodeInputs(const TaskInputs& inputs) override;
  RowStart Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler,
                 at::Generator& generator) const override;
  std::vector<at::Tensor> Predict(std::span<const PredictRow> rows) override;
  std::vector<at::Tensor> Decode(std::span<const at::Tensor> latents) override;
  std::vector<at::Tensor> Preview(std::span<const at::Tensor> predicted_clean) const override;
  double scaling_factor() const override;
  std::vector<float> preview_map() const override;
  const SafetyChecker* safety_checker() const override { return parts_.safety_checker.get(); }
  std::shared_ptr<const Lora> LoadLora(const std::filesystem::path& file) const override;
  std::shared_ptr<const MotionModule> LoadMotion(const std::filesystem::path& file) const override;
  std::shared_ptr<const ControlNet> LoadControlNet(const std::filesystem::path& file) const override;
  std::shared_ptr<const TextualInversion> LoadEmbedding(const std::filesystem::path& file) const override;
  std::shared_ptr<const ImagePrompt> LoadImagePrompt(const std::filesystem::path& file) const override;
  int64_t memory_bytes() const override;

 private:
  const PipelineParts parts_;
};

}  // namespace latentd::model
