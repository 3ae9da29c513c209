#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "model/config/config_reader.h"

namespace latentd::model {

// How a picture is brought to what a vision encoder sees: `preprocessor_config.json` of a CLIPImageProcessor. Scaled so
// that its shorter edge has `shortest_edge` pixels (the longer one rounded down), then the middle of it is cut out.
// That is done where pictures are decoded, with Pillow's resampling (server/engine/prepare_picture.h); what is left,
// numbers out of bytes, is done here.
struct ImageProcessorConfig {
  int64_t shortest_edge = 224;
  int64_t crop_size = 224;  // pixels along both edges
  int resample = 3;         // of Pillow's Image.Resampling: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box
  double rescale_factor = 1.0 / 255;
  // OpenAI's CLIP.
  std::array<double, 3> mean = {0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> deviation = {0.26862954, 0.26130258, 0.27577711};

  friend bool operator==(const ImageProcessorConfig&, const ImageProcessorConfig&) = default;
};

// As diffusers makes one for an image encoder that comes without: CLIPImageProcessor(size = crop_size = image_size).
inline ImageProcessorConfig ImageProcessorFor(int64_t image_size) {
  return {.shortest_edge = image_size, .crop_size = image_size};
}

// Reads a whole configuration, of any version of transformers, and calls reader.Finish(). Throws ModelError naming
// every field that is unknown, has a wrong type, or asks for what is not supported.
ImageProcessorConfig ReadImageProcessorConfig(ConfigReader reader);

// pictures: uint8 [B, S, S, 3] -> float32 [B, 3, S, S], as numpy computes it in transformers' Pillow backend.
at::Tensor Normalise(const at::Tensor& pictures, const ImageProcessorConfig& config);

}  // namespace latentd::model
