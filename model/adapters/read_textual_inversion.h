#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "model/adapters/textual_inversion.h"

namespace latentd::model {

// What a text encoder looks its tokens up in.
struct TokenTable {
  std::string encoder;  // "text_encoder", "text_encoder_2"
  at::Tensor weight;    // [V, D]
};

// Reads a textual-inversion file for a model's text encoders, to their device and in their type. Styles, told by the
// tensors' names:
//
//   diffusers       one tensor, named by its token: [D], or [n, D] of several vectors
//   AUTOMATIC1111   one tensor "emb_params" ("*" or "string_to_param.*", as some converters write it): no token
//   for two encoders, as Stable Diffusion XL has them: "clip_l" and "clip_g", no token either
//
// A file of one tensor is for models with one text encoder, one of two for models that have the second
// ("text_encoder_2"). Throws ModelError that lists everything that is wrong: other tensors, types, shapes, another
// number of features than the encoder's, values that are not finite.
std::shared_ptr<const TextualInversion> ReadTextualInversion(const std::filesystem::path& file,
                                                             std::span<const TokenTable> tables);

}  // namespace latentd::model
