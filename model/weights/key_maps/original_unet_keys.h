#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/weights/renamed_source.h"

namespace latentd::model {

// The key map of a U-Net in the original layout (`input_blocks.1.0.in_layers.0.weight`): Stable Diffusion 1.x, 2.x, XL.
// There, residual blocks, downsampling and upsampling are counted through; UNet2DConditionModel counts them by level.
// How many residual blocks a level has is read from the names themselves: a level ends with its downsampling (`0.op`).
//
//   const OriginalUNetKeys keys(source->tensors());
//   source = RenamedSource::Make(source, keys);
//
// Names are those behind `model.diffusion_model.`; one that is not of such a U-Net stays as it is.
//
// Reference: diffusers 0.42.1, loaders/single_file_utils.py, convert_ldm_unet_checkpoint.
class OriginalUNetKeys {
 public:
  explicit OriginalUNetKeys(const std::map<std::string, TensorInfo>& tensors);

  RenamedTensor operator()(const std::string& name, const TensorInfo& info) const;

 private:
  struct Place {
    size_t level;  // the block's number in `down_blocks` or `up_blocks`
    size_t layer;  // of the residual block in it
  };

  std::string InputBlock(const std::vector<std::string>& path) const;
  std::string OutputBlock(const std::vector<std::string>& path) const;

  std::vector<Place> input_;   // by number; that of a downsampling names its level
  std::vector<Place> output_;  // by number
};

}  // namespace latentd::model
