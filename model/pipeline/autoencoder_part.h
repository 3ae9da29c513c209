#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/folder_reader.h"
#include "model/vae/vae_config.h"

namespace latentd::model {

// What lies between pictures and latents in a folder, or makes its previews: checked, its weights not read yet.
struct AutoencoderPart {
  int64_t latent_channels = 0;
  int64_t scale = 1;
  int64_t parameters = 0;

  // Reads the weights into `parts`. Throws ModelError.
  std::function<void(const at::TensorOptions& options, PipelineParts& parts)> load;
};

// An AutoencoderKL; `load` sets the codec. REQUIRES: `vae` is not null.
AutoencoderPart KlAutoencoder(std::shared_ptr<const Component<VaeConfig>> vae);

// The component `vae`: an AutoencoderKL, or an AutoencoderTiny in its place, which then makes the previews, too.
// `load` sets the codec. Empty when something is wrong with it.
std::optional<AutoencoderPart> OpenAutoencoder(FolderReader& reader);

// An AutoencoderTiny beside a model's other components, in the subfolder `taesd`, for previews alone; `load` sets the
// previewer, and throws when its latents are not the codec's, which is to be set before. Empty when there is no such
// folder, or something is wrong with it.
std::optional<AutoencoderPart> OpenPreviewDecoder(FolderReader& reader);

}  // namespace latentd::model
