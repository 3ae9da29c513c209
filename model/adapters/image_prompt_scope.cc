#include "model/adapters/image_prompt_scope.h"

#include <ATen/ops/stack.h>
#include <c10/util/Exception.h>

#include <algorithm>

#include "model/adapters/number_alike.h"

namespace latentd::model {
namespace {

bool Alike(std::span<const AppliedImagePrompt> a, std::span<const AppliedImagePrompt> b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const AppliedImagePrompt& x, const AppliedImagePrompt& y) {
        return x.adapter == y.adapter && x.scale == y.scale && x.tokens.positive.sizes() == y.tokens.positive.sizes();
      });
}

}  // namespace

CrossAttentions::CrossAttentions(const torch::nn::Module& network) {
  for (const auto& item : network.named_modules(/*name_prefix=*/"", /*include_self=*/false)) {
    if (!item.key().ends_with(".attn2")) continue;
    if (auto layer = std::dynamic_pointer_cast<const AttentionImpl>(item.value())) {
      layers_.push_back({.name = item.key(), .attention = std::move(layer)});
    }
  }
}

std::vector<size_t> NumberImagePrompts(std::span<const std::span<const AppliedImagePrompt>> rows) {
  return NumberAlike(rows, Alike);
}

ImagePromptScope::ImagePromptScope(const CrossAttentions& network, std::span<const LaneImagePrompts> lanes)
    : network_(network) {
  const size_t layers = network.layers().size();
  for (size_t first = 0, end = 0; first < lanes.size(); first = end) {
    while (end < lanes.size() && Alike(lanes[first].prompts, lanes[end].prompts)) ++end;
    for (size_t p = 0; p < lanes[first].prompts.size(); ++p) {
      const AppliedImagePrompt& prompt = lanes[first].prompts[p];
      if (prompt.scale == 0) continue;
      TORCH_CHECK(prompt.adapter->layers().size() == layers, "IP-Adapter: made for another network");
      std::vector<at::Tensor> own;  // [T, D] for each of the lanes
      for (size_t lane = first; lane < end; ++lane) {
        const PictureTokens& tokens = lanes[lane].prompts[p].tokens;
        own.push_back(lanes[lane].negative ? tokens.negative : tokens.positive);
      }
      const at::Tensor stacked = at::stack(own);  // [n, T, D]
      tokens_.resize(layers);
      for (size_t i = 0; i < layers; ++i) {
        tokens_[i].push_back({.first_lane = static_cast<int64_t>(first),
                              .lanes = static_cast<int64_t>(end - first),
                              .tokens = stacked,
                              .to_k = &prompt.adapter->layers()[i].to_k,
                              .to_v = &prompt.adapter->layers()[i].to_v,
                              .scale = prompt.scale});
      }
    }
  }
  for (size_t i = 0; i < tokens_.size(); ++i) network_.layers()[i].attention->SetLaneTokens(&tokens_[i]);
}

ImagePromptScope::~ImagePromptScope() {
  for (size_t i = 0; i < tokens_.size(); ++i) network_.layers()[i].attention->SetLaneTokens(nullptr);
}

}  // namespace latentd::model
