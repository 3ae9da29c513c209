#include "model/pipeline/diffusion_pipeline.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "model/adapters/read_controlnet.h"
#include "model/adapters/read_image_prompt.h"
#include "model/adapters/read_lora.h"
#include "model/errors.h"
#include "model/pipeline/clip_lanes.h"
#include "model/pipeline/guidance.h"
#include "model/pipeline/latent_preview.h"
#include "model/pipeline/pixels.h"

namespace latentd::model {
namespace {

// One entry of the forward: a row's conditioned side, or its unconditioned one.
struct Lane {
  const PredictRow* row;
  const Conditioning* conditioning;
  const SizeCondition* size;
  size_t loras;                // the number of its row's LoRAs
  size_t image_prompts;        // likewise
  bool negative;               // the unconditioned side
  const Grounding* grounding;  // null: it is not grounded

  bool grounded() const { return grounding != nullptr; }
  int64_t text_length() const { return conditioning->states.defined() ? conditioning->states.size(0) : 0; }
};

// What the unconditioned side of a grounded row is told: that nothing is anywhere.
const Grounding* NoObjects() {
  static const Grounding nothing;
  return &nothing;
}

// In the order of the length of their text and of whether they are grounded, so that lanes alike in both are neighbours
// and share a group; then of their LoRAs and their image prompts, so that equal ones share their products.
std::vector<Lane> LanesOf(std::span<const PredictRow> rows) {
  std::vector<LoraSet> sets;
  std::vector<std::span<const AppliedImagePrompt>> prompts;
  for (const PredictRow& row : rows) {
    sets.push_back(row.loras);
    prompts.push_back(row.image_prompts);
  }
  const std::vector<size_t> numbers = NumberLoras(sets);
  const std::vector<size_t> prompt_numbers = NumberImagePrompts(prompts);
  std::vector<Lane> lanes;
  for (size_t i = 0; i < rows.size(); ++i) {
    const PredictRow& row = rows[i];
    if (row.uncond != nullptr) {
      lanes.push_back({&row, row.uncond, &row.uncond_size, numbers[i], prompt_numbers[i], /*negative=*/true,
                       row.grounding != nullptr ? NoObjects() : nullptr});
    }
    lanes.push_back({&row, row.cond, &row.size, numbers[i], prompt_numbers[i], /*negative=*/false, row.grounding});
  }
  std::stable_sort(lanes.begin(), lanes.end(), [](const Lane& a, const Lane& b) {
    return std::tuple(a.text_length(), a.grounded(), a.loras, a.image_prompts) <
           std::tuple(b.text_length(), b.grounded(), b.loras, b.image_prompts);
  });
  return lanes;
}

Lanes Gather(const std::vector<Lane>& lanes) {
  std::vector<at::Tensor> latents;
  std::vector<float> timesteps;
  std::vector<double> scales;
  std::vector<int64_t> class_labels;
  std::vector<std::vector<at::Tensor>> texts;            // by group
  std::vector<std::vector<const Grounding*>> grounding;  // likewise
  std::vector<LoraSet> loras;
  std::vector<ControlSet> controls;
  std::vector<LaneImagePrompts> image_prompts;
  std::vector<at::Tensor> pooled;
  std::vector<SizeCondition> sizes;
  for (const Lane& lane : lanes) {
    const PredictRow& row = *lane.row;
    latents.push_back(row.concat.defined() ? at::cat({row.latent, row.concat}) : row.latent);
    timesteps.push_back(static_cast<float>(row.timestep));
    scales.push_back(row.guidance_scale);
    loras.push_back(row.loras);
    controls.push_back(row.controls);
    image_prompts.push_back({.prompts = row.image_prompts, .negative = lane.negative});
    sizes.push_back(*lane.size);
    if (row.class_label) class_labels.push_back(*row.class_label);
    if (lane.conditioning->pooled.defined()) pooled.push_back(lane.conditioning->pooled);
    if (lane.text_length() == 0) continue;
    const bool alike = !texts.empty() && texts.back().front().size(0) == lane.text_length() &&
                       grounding.back().empty() != lane.grounded();
    if (!alike) {
      texts.emplace_back();
      grounding.emplace_back();
    }
    texts.back().push_back(lane.conditioning->states);
    if (lane.grounded()) grounding.back().push_back(lane.grounding);
  }
  Lanes gathered{.samples = at::stack(latents),
                 .timesteps = at::tensor(timesteps),
                 .guidance = at::tensor(scales, at::kDouble),
                 .context = {},
                 .loras = std::move(loras),
                 .pooled = pooled.empty() ? at::Tensor() : at::stack(pooled),
                 .sizes = std::move(sizes)};
  gathered.controls = std::move(controls);
  gathered.grounding = std::move(grounding);
  gathered.image_prompts = std::move(image_prompts);
  if (!class_labels.empty()) gathered.class_labels = at::tensor(class_labels, at::kLong);
  for (const std::vector<at::Tensor>& group : texts) gathered.context.push_back({.states = at::stack(group)});
  return gathered;
}

PipelineParts WithPreviewer(PipelineParts parts) {
  if (parts.previewer == nullptr) {
    parts.previewer = std::make_unique<LatentPreview>(LatentPreview::Fit(*parts.codec));
  }
  return parts;
}

}  // namespace

DiffusionPipeline::DiffusionPipeline(PipelineParts parts) : parts_(WithPreviewer(std::move(parts))) {}

std::vector<int64_t> DiffusionPipeline::LatentShape(int width, int height) const {
  const Codec& codec = *parts_.codec;
  return {codec.channels(), height / codec.scale(), width / codec.scale()};
}

std::shared_ptr<const Sampler> DiffusionPipeline::MakeSampler(const SamplerOptions& options) const {
  return model::MakeSampler(parts_.sampler, options);
}

std::vector<Conditioning> DiffusionPipeline::Encode(std::span<const Prompt> prompts) {
  return parts_.conditioner->Encode(prompts);
}

EncodedInputs DiffusionPipeline::EncodeInputs(const TaskInputs& inputs) {
  return parts_.starter->Encode(inputs, *parts_.codec, parts_.device);
}

RowStart DiffusionPipeline::Start(const EncodedInputs* inputs, at::IntArrayRef shape, const Sampler& sampler,
                                  at::Generator& generator) const {
  return parts_.starter->Start(inputs, shape, sampler, generator, parts_.device);
}

std::vector<at::Tensor> DiffusionPipeline::Predict(std::span<const PredictRow> rows) {
  const std::vector<Lane> lanes = LanesOf(rows);
  Lanes gathered = Gather(lanes);
  if (rows.front().motion != nullptr) SpreadFrames(gathered, *rows.front().motion);
  at::Tensor noise = parts_.denoiser->Predict(gathered);                  // [L, C, h, w]
  if (gathered.motion != nullptr) noise = GatherFrames(noise, gathered);  // [L, C, F, h, w]

  std::map<const PredictRow*, std::pair<at::Tensor, at::Tensor>> by_row;  // uncond (undefined without guidance), cond
  for (size_t i = 0; i < lanes.size(); ++i) {
    auto& [uncond, cond] = by_row[lanes[i].row];
    (lanes[i].conditioning == lanes[i].row->uncond && !uncond.defined() ? uncond : cond) =
        noise[static_cast<int64_t>(i)];
  }
  std::vector<at::Tensor> predictions;
  for (const PredictRow& row : rows) {
    const auto& [uncond, cond] = by_row[&row];
    predictions.push_back(uncond.defined() ? Guide(cond, uncond, row.guidance_scale, row.guidance_rescale)
                                           : cond.to(at::kFloat).clone());
  }
  return predictions;
}

std::vector<at::Tensor> DiffusionPipeline::Decode(std::span<const at::Tensor> latents) {
  const at::Tensor batch = at::stack(std::vector<at::Tensor>(latents.begin(), latents.end()));
  const at::Tensor images = parts_.codec->Decode(batch);  // [B, 3, H, W]
  TORCH_CHECK(at::isfinite(images).all().item<bool>(), "the decoder gave NaN or infinite values");
  const at::Tensor bytes = ToBytes(images.permute({0, 2, 3, 1}));
  std::vector<at::Tensor> pictures;
  for (size_t i = 0; i < latents.size(); ++i) pictures.push_back(bytes[static_cast<int64_t>(i)]);
  return pictures;
}

std::vector<at::Tensor> DiffusionPipeline::Preview(std::span<const at::Tensor> predicted_clean) const {
  const std::vector<at::Tensor> latents(predicted_clean.begin(), predicted_clean.end());
  return parts_.previewer->Show(at::stack(latents)).unbind();
}

double DiffusionPipeline::scaling_factor() const { return parts_.codec->scaling_factor(); }

std::vector<float> DiffusionPipeline::preview_map() const { return parts_.previewer->linear_map(); }

std::shared_ptr<const Lora> DiffusionPipeline::LoadLora(const std::filesystem::path& file) const {
  std::vector<const AdaptableNetwork*> networks = parts_.denoiser->adaptable();
  for (const AdaptableNetwork* network : parts_.conditioner->adaptable()) networks.push_back(network);
  if (networks.empty()) throw ModelError(file.string(), {"this model takes no LoRA"});
  return ReadLora(file, networks);
}

std::shared_ptr<const TextualInversion> DiffusionPipeline::LoadEmbedding(const std::filesystem::path& file) const {
  const std::vector<TokenTable> tables = parts_.conditioner->token_tables();
  if (tables.empty()) throw ModelError(file.string(), {"this model takes no textual-inversion embedding"});
  return ReadTextualInversion(file, tables);
}

std::shared_ptr<const MotionModule> DiffusionPipeline::LoadMotion(const std::filesystem::path& file) const {
  return parts_.denoiser->LoadMotion(file);
}

std::shared_ptr<const ControlNet> DiffusionPipeline::LoadControlNet(const std::filesystem::path& file) const {
  const UNet2DConditionModelImpl* unet = parts_.denoiser->steered();
  if (unet == nullptr) throw ModelError(file.string(), {"this model takes no ControlNet"});
  return ReadControlNet(file, {.unet = unet->config(),
                               .picture_scale = parts_.codec->scale(),
                               .tensors = at::TensorOptions().dtype(unet->dtype()).device(parts_.device)});
}

std::shared_ptr<const ImagePrompt> DiffusionPipeline::LoadImagePrompt(const std::filesystem::path& file) const {
  const CrossAttentions* attentions = parts_.denoiser->cross_attentions();
  if (attentions == nullptr) throw ModelError(file.string(), {"this model takes no image prompts"});
  return ReadImagePrompt(file, *attentions);
}

int64_t DiffusionPipeline::memory_bytes() const {
  return parts_.conditioner->memory_bytes() + parts_.denoiser->memory_bytes() + parts_.codec->memory_bytes() +
         parts_.previewer->memory_bytes() +
         (parts_.safety_checker != nullptr ? parts_.safety_checker->memory_bytes() : 0);
}

}  // namespace latentd::model
