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

// LoRAs as the web UI writes them, at the end of the prompt: " <lora:ink:0.8>".
std::string LoraTags(const std::vector<core::AdapterUse>& adapters) {
  std::string tags;
  for (const core::AdapterUse& adapter : adapters) {
    if (adapter.kind != core::AdapterKind::kLora) continue;
    absl::StrAppend(&tags, " <lora:", adapter.name, ":", absl::StrFormat("%g", adapter.scale), ">");
  }
  return tags;
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
    const std::string prompt = fields.prompt + LoraTags(fields.adapters);
    if (!prompt.empty()) absl::StrAppend(&text, prompt, "\n");
    if (!fields.negative_prompt.empty()) absl::StrAppend(&text, "Negative prompt: ", fields.negative_prompt, "\n");
  }
  absl::StrAppend(&text, absl::StrJoin(parameters, ", "));
  // NUL would end a text chunk early.
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

}  // namespace latentd::imaging
