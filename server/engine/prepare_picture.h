#pragma once

#include <ATen/core/Tensor.h>

#include "model/vision/image_processor.h"
#include "server/imaging/picture.h"

namespace latentd::engine {

// uint8 [H, W, 3] on the CPU -> the same pixels.
imaging::Picture ToPicture(const at::Tensor& pixels);

// The picture at the size that a vision encoder sees, byte for byte as transformers' CLIPImageProcessor makes it with
// Pillow: uint8 [S, S, 3], S being config.crop_size. Thread-safe. REQUIRES: picture.valid().
at::Tensor PreparePicture(const imaging::Picture& picture, const model::ImageProcessorConfig& config);

}  // namespace latentd::engine
