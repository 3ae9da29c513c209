#pragma once

#include <map>
#include <string>

#include "model/weights/key_maps/original_unet_keys.h"
#include "model/weights/renamed_source.h"

namespace latentd::model {

// What the names of a ControlNet in the original layout begin with: "control_model.", or nothing.
std::string OriginalControlNetPrefix(const std::map<std::string, TensorInfo>& tensors);

// Whether the names are the original layout's.
bool IsOriginalControlNet(const std::map<std::string, TensorInfo>& tensors);

// The key map of a ControlNet in the original layout (`zero_convs.0.0.weight`, `input_hint_block.0.weight`) to
// diffusers' ControlNetModel. Names are those behind the prefix; one that is not of such a network stays as it is.
//
// Reference: diffusers 0.42.1, loaders/single_file_utils.py, convert_controlnet_checkpoint.
class OriginalControlNetKeys {
 public:
  explicit OriginalControlNetKeys(const std::map<std::string, TensorInfo>& tensors);

  RenamedTensor operator()(const std::string& name, const TensorInfo& info) const;

 private:
  const OriginalUNetKeys unet_;  // of the way down and the middle
  size_t last_hint_ = 0;         // number of the hint's last convolution
};

}  // namespace latentd::model
