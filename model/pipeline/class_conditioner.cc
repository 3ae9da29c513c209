#include "model/pipeline/class_conditioner.h"

#include <ATen/ops/tensor.h>

#include <string>

#include "model/layers/network_bytes.h"

namespace latentd::model {
namespace {

int64_t ReadRequiredCount(ConfigReader& reader, const std::string& key) {
  if (!reader.Has(key)) reader.AddProblem(key, "is missing");
  return reader.GetCount(key, 1);
}

}  // namespace

ClassEmbedderConfig ReadClassEmbedderConfig(ConfigReader reader) {
  ClassEmbedderConfig config;
  config.num_classes = ReadRequiredCount(reader, "num_classes");
  config.embed_dim = ReadRequiredCount(reader, "embed_dim");
  reader.Finish();
  return config;
}

ClassEmbedderImpl::ClassEmbedderImpl(const ClassEmbedderConfig& config, const at::TensorOptions& options)
    : config_(config),
      embedding_(register_module("embedding", Embedding(config.num_classes + 1, config.embed_dim, options))) {}

at::Tensor ClassEmbedderImpl::forward(const at::Tensor& labels) const {
  return embedding_->forward(labels).unsqueeze(1);
}

int64_t ClassConditioner::memory_bytes() const { return NetworkBytes(*embedder_); }

std::vector<Conditioning> ClassConditioner::Encode(std::span<const Prompt> prompts) const {
  std::vector<int64_t> labels;
  for (const Prompt& prompt : prompts) labels.push_back(prompt.class_label.value_or(embedder_->config().num_classes));
  const at::Tensor states = embedder_->forward(at::tensor(labels, at::kLong).to(device_));  // [n, 1, D]
  std::vector<Conditioning> encoded;
  for (size_t i = 0; i < prompts.size(); ++i) {
    encoded.push_back({.states = states[static_cast<int64_t>(i)].clone(), .cut_text = {}});
  }
  return encoded;
}

}  // namespace latentd::model
