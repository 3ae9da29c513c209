#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <utility>

#include "model/config/config_reader.h"
#include "model/layers/embedding.h"
#include "model/pipeline/conditioner.h"

namespace latentd::model {

// `class_embedder/config.json`.
struct ClassEmbedderConfig {
  int64_t num_classes = 0;  // that can be drawn
  int64_t embed_dim = 0;    // features of one
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, absent
// or wrong.
ClassEmbedderConfig ReadClassEmbedderConfig(ConfigReader reader);

// A vector for each class, and behind them one that stands for none of them, on which the guidance's other side is
// drawn: class-conditional latent diffusion (arXiv:2112.10752; ldm/modules/encoders/modules.py of its authors).
class ClassEmbedderImpl : public torch::nn::Module {
 public:
  ClassEmbedderImpl(const ClassEmbedderConfig& config, const at::TensorOptions& options);

  // labels: int64 [n], each in [0, num_classes], the last for none -> [n, 1, embed_dim]: each a text of one token.
  at::Tensor forward(const at::Tensor& labels) const;

  const ClassEmbedderConfig& config() const { return config_; }

 private:
  const ClassEmbedderConfig config_;
  Embedding embedding_;  // "embedding", [num_classes + 1, embed_dim]
};
TORCH_MODULE(ClassEmbedder);

// Prompt::class_label, and no text.
class ClassConditioner final : public Conditioner {
 public:
  ClassConditioner(ClassEmbedder embedder, at::Device device) : embedder_(std::move(embedder)), device_(device) {}

  int64_t memory_bytes() const override;
  std::vector<Conditioning> Encode(std::span<const Prompt> prompts) const override;

 private:
  const ClassEmbedder embedder_;
  const at::Device device_;
};

}  // namespace latentd::model
