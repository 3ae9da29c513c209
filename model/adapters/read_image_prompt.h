#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "model/adapters/image_prompt.h"
#include "model/adapters/image_prompt_scope.h"
#include "model/vision/clip_vision_config.h"
#include "model/weights/tensor_source.h"

namespace latentd::model {

// Where an IP-Adapter's image encoder is: the folder `image_encoder` beside its file, as the authors publish them.
std::filesystem::path ImageEncoderOf(const std::filesystem::path& file);

// An image encoder, open and checked, to be loaded: config.json, and weights named as OpenComponent wants them.
struct ImageEncoderFiles {
  ClipVisionConfig config;
  std::shared_ptr<const TensorSource> weights;
  int64_t parameters = 0;
};

// Throws ModelError when something is missing or wrong.
ImageEncoderFiles OpenImageEncoder(const std::filesystem::path& folder);

// Reads an IP-Adapter's file ("image_proj.…", "ip_adapter.1.to_k_ip.weight" …) and its image encoder to where the
// network is, in its type. Throws ModelError listing what is wrong with them, or does not fit the network.
//
// Reference: diffusers 0.42.1, IPAdapterMixin.load_ip_adapter and UNet2DConditionLoadersMixin.
std::shared_ptr<const ImagePrompt> ReadImagePrompt(const std::filesystem::path& file, const CrossAttentions& network);

}  // namespace latentd::model
