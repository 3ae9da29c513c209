#include "model/adapters/picture_projection.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/nn/pimpl.h>

#include <string_view>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/kernels/attention.h"
#include "model/kernels/elementwise.h"
#include "model/layers/layer_norm.h"
#include "model/layers/linear.h"
#include "model/layers/module_vector.h"
#include "model/weights/load_weights.h"

namespace latentd::model {
namespace {

// The modules have the names that the authors' files have (tencent-ailab/IP-Adapter, ip_adapter/ip_adapter.py and
// resampler.py); diffusers renames them when it loads.

constexpr double kNormEps = 1e-5;
constexpr int64_t kBaseTokens = 4;
constexpr int64_t kHeadFeatures = 64;
constexpr int64_t kMaxBlocks = 64;

// A vector to four tokens.
class BaseProjectionImpl : public torch::nn::Module {
 public:
  BaseProjectionImpl(const PictureProjectionFit& fit, const at::TensorOptions& options)
      : proj_(register_module("proj", Linear(fit.embedding_features, kBaseTokens * fit.token_features,
                                             /*with_bias=*/true, options))),
        norm_(register_module("norm", LayerNorm(fit.token_features, kNormEps, options))) {}

  at::Tensor forward(const at::Tensor& embedded) const {  // [B, P] -> [B, 4, D]
    return norm_->forward(proj_->ForwardRows(embedded).unflatten(1, {kBaseTokens, -1}));
  }

 private:
  Linear proj_;
  LayerNorm norm_;
};
TORCH_MODULE(BaseProjection);

// Every state to a token.
class FullFaceProjectionImpl : public torch::nn::Module {
 public:
  FullFaceProjectionImpl(const PictureProjectionFit& fit, const at::TensorOptions& options) {
    const auto proj = register_module("proj", std::make_shared<torch::nn::Module>());
    first_ = proj->register_module("0", Linear(fit.state_features, fit.state_features, /*with_bias=*/true, options));
    second_ = proj->register_module("2", Linear(fit.state_features, fit.token_features, /*with_bias=*/true, options));
    norm_ = proj->register_module("3", LayerNorm(fit.token_features, kNormEps, options));
  }

  at::Tensor forward(const at::Tensor& states) const {  // [B, N, F] -> [B, N, D]
    return norm_->forward(second_->forward(kernels::Activate(first_->forward(states), Activation::kGelu)));
  }

 private:
  Linear first_{nullptr}, second_{nullptr};
  LayerNorm norm_{nullptr};
};
TORCH_MODULE(FullFaceProjection);

struct ResamplerShape {
  int64_t tokens = 0;  // T
  int64_t hidden = 0;  // H
  int64_t inner = 0;   // of all heads, kHeadFeatures each
  int64_t blocks = 0;
};

// Learned tokens look at the states and at themselves.
class ResamplerAttentionImpl : public torch::nn::Module {
 public:
  ResamplerAttentionImpl(const ResamplerShape& shape, const at::TensorOptions& options)
      : norm1_(register_module("norm1", LayerNorm(shape.hidden, kNormEps, options))),
        norm2_(register_module("norm2", LayerNorm(shape.hidden, kNormEps, options))),
        to_q_(register_module("to_q", Linear(shape.hidden, shape.inner, /*with_bias=*/false, options))),
        to_kv_(register_module("to_kv", Linear(shape.hidden, 2 * shape.inner, /*with_bias=*/false, options))),
        to_out_(register_module("to_out", Linear(shape.inner, shape.hidden, /*with_bias=*/false, options))) {}

  // states: [B, N, H]; tokens: [B, T, H] -> [B, T, H], tokens added
  at::Tensor forward(const at::Tensor& states, const at::Tensor& tokens) const {
    const at::Tensor own = norm2_->forward(tokens);
    const at::Tensor q = to_q_->forward(own);                                           // [B, T, inner]
    const at::Tensor kv = to_kv_->forward(at::cat({norm1_->forward(states), own}, 1));  // [B, N + T, 2 · inner]
    const std::vector<at::Tensor> both = kv.chunk(2, -1);
    const at::Tensor out = at::empty_like(q);
    kernels::Attention(q, both[0].contiguous(), both[1].contiguous(), q.size(2) / kHeadFeatures, out);
    return to_out_->forward(out, tokens);
  }

 private:
  LayerNorm norm1_, norm2_;
  Linear to_q_, to_kv_, to_out_;
};
TORCH_MODULE(ResamplerAttention);

// Layer norm and two linear layers around GELU, added.
class ResamplerFeedForwardImpl : public torch::nn::Module {
 public:
  ResamplerFeedForwardImpl(const ResamplerShape& shape, const at::TensorOptions& options)
      : norm_(register_module("0", LayerNorm(shape.hidden, kNormEps, options))),
        first_(register_module("1", Linear(shape.hidden, 4 * shape.hidden, /*with_bias=*/false, options))),
        second_(register_module("3", Linear(4 * shape.hidden, shape.hidden, /*with_bias=*/false, options))) {}

  at::Tensor forward(const at::Tensor& x) const {  // [B, T, H] -> the same
    return second_->forward(kernels::Activate(first_->forward(norm_->forward(x)), Activation::kGelu), x);
  }

 private:
  LayerNorm norm_;
  Linear first_, second_;
};
TORCH_MODULE(ResamplerFeedForward);

class ResamplerBlockImpl : public torch::nn::Module {
 public:
  ResamplerBlockImpl(const ResamplerShape& shape, const at::TensorOptions& options)
      : attention_(register_module("0", ResamplerAttention(shape, options))),
        feed_forward_(register_module("1", ResamplerFeedForward(shape, options))) {}

