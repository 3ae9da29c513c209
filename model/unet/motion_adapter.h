#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "model/layers/module_vector.h"
#include "model/unet/motion_transformer.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// What a file of motion modules has beside the shape of the U-Net that they are for.
struct MotionConfig {
  std::vector<int64_t> heads;  // by level of the U-Net
  int64_t known_frames = 32;   // motion_max_seq_length
  bool has_mid_block = true;   // use_motion_mid_block: version 2 has it, 1 and 3 do not
};

using MotionTransformers = ModuleVector<MotionTransformer>;

// The motion modules of one block of the U-Net.
struct BlockMotion {
  const MotionTransformers* modules = nullptr;  // null: frames are pictures of their own
  int64_t frames = 1;

  // Behind the block's layer number `layer`. x: [L * frames, C, H, W], same
  at::Tensor Mix(size_t layer, const at::Tensor& x) const {
    return modules == nullptr ? x : (*modules)[layer]->forward(x, frames);
  }
};

// All motion modules for a U-Net (diffusers' MotionAdapter, whose parameter names it has): one behind each residual
// block and its transformer, on the way down and up, and one in the middle. Its middle block is registered last, so
// that all others have the same number in every network of one U-Net.
class MotionAdapterImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options`, not initialised. REQUIRES: config.heads has an entry for each level.
  MotionAdapterImpl(const UNetConfig& unet, const MotionConfig& config, const at::TensorOptions& options);

  const MotionConfig& config() const { return config_; }

  const MotionTransformers& down(size_t block) const { return *down_[block]; }
  const MotionTransformers& up(size_t block) const { return *up_[block]; }
  const MotionTransformers* middle() const { return middle_.get(); }  // null when there is none

 private:
  const MotionConfig config_;
  std::vector<std::shared_ptr<MotionTransformers>> down_, up_;
  std::shared_ptr<MotionTransformers> middle_;
};
TORCH_MODULE(MotionAdapter);

// How the lanes of a U-Net's forward are clips: runs of `frames` lanes belong together, and the adapter's modules mix
// them. Made for the U-Net's configuration; null: lanes are pictures.
struct ClipMotion {
  const MotionAdapterImpl* adapter = nullptr;
  int64_t frames = 1;

  BlockMotion Down(size_t block) const {
    return adapter == nullptr ? BlockMotion{} : BlockMotion{&adapter->down(block), frames};
  }
  BlockMotion Middle() const { return adapter == nullptr ? BlockMotion{} : BlockMotion{adapter->middle(), frames}; }
  BlockMotion Up(size_t block) const {
    return adapter == nullptr ? BlockMotion{} : BlockMotion{&adapter->up(block), frames};
  }
};

}  // namespace latentd::model
