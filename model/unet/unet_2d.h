#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/layers/embedding.h"
#include "model/layers/module_vector.h"
#include "model/unet/fourier_projection.h"
#include "model/unet/timestep_embedding.h"
#include "model/unet/unet_2d_blocks.h"
#include "model/unet/unet_2d_config.h"

namespace latentd::model {

// The U-Net that predicts noise from a noised sample, a timestep and at most a class (Ho et al. 2020,
// arXiv:2006.11239; diffusers' UNet2DModel, whose parameter names it has).
//
//   UNet2DModel unet(ReadUNet2DConfig(ConfigReader::FromFile(folder / "config.json")),
//                    at::TensorOptions().dtype(at::kFloat));
//   LoadWeights(*unet, source);
//   at::Tensor noise = unet->forward(samples, timesteps);
//
// forward() is const and may run from one thread at a time (it uses LibTorch's thread pool itself).
class UNet2DModelImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (dtype, device), not initialised.
  UNet2DModelImpl(const UNet2DConfig& config, const at::TensorOptions& options);

  // sample: [L, in_channels, h, w], h and w multiples of config().SizeUnit(); timesteps: float32 [L], one for each
  // lane, fractions allowed (noise levels above 0 when config().fourier_time). class_labels, by
  // config().class_embedding: kNone: undefined; kTable: integers [L] in [0, classes); kTimestep: numbers [L];
  // kIdentity: [L, time_features]. Everything is converted to the network's type and device. Returns [L, out_channels,
  // h, w] in the network's type, channels-last.
  //
  // Throws c10::Error when the shapes do not fit. On the CPU in float32 a lane's bytes depend on nothing but that lane.
  at::Tensor forward(const at::Tensor& sample, const at::Tensor& timesteps, const at::Tensor& class_labels = {}) const;

  const UNet2DConfig& config() const { return config_; }

 private:
  void CheckShapes(const at::Tensor& sample, const at::Tensor& timesteps, const at::Tensor& class_labels) const;
  at::Tensor TimeFeatures(const at::Tensor& timesteps) const;                          // [L] -> float32 [L, features]
  at::Tensor Time(const at::Tensor& timesteps, const at::Tensor& class_labels) const;  // -> [L, time_features]

  const UNet2DConfig config_;
  Conv2d conv_in_;
  FourierProjection time_proj_{nullptr};  // empty for sinusoids
  TimestepEmbedding time_embedding_;
  Embedding class_table_{nullptr};  // at most one of the two
  TimestepEmbedding class_timestep_{nullptr};
  std::shared_ptr<ModuleVector<UNet2DDownBlock>> down_blocks_;
  SpatialMidBlock mid_block_{nullptr};  // empty when the configuration has none
  std::shared_ptr<ModuleVector<UNet2DUpBlock>> up_blocks_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};
TORCH_MODULE(UNet2DModel);

}  // namespace latentd::model
