#pragma once

#include <optional>
#include <string>

#include "server/core/blob.h"

namespace latentd::core {

// What happens to a picture whose size is not the wanted one.
enum class Fit {
  kStretch,  // to the size, whatever becomes of its shape; diffusers' resize_mode "default"
  kCrop,     // scaled to cover, then cut around the centre; "crop"
  kPad,      // scaled to fit, then continued with its edges' colours; "fill"
  kRefuse,
};

// How a mask marks what is to be redrawn.
enum class MaskKind {
  kWhite,
  kTransparent,  // wholly; whatever its colours
};

// The shape of a latent: what the network denoises, instead of pixels.
struct LatentShape {
  int channels = 0;
  int width = 0;
  int height = 0;
};

// A picture that a request brings along: an encoded file whose header has been looked at.
struct InputImage {
  Blob data{};           // null in requests that are shown back
  std::string sha256{};  // of the data, lower-case hex
  int width = 0;         // upright; a latent's is known with its model
  int height = 0;
  std::optional<LatentShape> latent{};  // it is a latent, not a picture
  std::optional<Fit> fit{};
  bool is_shared = false;  // a blob store holds the data as well, and counts it
};

// By how many pixels a picture is continued.
struct Margins {
  int left = 0;
  int right = 0;
  int top = 0;
  int bottom = 0;
};

}  // namespace latentd::core
