#pragma once

#include "model/pipeline/folder_reader.h"
#include "model/pipeline/model_folder.h"

namespace latentd::model {

// Each opens the folder of one pipeline class of diffusers. They throw ModelError listing everything that is wrong.

// StableDiffusionPipeline and its kinds for image-to-image and inpainting, 1.x and 2.x (Rombach et al. 2022,
// arXiv:2112.10752): one CLIP text encoder, a U-Net with cross-attention, an AutoencoderKL or an AutoencoderTiny. A
// U-Net whose input has room for a mask and a masked picture is one for inpainting, whatever the class.
ModelFolder OpenStableDiffusion(FolderReader& reader);

// StableDiffusionGLIGENPipeline (Li et al. 2023, arXiv:2301.07093): the same parts with a U-Net of gated self-attention
// for texts in boxes. Such a U-Net may be a StableDiffusionPipeline's, too.
ModelFolder OpenGrounded(FolderReader& reader);

// LatentConsistencyModelPipeline and its kind for image-to-image (Luo et al. 2023, arXiv:2310.04378): the same parts
// with a U-Net that embeds the guidance scale. Such a U-Net may be a StableDiffusionPipeline's, too.
ModelFolder OpenLatentConsistency(FolderReader& reader);
// StableDiffusionXLPipeline and its kinds for image-to-image and inpainting (Podell et al. 2023, arXiv:2307.01952): two
// CLIP text encoders, and a U-Net that is also told sizes. A folder whose first text encoder is null and whose U-Net
// wants an aesthetic score is the refiner, which starts from pictures.
ModelFolder OpenStableDiffusionXl(FolderReader& reader);

// DDPMPipeline and DDIMPipeline (Ho et al. 2020, arXiv:2006.11239): an unconditional U-Net over pixels.
ModelFolder OpenPixelDiffusion(FolderReader& reader);

// LDMPipeline (arXiv:2112.10752): an unconditional U-Net over the latents of a VQModel.
ModelFolder OpenUnconditionalLdm(FolderReader& reader);

// LDMTextToImagePipeline (arXiv:2112.10752): a text encoder of its own over BERT's words, a U-Net with cross-attention,
// an AutoencoderKL.
ModelFolder OpenLdmText(FolderReader& reader);

// LDMClassToImagePipeline, which diffusers does not have: a U-Net that looks at a vector of the class, over the latents
// of a VQModel. `class_embedder/` holds config.json (num_classes, embed_dim) and the table `embedding.weight`;
// deploy/convert.py makes such a folder of the authors' checkpoint.
ModelFolder OpenLdmClass(FolderReader& reader);

// LDMSuperResolutionPipeline (arXiv:2112.10752): a U-Net without text that sees the small picture beside the latents of
// a VQModel.
ModelFolder OpenLdmSuperResolution(FolderReader& reader);

// StableDiffusionUpscalePipeline: Stable Diffusion's parts, a U-Net that sees the small picture with noise, whose level
// it is told as a class, and `low_res_scheduler`, which says what noise that is.
ModelFolder OpenStableDiffusionUpscaler(FolderReader& reader);

}  // namespace latentd::model
