#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "server/imaging/metadata.h"

namespace latentd::imaging {
namespace {

using Json = nlohmann::ordered_json;

// The names under which AUTOMATIC1111's web UI knows our samplers (modules/sd_samplers_kdiffusion.py and
// sd_samplers_timesteps.py); others keep our name.
std::string DisplayName(const std::string& sampler) {
  static const auto* const names = new std::map<std::string, std::string>{
      {"ddim", "DDIM"},           {"pndm", "PLMS"},
      {"euler", "Euler"},         {"euler_a", "Euler a"},
      {"heun", "Heun"},           {"lms", "LMS"},
      {"dpm2", "DPM2"},           {"dpm2_a", "DPM2 a"},
      {"dpmpp_2m", "DPM++ 2M"},   {"dpmpp_2m_sde", "DPM++ 2M SDE"},
      {"dpmpp_sde", "DPM++ SDE"}, {"dpmpp_3m_sde", "DPM++ 3M SDE"},
      {"unipc", "UniPC"},         {"lcm", "LCM"},
  };
  const auto name = names->find(sampler);
  return name == names->end() ? sampler : name->second;
}

std::string Capitalised(std::string word) {
  if (!word.empty() && word[0] >= 'a' && word[0] <= 'z') word[0] = static_cast<char>(word[0] - 'a' + 'A');
  return word;
}

// Values with separators in them are quoted as JSON, as the web UI does (modules/infotext_utils.py, quote()).
std::string Quoted(const std::string& value) {
  return value.find_first_of(",\n:") == std::string::npos ? value : Json(value).dump();
}

// Pictures that came along are named by their hash.
Json ImageJson(const core::InputImage& image) { return {{"blob_sha256", image.sha256}}; }

Json SizesJson(const core::SizeConditioning& sizes) {
  Json json = {{"original_width", sizes.original_width}, {"original_height", sizes.original_height},
               {"crop_left", sizes.crop_left},           {"crop_top", sizes.crop_top},
               {"target_width", sizes.target_width},     {"target_height", sizes.target_height}};
  if (sizes.aesthetic_score) json["aesthetic_score"] = *sizes.aesthetic_score;
  return json;
}

// The request's task, as the JSON of its message; null when it has none of its own.
Json TaskJson(const core::RequestFields& fields) {
  if (fields.task == core::Task::kUnconditional) return Json::object();
  Json task;
  if (fields.image) task["image"] = ImageJson(*fields.image);
  if (fields.mask) task["mask"] = ImageJson(*fields.mask);
  if (fields.strength) task["strength"] = *fields.strength;
  if (fields.denoising_start) task["denoising_start"] = *fields.denoising_start;
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

std::string ParametersText(const Metadata& metadata) {
  const core::RequestFields& fields = metadata.fields;
  std::vector<std::string> parameters;
  const auto add = [&](const char* name, const std::string& value) {
    parameters.push_back(absl::StrCat(name, ": ", Quoted(value)));
  };
  add("Steps", absl::StrCat(fields.steps));
  add("Sampler", DisplayName(fields.sampler));
  if (!fields.sigmas.empty() && fields.sigmas != "default") add("Schedule type", Capitalised(fields.sigmas));
  if (fields.guidance_scale) add("CFG scale", absl::StrFormat("%g", *fields.guidance_scale));
  add("Seed", absl::StrCat(metadata.seed));
  add("Size", absl::StrCat(fields.width, "x", fields.height));
  add("Model", fields.model);
  // The web UI counts from 1, where the last layer is used.
  if (fields.clip_skip > 0) add("Clip skip", absl::StrCat(fields.clip_skip + 1));
  if (fields.strength) add("Denoising strength", absl::StrFormat("%g", *fields.strength));
  if (fields.eta > 0) add(fields.sampler == "ddim" ? "Eta DDIM" : "Eta", absl::StrFormat("%g", fields.eta));
  add("Version", metadata.software);

  std::string text;
  if (!fields.omit_prompts) {
    if (!fields.prompt.empty()) absl::StrAppend(&text, fields.prompt, "\n");
    if (!fields.negative_prompt.empty()) absl::StrAppend(&text, "Negative prompt: ", fields.negative_prompt, "\n");
  }
  absl::StrAppend(&text, absl::StrJoin(parameters, ", "));
  // NUL would end a text chunk early.
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

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
  if (fields.animation) {
    Json animation = {{"frames", fields.animation->frames}, {"fps", fields.animation->fps}};
    for (const core::AdapterUse& adapter : fields.adapters) {
      if (adapter.kind == core::AdapterKind::kMotion) animation["motion"] = adapter.name;
    }
    spec["animation"] = std::move(animation);
  }
  const Json all = {{"software", metadata.software}, {"spec", spec}};
  return all.dump(/*indent=*/-1, /*indent_char=*/' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace latentd::imaging
