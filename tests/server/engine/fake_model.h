#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/pipeline/diffusion_model.h"
#include "model/pipeline/starter.h"
#include "model/samplers/sampler_config.h"

namespace latentd::engine {

// What a test sees of a fake model, and how it steers it. Outlives the model.
struct FakeModelControl {
  std::mutex mutex;
  std::vector<std::vector<std::string>> predicted;  // prompts of the rows of each forward
  std::vector<double> lora_scales;                  // of the rows' LoRAs, as they were predicted
  int encoded = 0;                                  // prompts
  std::vector<model::Prompt> prompts;               // that were encoded
  std::atomic<bool> nan = false;                    // every prediction is not a number
  size_t memory_for_rows = std::numeric_limits<size_t>::max();
  // Called at the beginning of each forward, on the engine thread.
  std::function<void(size_t forward)> on_predict;
  std::function<void(size_t rows)> on_preview;
  std::function<void(size_t latents)> on_decode;
  std::shared_ptr<const model::Sampler> sampler;  // instead of the one that is asked for
  std::shared_ptr<const model::SafetyChecker> checker;

  std::vector<std::vector<std::string>> Predicted() {
    const std::lock_guard lock(mutex);
    return predicted;
  }
};

// A model whose latents are small and whose networks are arithmetic. A row with the prompt "throw" makes its forward
// fail, one with "nan" turns to NaN, one with "bad decode" fails in the decoder, and "bad encode" in the text encoder.
class FakeModel : public model::DiffusionModel {
 public:
  explicit FakeModel(FakeModelControl* control, int64_t memory_bytes = 100)
      : control_(control), memory_bytes_(memory_bytes) {}

  at::Device device() const override { return at::kCPU; }

  std::vector<int64_t> LatentShape(int width, int height) const override { return {1, height / 8, width / 8}; }

  std::shared_ptr<const model::Sampler> MakeSampler(const model::SamplerOptions& options) const override {
    if (control_->sampler != nullptr) return control_->sampler;
    return model::MakeSampler(model::SamplerConfig{}, options);
  }

  std::vector<model::Conditioning> Encode(std::span<const model::Prompt> prompts) override {
    std::vector<model::Conditioning> encoded;
    for (const model::Prompt& prompt : prompts) {
      TORCH_CHECK(prompt.text != "bad encode", "this prompt cannot be encoded");
      encoded.push_back({.states = at::full({1, 1}, static_cast<double>(prompt.text.size())), .cut_text = {}});
      texts_[encoded.back().states.const_data_ptr()] = prompt.text;
    }
    const std::lock_guard lock(control_->mutex);
    control_->encoded += static_cast<int>(prompts.size());
    control_->prompts.insert(control_->prompts.end(), prompts.begin(), prompts.end());
    return encoded;
  }

  model::EncodedInputs EncodeInputs(const model::TaskInputs& inputs) override {
    const at::Tensor brightness = inputs.picture.to(at::kFloat).mean(2) / 255;  // [H, W]
    const at::Tensor mean = at::avg_pool2d(brightness.unsqueeze(0).unsqueeze(0), {8, 8});
    return {.picture = {.mean = mean, .deviation = {}}, .masked_picture = {}, .mask = {}, .strength = inputs.strength};
  }

  model::RowStart Start(const model::EncodedInputs* inputs, at::IntArrayRef shape, const model::Sampler& sampler,
                        at::Generator& generator) const override {
    return model::PlainStarter().Start(inputs, shape, sampler, generator, at::kCPU);
  }

  std::vector<at::Tensor> Predict(std::span<const model::PredictRow> rows) override {
    std::vector<std::string> prompts;
    for (const model::PredictRow& row : rows) prompts.push_back(texts_[row.cond->states.const_data_ptr()]);
    for (const model::PredictRow& row : rows) {
      const std::lock_guard lock(control_->mutex);
      for (const model::AppliedLora& lora : row.loras) control_->lora_scales.push_back(lora.scale);
    }
    size_t forward = 0;
    std::function<void(size_t)> hook;
    {
      const std::lock_guard lock(control_->mutex);
      forward = control_->predicted.size();
      control_->predicted.push_back(prompts);
      hook = control_->on_predict;
    }
    if (hook) hook(forward);
    if (rows.size() > control_->memory_for_rows) throw c10::OutOfMemoryError({__func__, __FILE__, __LINE__}, "no room");
    std::vector<at::Tensor> predictions;
    for (size_t i = 0; i < rows.size(); ++i) {
      TORCH_CHECK(prompts[i] != "throw", "this prompt throws");
      const bool nan = control_->nan || prompts[i] == "nan";
      predictions.push_back(rows[i].latent * (nan ? std::numeric_limits<double>::quiet_NaN() : 0.5));
      if (prompts[i] == "bad decode") bad_.push_back(rows[i].latent.size(1));
    }
    return predictions;
  }

  std::vector<at::Tensor> Decode(std::span<const at::Tensor> latents) override {
    if (control_->on_decode) control_->on_decode(latents.size());
    std::vector<at::Tensor> pictures;
    for (const at::Tensor& latent : latents) {
      TORCH_CHECK(bad_.empty() || latent.size(1) != bad_.back(), "this latent cannot be decoded");
      pictures.push_back(at::zeros({latent.size(1) * 8, latent.size(2) * 8, 3}, at::kByte));
    }
    return pictures;
  }

  std::vector<at::Tensor> Preview(std::span<const at::Tensor> clean) const override {
    if (control_->on_preview) control_->on_preview(clean.size());
    return std::vector<at::Tensor>(clean.size(), at::zeros({clean[0].size(1), clean[0].size(2), 3}, at::kByte));
  }
  double scaling_factor() const override { return 1; }
  const model::SafetyChecker* safety_checker() const override { return control_->checker.get(); }
  std::shared_ptr<const model::Lora> LoadLora(const std::filesystem::path& /*file*/) const override {
    return std::make_shared<model::Lora>(std::map<std::string, std::vector<model::Lora::Change>>{});
  }
  std::shared_ptr<const model::TextualInversion> LoadEmbedding(const std::filesystem::path& /*file*/) const override {
    return std::make_shared<model::TextualInversion>("", std::map<std::string, at::Tensor>{});
  }
  std::shared_ptr<const model::MotionModule> LoadMotion(const std::filesystem::path& /*file*/) const override {
    return nullptr;
  }
  std::shared_ptr<const model::ControlNet> LoadControlNet(const std::filesystem::path& file) const override {
    throw model::ModelError(file.string(), {"this model takes no ControlNet"});
  }
  std::shared_ptr<const model::ImagePrompt> LoadImagePrompt(const std::filesystem::path& /*file*/) const override {
    return nullptr;
  }
  int64_t memory_bytes() const override { return memory_bytes_; }

 private:
  FakeModelControl* const control_;
  const int64_t memory_bytes_;
  std::map<const void*, std::string> texts_;  // by the address of the states
  std::vector<int64_t> bad_;                  // heights of latents that the decoder refuses
};

}  // namespace latentd::engine
