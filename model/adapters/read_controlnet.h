#pragma once

#include <c10/core/TensorOptions.h>

#include <cstdint>
#include <filesystem>
#include <memory>

#include "model/adapters/controlnet.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// The model that a ControlNet is read for.
struct ControlledModel {
  const UNetConfig& unet;
  int64_t picture_scale = 8;    // pixels along the edge of one place of its latents
  at::TensorOptions tensors{};  // the device and the type of its weights
};

// Reads a ControlNet's safetensors file: diffusers' names, with the `config.json` that lies beside it, or the original
// layout's (`control_model.input_blocks…`, with or without the prefix, also among the tensors of the model that it was
// trained with). Without a config.json its shape is told by the tensors, and the rest is as in the model, which it is a
// copy of.
//
// Throws ModelError that lists everything that is wrong: what of its shape does not fit the model, or, if all does,
// every missing, unexpected and misshapen tensor. Safe beside forwards.
std::shared_ptr<const ControlNet> ReadControlNet(const std::filesystem::path& file, const ControlledModel& model);

}  // namespace latentd::model