  at::Tensor forward(const at::Tensor& states, const at::Tensor& tokens) const {
    return feed_forward_->forward(attention_->forward(states, tokens));
  }

 private:
  ResamplerAttention attention_;
  ResamplerFeedForward feed_forward_;
};
TORCH_MODULE(ResamplerBlock);

// All states to a few tokens.
class ResamplerImpl : public torch::nn::Module {
 public:
  ResamplerImpl(const ResamplerShape& shape, const PictureProjectionFit& fit, const at::TensorOptions& options)
      : latents_(register_parameter("latents", at::empty({1, shape.tokens, shape.hidden}, options),
                                    /*requires_grad=*/false)),
        proj_in_(register_module("proj_in", Linear(fit.state_features, shape.hidden, /*with_bias=*/true, options))),
        proj_out_(register_module("proj_out", Linear(shape.hidden, fit.token_features, /*with_bias=*/true, options))),
        norm_out_(register_module("norm_out", LayerNorm(fit.token_features, kNormEps, options))),
        layers_(register_module("layers", std::make_shared<ModuleVector<ResamplerBlock>>())) {
    for (int64_t i = 0; i < shape.blocks; ++i) layers_->Append(ResamplerBlock(shape, options));
  }

  at::Tensor forward(const at::Tensor& states) const {            // [B, N, F] -> [B, T, D]
    at::Tensor tokens = latents_.repeat({states.size(0), 1, 1});  // [B, T, H]
    const at::Tensor seen = proj_in_->forward(states);            // [B, N, H]
    for (const ResamplerBlock& block : *layers_) tokens = block->forward(seen, tokens);
    return norm_out_->forward(proj_out_->forward(tokens));
  }

 private:
  at::Tensor latents_;  // [1, T, H]
  Linear proj_in_, proj_out_;
  LayerNorm norm_out_;
  std::shared_ptr<ModuleVector<ResamplerBlock>> layers_;
};
TORCH_MODULE(Resampler);

template <typename Network>
class Projection final : public PictureProjection {
 public:
  Projection(Network network, bool takes_states) : network_(std::move(network)), takes_states_(takes_states) {}

  const torch::nn::Module& network() const override { return *network_; }
  bool takes_states() const override { return takes_states_; }
  at::Tensor Project(const at::Tensor& seen) const override { return network_->forward(seen); }

 private:
  const Network network_;
  const bool takes_states_;
};

// The sizes that a resampler's tensors have.
ResamplerShape ShapeOf(const TensorSource& source) {
  std::vector<std::string> problems;
  const auto size = [&](const std::string& name, size_t rank, size_t dimension) -> int64_t {
    const auto found = source.tensors().find(name);
    if (found == source.tensors().end()) {
      problems.push_back(name + ": is missing");
      return 0;
    }
    if (found->second.shape.size() == rank && found->second.shape[dimension] > 0) {
      return found->second.shape[dimension];
    }
    problems.push_back(name + ": must have " + std::to_string(rank) + " dimensions, none of them 0");
    return 0;
  };
  ResamplerShape shape{.tokens = size("latents", 3, 1),
                       .hidden = size("latents", 3, 2),
                       .inner = size("layers.0.0.to_q.weight", 2, 0),
                       .blocks = 0};
  while (shape.blocks < kMaxBlocks &&
         source.tensors().contains("layers." + std::to_string(shape.blocks) + ".0.to_q.weight")) {
    ++shape.blocks;
  }
  if (shape.inner % kHeadFeatures != 0) {
    problems.push_back("layers.0.0.to_q.weight: " + std::to_string(shape.inner) +
                       " features are not a multiple of a head's " + std::to_string(kHeadFeatures));
  }
  if (!problems.empty()) throw ModelError(source.where(), std::move(problems));
  return shape;
}

template <typename Network>
std::unique_ptr<const PictureProjection> Load(Network network, bool takes_states, const TensorSource& source) {
  LoadWeights(*network, source);
  return std::make_unique<Projection<Network>>(std::move(network), takes_states);
}

}  // namespace

PictureProjectionKind PictureProjectionKindOf(const std::map<std::string, TensorInfo>& tensors) {
  for (const auto& [name, info] : tensors) {
    // FaceID's comes with a LoRA of its own.
    if (name.starts_with("ip_adapter.") && name.find("_lora.") != std::string::npos)
      return PictureProjectionKind::kFaceId;
  }
  const auto has = [&](const char* name) { return tensors.contains(std::string("image_proj.") + name); };
  if (has("proj.weight")) return PictureProjectionKind::kBase;
  if (has("proj.3.weight")) return PictureProjectionKind::kFullFace;
  if (has("perceiver_resampler.proj_in.weight") || has("norm.weight")) return PictureProjectionKind::kFaceId;
  if (has("latents")) return PictureProjectionKind::kPlus;
  return PictureProjectionKind::kUnknown;
}

std::unique_ptr<const PictureProjection> LoadPictureProjection(PictureProjectionKind kind, const TensorSource& source,
                                                               const PictureProjectionFit& fit,
                                                               const at::TensorOptions& options) {
  switch (kind) {
    case PictureProjectionKind::kBase:
      return Load(BaseProjection(fit, options), /*takes_states=*/false, source);
    case PictureProjectionKind::kFullFace:
      return Load(FullFaceProjection(fit, options), /*takes_states=*/true, source);
    case PictureProjectionKind::kPlus:
      return Load(Resampler(ShapeOf(source), fit, options), /*takes_states=*/true, source);
    case PictureProjectionKind::kFaceId:
    case PictureProjectionKind::kUnknown:
      break;
  }
  throw ModelError(source.where(), {"is no IP-Adapter that is served"});
}

}  // namespace latentd::model
