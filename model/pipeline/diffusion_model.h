#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/adapters/controlnet.h"
#include "model/adapters/image_prompt.h"
#include "model/adapters/lora.h"
#include "model/adapters/motion_module.h"
#include "model/adapters/textual_inversion.h"
#include "model/pipeline/row_start.h"
#include "model/pipeline/size_condition.h"
#include "model/pipeline/task_inputs.h"
#include "model/samplers/sampler.h"
#include "model/unet/grounding.h"
#include "model/vision/safety_checker.h"

namespace latentd::model {

// A prompt as the text encoders see it.
struct Prompt {
  std::string text;      // UTF-8
  std::string text_2{};  // what a second text encoder reads; models with one leave it out
  int clip_skip = 0;
  bool negative = false;  // of the unconditioned side: for some models an empty one is no text at all
  // Taken as it is written and cut to one window, as diffusers does; else with weights, and in as many windows as it
  // takes. REQUIRES: ParseWeightedPrompt finds no fault in it, unless it is literal.
  bool literal = false;
  std::vector<AppliedLora> loras{};  // added in this order; those that do not change the text make no difference
  std::vector<AppliedEmbedding> embeddings{};  // whose tokens the text may hold
  // A phrase of a box: encoded to Conditioning::pooled, by all layers; there are no states. REQUIRES: literal.
  bool is_phrase = false;
  // For models that draw classes, which take no text. Empty: the class that stands for none.
  std::optional<int64_t> class_label{};
};

// What the text encoders made of a prompt.
struct Conditioning {
  at::Tensor states;     // [T, D] on the model's device, in its type, all windows; undefined for unconditional models
  at::Tensor pooled{};   // [P], likewise: the text as one vector; undefined where the U-Net does not look at one
  std::string cut_text;  // the end of the prompt that did not fit; empty when all did
  std::string cut_text_2{};             // likewise of text_2, when it is another text
  std::vector<bool> embeddings_used{};  // which of Prompt::embeddings stand in what the encoders saw
};

// One row as the U-Net gets it. Pointers are valid during the call.
struct PredictRow {
  at::Tensor latent;  // [C, h, w] float32, as Sampler::ScaleModelInput gives it; of a clip [C, F, h, w]
  at::Tensor concat;  // [C', h, w] float32: the U-Net's further channels (RowStart::concat); undefined for none
  std::optional<int64_t> class_label = {};  // RowStart::class_label
  double timestep = 0;
  const Conditioning* cond = nullptr;
  const Conditioning* uncond = nullptr;  // null: no guidance, one lane instead of two
  SizeCondition size{};                  // of the conditioned side; models that take none leave it out
  SizeCondition uncond_size{};           // of the other one
  double guidance_scale = 1;             // networks that embed it are told it without guidance, too
  double guidance_rescale = 0;           // arXiv:2305.08891 §3.4; 0 is off
  std::span<const AppliedLora> loras{};  // added in this order, to this row alone
  // Of a clip: mixes its frames. Loaded by the model that computes the row; null: a picture.
  const MotionModule* motion = nullptr;
  std::span<const AppliedControl> controls{};  // those that act in this step, added likewise
  const Grounding* grounding = nullptr;        // null: this evaluation is not grounded
  std::span<const AppliedImagePrompt> image_prompts{};
};

// A latent diffusion model on one device: three of the four verbs (the fourth, Advance, is the sampler's). The engine's
// tests put a fake in its place.
//
// Not thread-safe, but for those that load adapters: the engine thread calls it. A row's result does not depend on the
// other rows of the call, byte for byte on the CPU in float32. Throws c10::Error, as LibTorch does.
class DiffusionModel {
 public:
  virtual ~DiffusionModel() = default;

  // Where its networks are.
  virtual at::Device device() const = 0;

  // [C, h, w] of the latent of a picture. REQUIRES: width and height are multiples of the model's size multiple.
  virtual std::vector<int64_t> LatentShape(int width, int height) const = 0;

  // The plan of a sampler for this model's noise schedule. Throws ModelError when they do not fit together.
  virtual std::shared_ptr<const Sampler> MakeSampler(const SamplerOptions& options) const = 0;

  // Text to conditioning, in the order of the prompts.
  virtual std::vector<Conditioning> Encode(std::span<const Prompt> prompts) = 0;

  // What the networks make of a job's pictures, for all its rows. REQUIRES: inputs.HasPicture().
  virtual EncodedInputs EncodeInputs(const TaskInputs& inputs) = 0;

  // A row at its beginning, of `shape` ([C, h, w], of a clip [C, F, h, w]); `inputs` is null when the job has no
  // pictures. `generator` is the row's own.
  virtual RowStart Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler,
                         at::Generator& generator) const = 0;

  // One U-Net forward over all lanes of all rows: the guided noise prediction of each row, [C, h, w] float32, or
  // [C, F, h, w]. REQUIRES: at least one row; latents of one shape; rows of one motion module, or none of any.
  virtual std::vector<at::Tensor> Predict(std::span<const PredictRow> rows) = 0;

  // Latents to pictures: uint8 [H, W, 3] on the CPU, one for each latent. REQUIRES: latents of one shape.
  virtual std::vector<at::Tensor> Decode(std::span<const at::Tensor> latents) = 0;

  // Cheap pictures of predicted clean latents, uint8 [H, W, 3] on the CPU, one for each: as large as the latent, or as
  // its picture where the model has a tiny decoder. REQUIRES: at least one; latents of one shape.
  virtual std::vector<at::Tensor> Preview(std::span<const at::Tensor> predicted_clean) const = 0;

  // Divide a latent by it before the VAE's decoder.
  virtual double scaling_factor() const = 0;

  // The linear map by which Preview() shows latents, as Previewer::linear_map(); empty when it is done otherwise.
  virtual std::vector<float> preview_map() const { return {}; }

  // What looks at finished pictures before they are shown; null: nothing does.
  virtual const SafetyChecker* safety_checker() const { return nullptr; }

  // Reads a LoRA's file to the model's device, in its type. Called on the loader thread, safe beside everything else.
  // Throws ModelError listing everything that is wrong with the file, or does not fit this model.
  virtual std::shared_ptr<const Lora> LoadLora(const std::filesystem::path& file) const = 0;

  // The same for motion modules.
  virtual std::shared_ptr<const MotionModule> LoadMotion(const std::filesystem::path& file) const = 0;
  // The same for a ControlNet.
  virtual std::shared_ptr<const ControlNet> LoadControlNet(const std::filesystem::path& file) const = 0;
  // The same for a textual-inversion file, for this model's text encoders.
  virtual std::shared_ptr<const TextualInversion> LoadEmbedding(const std::filesystem::path& file) const = 0;
  // The same for an IP-Adapter's file, with the image encoder beside it (ReadImagePrompt).
  virtual std::shared_ptr<const ImagePrompt> LoadImagePrompt(const std::filesystem::path& file) const = 0;

  // Bytes of the weights on the device.
  virtual int64_t memory_bytes() const = 0;
};

}  // namespace latentd::model
