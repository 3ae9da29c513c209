#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "model/weights/renamed_source.h"

namespace latentd::model {

// The key map of an autoencoder in the original layout (`encoder.down.0.block.0.conv1.weight`) to AutoencoderKL's
// names. The decoder's levels are counted from the finest there, from the coarsest here; attention that was kept as 1×1
// convolutions becomes matrices.
//
// Names are those behind `first_stage_model.`, which a VAE alone does not have; one that is not of such an autoencoder
// stays as it is.
//
// Reference: diffusers 0.42.1, loaders/single_file_utils.py, convert_ldm_vae_checkpoint.
class OriginalVaeKeys {
 public:
  explicit OriginalVaeKeys(const std::map<std::string, TensorInfo>& tensors);

  RenamedTensor operator()(const std::string& name, const TensorInfo& info) const;

 private:
  size_t levels_ = 0;  // of the decoder
};

}  // namespace latentd::model
