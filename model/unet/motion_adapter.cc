#include "model/unet/motion_adapter.h"

#include <string>

namespace latentd::model {
namespace {

// "motion_modules" with `count` of them, in a block of their own.
std::shared_ptr<MotionTransformers> AddModules(torch::nn::Module& block, int64_t count, const MotionShape& shape,
                                               const at::TensorOptions& options) {
  const auto modules = block.register_module("motion_modules", std::make_shared<MotionTransformers>());
  for (int64_t i = 0; i < count; ++i) modules->Append(MotionTransformer(shape, options));
  return modules;
}

}  // namespace

MotionAdapterImpl::MotionAdapterImpl(const UNetConfig& unet, const MotionConfig& config,
                                     const at::TensorOptions& options)
    : config_(config) {
  // The U-Net's groups, whatever the file says of its own: diffusers' UNetMotionModel does not look at them.
  const auto shape_of = [&](size_t level) {
    return MotionShape{.channels = unet.levels[level].channels,
                       .heads = config.heads.at(level),
                       .norm_groups = unet.norm_groups,
                       .known_frames = config.known_frames};
  };
  const size_t levels = unet.levels.size();
  const auto down = register_module("down_blocks", std::make_shared<torch::nn::Module>());
  const auto up = register_module("up_blocks", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i < levels; ++i) {
    const auto below = down->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    down_.push_back(AddModules(*below, unet.levels[i].layers, shape_of(i), options));
    const size_t level = levels - 1 - i;
    const auto above = up->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    up_.push_back(AddModules(*above, unet.levels[level].layers + 1, shape_of(level), options));
  }
  if (!config.has_mid_block) return;
  const auto middle = register_module("mid_block", std::make_shared<torch::nn::Module>());
  middle_ = AddModules(*middle, 1, shape_of(levels - 1), options);
}

}  // namespace latentd::model
