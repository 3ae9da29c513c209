#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <span>

#include "model/layers/context.h"
#include "model/layers/embedding.h"
#include "model/layers/module_vector.h"
#include "model/unet/lane_residuals.h"
#include "model/unet/motion_adapter.h"
#include "model/unet/position_net.h"
#include "model/unet/timestep_embedding.h"
#include "model/unet/unet_blocks.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// What some networks are told of each lane beside the timestep and the text's states. Undefined for the others.
struct AddedConditions {
  // Stable Diffusion XL (Podell et al. 2023, arXiv:2307.01952, section 2.2).
  at::Tensor pooled{};   // [L, P]: the text as one vector
  at::Tensor numbers{};  // float32 [L, K] on the CPU: sizes of the picture and the like; diffusers' `time_ids`
  // Latent consistency models: the embedding of the guidance scale, float32 [L, config().guidance_features].
  at::Tensor guidance{};
  at::Tensor class_labels{};                   // int64 [L] on the CPU, each in [0, config().classes)
  std::span<const LaneResiduals> residuals{};  // of the lanes that ControlNets steer, one for each at most
  ClipMotion motion{};                         // of clips
};

// What a forward reads, on the network's device and, but for the class labels, in its type.
struct UNetInputs {
  at::Tensor sample;                           // [L, in_channels, h, w], channels-last
  at::Tensor time;                             // [L, levels.front().channels]: the timesteps' sines and cosines
  at::Tensor guidance{};                       // [L, guidance_features]; undefined for networks without
  at::Tensor class_labels{};                   // int64 [L]; likewise
  at::Tensor features{};                       // [L, added_features]; likewise
  Context context{};                           // [n, T, cross_attention_dim] each
  std::span<const LaneResiduals> residuals{};  // AddedConditions::residuals
  ClipMotion motion{};                         // AddedConditions::motion
};

// The U-Net that predicts noise from a noised latent, a timestep and a text (Rombach et al. 2022, arXiv:2112.10752;
// diffusers' UNet2DConditionModel, whose parameter names it has).
//
//   UNet2DConditionModel unet(ReadUNetConfig(ConfigReader::FromFile(folder / "config.json")),
//                             at::TensorOptions().dtype(at::kBFloat16));
//   LoadWeights(*unet, source);
//   at::Tensor noise = unet->forward(latents, timesteps, {{.states = text}});
//
// forward() is const and may run from one thread at a time (it uses LibTorch's thread pool itself).
class UNet2DConditionModelImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (dtype, device), not initialised.
  UNet2DConditionModelImpl(const UNetConfig& config, const at::TensorOptions& options);

  // sample: [L, in_channels, h, w], any h and w (from 1, unless downsample_padding is 0); timesteps: float32 [L], one
  // for each lane; context: groups whose lanes sum to L, each [n, T, cross_attention_dim]. They are converted to the
  // network's type and device. Returns [L, out_channels, h, w] in the network's type, channels-last.
  //
  // Groups may have objects when config().gated.
  //
  // added: pooled and numbers for networks with added features, P + K * config().added_number_features of them;
  // guidance for those with guidance features; class_labels for those with classes; residuals for those with a middle
  // block; motion for clips, whose frames are lanes, one clip after the other, as diffusers' UNetMotionModel has them.
  //
  // Throws c10::Error when the shapes do not fit. On the CPU in float32 a lane's bytes depend on nothing but that lane,
  // and the other frames of its clip.
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timesteps, const Context& context,
                     const AddedConditions& added = {}) const;

  // forward() in two parts. Prepare() checks and brings everything to the device; Run() neither copies from the host
  // nor waits for the device, so that it can be recorded (UNetGraphs).
  UNetInputs Prepare(const at::Tensor& sample, const at::Tensor& timesteps, const Context& context,
                     const AddedConditions& added = {}) const;
  at::Tensor Run(const UNetInputs& inputs) const;

  // What forward() takes as the objects of lanes that are told these phrases in boxes: [n, kMaxBoxes, D]. They are
  // those from `first_lane` of that forward on. REQUIRES: config().gated; no entry is null.
  at::Tensor Objects(std::span<const Grounding* const> lanes, int64_t first_lane = 0) const;

  const UNetConfig& config() const { return config_; }
  at::ScalarType dtype() const { return conv_in_->weight.scalar_type(); }

 private:
  void CheckShapes(const at::Tensor& sample, const at::Tensor& timesteps, const Context& context,
                   const AddedConditions& added) const;
  void CheckClasses(const at::Tensor& class_labels, int64_t lanes) const;
  at::Tensor Time(const UNetInputs& inputs) const;  // [L, time_features]

  const UNetConfig config_;
  Conv2d conv_in_;
  TimestepEmbedding time_embedding_;
  TimestepEmbedding add_embedding_{nullptr};  // empty when the configuration has no added features
  Embedding class_embedding_{nullptr};        // empty when the configuration has no classes
  PositionNet position_net_{nullptr};         // empty unless the configuration is gated
  std::shared_ptr<ModuleVector<DownBlock>> down_blocks_;
  MidBlock mid_block_{nullptr};  // empty when the configuration has none
  std::shared_ptr<ModuleVector<UpBlock>> up_blocks_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};
TORCH_MODULE(UNet2DConditionModel);

}  // namespace latentd::model
