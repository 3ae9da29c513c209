#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/imaging/metadata.h"
#include "server/imaging/picture.h"

namespace latentd::imaging {

// Gradients with a pattern in the lowest bits: any loss and any swap of channels or rows shows.
inline Picture TestPicture(int width, int height) {
  Picture picture{.width = width, .height = height, .rgb = {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      picture.rgb.push_back(static_cast<uint8_t>(255 * x / width));
      picture.rgb.push_back(static_cast<uint8_t>(255 * y / height));
      picture.rgb.push_back(static_cast<uint8_t>((x * 7 + y * 13) % 256));
    }
  }
  return picture;
}

// A bright square that moves to the right over a gradient.
inline std::vector<Picture> TestClip(int width, int height, int frames) {
  std::vector<Picture> clip;
  for (int i = 0; i < frames; ++i) {
    Picture frame{.width = width, .height = height, .rgb = {}};
    const int left = i * (width - height / 2) / frames;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const bool square = x >= left && x < left + height / 2 && y >= height / 4 && y < 3 * height / 4;
        frame.rgb.push_back(square ? 240 : static_cast<uint8_t>(128 * x / width));
        frame.rgb.push_back(square ? 40 : static_cast<uint8_t>(128 * y / height));
        frame.rgb.push_back(square ? 30 : 160);
      }
    }
    clip.push_back(std::move(frame));
  }
  return clip;
}

inline Metadata TestMetadata(const std::string& prompt = "a red apple") {
  Metadata metadata;
  metadata.fields.model = "pictograms";
  metadata.fields.prompt = prompt;
  metadata.fields.negative_prompt = "blurry, dark";
  metadata.fields.width = 61;
  metadata.fields.height = 35;
  metadata.fields.steps = 25;
  metadata.fields.sampler = "euler_a";
  metadata.fields.sigmas = "karras";
  metadata.fields.guidance_scale = 7.5;
  metadata.seed = 7;
  metadata.software = "latentd 0.1.0";
  return metadata;
}

}  // namespace latentd::imaging
