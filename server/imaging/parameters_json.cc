#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/task.h"
#include "server/imaging/metadata.h"

namespace latentd::imaging {
namespace {

using Json = nlohmann::ordered_json;

// Pictures that came along are named by their hash.
Json ImageJson(const core::InputImage& image) { return {{"blob_sha256", image.sha256}}; }

Json SizesJson(const core::SizeConditioning& sizes) {
  Json json = {{"original_width", sizes.original_width}, {"original_height", sizes.original_height},
               {"crop_left", sizes.crop_left},           {"crop_top", sizes.crop_top},
               {"target_width", sizes.target_width},     {"target_height", sizes.target_height}};
  if (sizes.aesthetic_score) json["aesthetic_score"] = *sizes.aesthetic_score;
  return json;
}

// Adapters under their kinds' fields.
void AddAdapters(Json& spec, const core::RequestFields& fields) {
  for (const core::AdapterUse& adapter : fields.adapters) {
    if (adapter.kind == core::AdapterKind::kLora) {
      spec["loras"].push_back({{"name", adapter.name}, {"scale", adapter.scale}});
    } else if (adapter.kind == core::AdapterKind::kEmbedding) {
      spec["embeddings"].push_back(adapter.name);
    } else if (adapter.kind == core::AdapterKind::kImagePrompt) {
      spec["image_prompts"].push_back(
          {{"name", adapter.name}, {"image", ImageJson(*adapter.image)}, {"scale", adapter.scale}});
    } else if (adapter.kind == core::AdapterKind::kControlNet) {
      spec["controls"].push_back({{"name", adapter.name},
                                  {"image", ImageJson(*adapter.image)},
                                  {"scale", adapter.scale},
                                  {"start", adapter.start},
                                  {"end", adapter.end}});
    } else if (adapter.kind == core::AdapterKind::kMotion && fields.animation) {
      spec["animation"] = {
          {"motion", adapter.name}, {"frames", fields.animation->frames}, {"fps", fields.animation->fps}};
    }
  }
}

// Phrases are prompts, too.
Json BoxesJson(const core::RequestFields& fields) {
  Json boxes = Json::array();
  for (const core::PhraseBox& box : fields.boxes) {
    Json json;
    if (!fields.omit_prompts) json["phrase"] = box.phrase;
    json["x0"] = box.x0;
    json["y0"] = box.y0;
    json["x1"] = box.x1;
    json["y1"] = box.y1;
    boxes.push_back(std::move(json));
  }
  return boxes;
}

// The request's task, as the JSON of its message; null when it has none of its own.
Json TaskJson(const core::RequestFields& fields) {
  if (fields.task == core::Task::kUnconditional) return Json::object();
  Json task;
  if (fields.image) task[fields.task == core::Task::kSuperResolution ? "low_res" : "image"] = ImageJson(*fields.image);
  if (fields.mask) {
    task["mask"] = ImageJson(*fields.mask);
    task["mask_kind"] = fields.mask_kind == core::MaskKind::kTransparent ? "MASK_KIND_TRANSPARENT" : "MASK_KIND_WHITE";
  }
  if (fields.strength) task["strength"] = *fields.strength;
  if (fields.denoising_start) task["denoising_start"] = *fields.denoising_start;
  if (fields.class_label) task["label"] = *fields.class_label;
  if (fields.noise_level) task["noise_level"] = *fields.noise_level;
  if (fields.task == core::Task::kBoxesToImage) task["boxes"] = BoxesJson(fields);
  if (fields.scheduled_sampling_beta) task["scheduled_sampling_beta"] = *fields.scheduled_sampling_beta;
  if (fields.task == core::Task::kOutpaint) {
    const core::Margins& margins = fields.margins;
    task["left"] = margins.left;
    task["right"] = margins.right;
    task["top"] = margins.top;
    task["bottom"] = margins.bottom;
  }
  return task;
}

}  // namespace

std::string ParametersJson(const Metadata& metadata) {
  const core::RequestFields& fields = metadata.fields;
  Json spec;
  spec["model"] = fields.model;
  if (Json task = TaskJson(fields); !task.is_null()) spec[std::string(core::Name(*fields.task))] = std::move(task);
  if (!fields.omit_prompts) {
    spec["prompt"] = fields.prompt;
    spec["negative_prompt"] = fields.negative_prompt;
    if (!fields.prompt_2.empty()) spec["prompt_2"] = fields.prompt_2;
    if (!fields.negative_prompt_2.empty()) spec["negative_prompt_2"] = fields.negative_prompt_2;
  }
  spec["literal_prompt"] = fields.literal_prompt;
  spec["clip_skip"] = fields.clip_skip;
  spec["width"] = fields.width;
  spec["height"] = fields.height;
  if (fields.size_conditioning) spec["size_conditioning"] = SizesJson(*fields.size_conditioning);
  if (fields.negative_size_conditioning) {
    spec["negative_size_conditioning"] = SizesJson(*fields.negative_size_conditioning);
  }
  // A text, as protobuf's JSON has 64-bit numbers: readers with doubles would round it.
  spec["seed"] = absl::StrCat(metadata.seed);
  spec["steps"] = fields.steps;
  if (fields.denoising_end) spec["denoising_end"] = *fields.denoising_end;
  spec["sampler"] = fields.sampler;
  spec["sigmas"] = fields.sigmas;
  if (fields.guidance_scale) spec["guidance_scale"] = *fields.guidance_scale;
  spec["guidance_rescale"] = fields.guidance_rescale;
  spec["eta"] = fields.eta;
  AddAdapters(spec, fields);
  const Json all = {{"software", metadata.software}, {"spec", spec}};
  return all.dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace latentd::imaging
