#pragma once

#include <map>
#include <string>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// What a safetensors file holds.
enum class FileKind {
  kCheckpoint,    // a whole model in the original layout: U-Net, VAE and text encoders, or what is left of them
  kVae,           // an autoencoder alone
  kLora,          // LoRA and its kin (LoHa, LoKr, DoRA), for U-Nets and text encoders
  kMotionLora,    // LoRA of a motion module
  kControlNet,    // also in a file that holds the model it was trained with
  kMotionModule,  // AnimateDiff
  kIpAdapter,
  kEmbedding,  // textual inversion
  kUnknown,
};

struct FileIdentity {
  FileKind kind = FileKind::kUnknown;
  // What a checkpoint is, or the base that anything else was trained for: "stable-diffusion-1", "stable-diffusion-2",
  // "stable-diffusion-xl", "stable-diffusion-xl-refiner". Empty where the tensors do not tell.
  std::string architecture;
  // For people: "a LoRA for stable-diffusion-1", "a stable-diffusion-2 checkpoint", "unknown (3 tensors: "a", "b",
  // "c")".
  std::string description;
};

// Tells a file by the names and shapes of its tensors, as SafetensorsFile::tensors() gives them; its own name and its
// data are not looked at. A file that holds several kinds is unknown, and its description lists them.
//
// Only the kind is certain afterwards, not that the file is whole: whoever loads it checks every tensor.
//
// Reference: diffusers 0.42.1, loaders/single_file_utils.py (infer_diffusers_model_type), lora_conversion_utils.py,
// ip_adapter.py, textual_inversion.py; kohya's names are those of github.com/kohya-ss/sd-scripts.
FileIdentity Recognise(const std::map<std::string, TensorInfo>& tensors);

}  // namespace latentd::model
