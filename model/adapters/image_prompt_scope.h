#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/adapters/image_prompt.h"
#include "model/layers/attention.h"
#include "model/layers/lane_tokens.h"

namespace latentd::model {

// The layers of a U-Net that look at the text, in the order in which an IP-Adapter's file counts them: diffusers' of
// `attn_processors`, the way down, the way up, the middle. Immutable. Shares the layers with the network.
class CrossAttentions {
 public:
  struct Layer {
    std::string name;  // "down_blocks.0.attentions.0.transformer_blocks.0.attn2"
    std::shared_ptr<const AttentionImpl> attention;
  };

  explicit CrossAttentions(const torch::nn::Module& network);

  const std::vector<Layer>& layers() const { return layers_; }

 private:
  std::vector<Layer> layers_;
};

// The image prompts of one lane, added in this order.
struct LaneImagePrompts {
  std::span<const AppliedImagePrompt> prompts;
  bool negative = false;  // which of their tokens
};

// For each of `rows` a number that those share whose prompts are of the same adapters, scales and numbers of tokens,
// counted in the order in which they first appear. Lanes that are sorted by it make the longest runs.
std::vector<size_t> NumberImagePrompts(std::span<const std::span<const AppliedImagePrompt>> rows);

// Gives the layers of a network the image prompts of each lane for one forward, and takes them away at its end.
//
//   const ImagePromptScope scope(attentions, prompts_of_lanes);
//   unet->forward(…);
//
// One scope at a time on a network, on the thread that runs its forwards.
class ImagePromptScope {
 public:
  // `lanes` has one entry for each lane of the forward; or it is empty: there are none. What they point to outlives the
  // scope.
  ImagePromptScope(const CrossAttentions& network, std::span<const LaneImagePrompts> lanes);
  ~ImagePromptScope();
  ImagePromptScope(const ImagePromptScope&) = delete;
  ImagePromptScope& operator=(const ImagePromptScope&) = delete;

 private:
  const CrossAttentions& network_;
  std::vector<std::vector<LaneTokens>> tokens_;  // by layer; empty when no lane has an image prompt
};

}  // namespace latentd::model
