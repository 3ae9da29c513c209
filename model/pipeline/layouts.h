#pragma once

#include "model/pipeline/folder_reader.h"
#include "model/pipeline/model_folder.h"

namespace latentd::model {

// Each opens the folder of one pipeline class of diffusers. They throw ModelError listing everything that is wrong.

// StableDiffusionPipeline, 1.x and 2.x (Rombach et al. 2022, arXiv:2112.10752): one CLIP text encoder, a U-Net with
// cross-attention, an AutoencoderKL.
ModelFolder OpenStableDiffusion(FolderReader& reader);

}  // namespace latentd::model
