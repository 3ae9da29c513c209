#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/core/input_image.h"
#include "server/imaging/input_image.h"
#include "server/imaging/metadata.h"

namespace latentd::imaging {

// Latents as files: safetensors (github.com/huggingface/safetensors) with one float32 tensor, "latent", [C, h, w].

struct Latent {
  core::LatentShape shape;
  std::vector<float> values;  // channel by channel, row by row
};

// The file, with the parameters of the picture, and the mark of its source, among its metadata.
// REQUIRES: the shape and the values agree.
std::string EncodeLatent(const Latent& latent, const Metadata& metadata);

// Whether a file that came along is meant to be a latent, rightly or not: it begins as safetensors do.
bool IsLatent(std::string_view file);

// The shape that the file's header gives, after checking all of it. INVALID_ARGUMENT says what is wrong. Allocates
// nothing by what the file claims. Thread-safe.
absl::StatusOr<core::LatentShape> InspectLatent(std::string_view file, const InputLimits& limits);

// The same, and its values; INVALID_ARGUMENT also when one of them is not finite.
absl::StatusOr<Latent> DecodeLatent(std::string_view file, const InputLimits& limits);

}  // namespace latentd::imaging
