#include "model/weights/original_checkpoint.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/key_maps/original_clip_keys.h"
#include "model/weights/key_maps/original_unet_keys.h"
#include "model/weights/key_maps/original_vae_keys.h"
#include "model/weights/renamed_source.h"

namespace latentd::model {
namespace {

using Source = std::shared_ptr<const TensorSource>;
using Part = OriginalCheckpoint::Part;
using Parts = std::vector<RenamedTensor>;

constexpr const char* kUNetPrefix = "model.diffusion_model.";
// Of Stable Diffusion 2: diffusers' text encoder does not have the last of OpenCLIP's 24 blocks.
constexpr int64_t kLayersOfSd2 = 23;

bool StartsWithAny(std::string_view name, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return name.starts_with(part); });
}

// The tensors below `prefix`, without it.
Source Below(const Source& file, const std::string& prefix) {
  return RenamedSource::Select(file, [&](const std::string& name, const TensorInfo& info) {
    if (!name.starts_with(prefix)) return Parts{};
    return Parts{{.name = name.substr(prefix.size()), .shape = info.shape}};
  });
}

Part UNet(const Source& file) {
  const Source own = Below(file, kUNetPrefix);
  return {.tensors = RenamedSource::Make(own, OriginalUNetKeys(own->tensors())), .prefix = kUNetPrefix};
}

std::string VaePrefix(const TensorSource& file) {
  for (const char* prefix : {"vae.", "first_stage_model."}) {
    const auto found = file.tensors().lower_bound(prefix);
    if (found != file.tensors().end() && found->first.starts_with(prefix)) return prefix;
  }
  return "";
}

Part Vae(const Source& file, const std::string& prefix) {
  const Source own = Below(file, prefix);
  const OriginalVaeKeys keys(own->tensors());
  const auto map = [&](const std::string& name, const TensorInfo& info) {
    // The critic of its training.
    if (StartsWithAny(name, {"loss.", "model_ema."})) return Parts{};
    return Parts{keys(name, info)};
  };
  return {.tensors = RenamedSource::Select(own, map), .prefix = prefix};
}

// OpenAI's text encoder, in transformers' names. Some files hold all of CLIP.
Part ClipText(const Source& file, const std::string& prefix) {
  const auto map = [](const std::string& name, const TensorInfo& info) {
    if (StartsWithAny(name, {"vision_model.", "visual_projection.", "text_projection.", "logit_scale"})) return Parts{};
    RenamedTensor renamed = PrefixedClipKey(name, info);
    return IsClipConstant(renamed.name) ? Parts{} : Parts{std::move(renamed)};
  };
  return {.tensors = RenamedSource::Select(Below(file, prefix), map), .prefix = prefix};
}

struct OpenClipOptions {
  int64_t layers = std::numeric_limits<int64_t>::max();
  bool projection = true;  // SDXL pools the text
};

Part OpenClipText(const Source& file, const std::string& prefix, const OpenClipOptions& options) {
  const auto map = [options](const std::string& name, const TensorInfo& info) {
    if (StartsWithAny(name, {"visual.", "logit_scale", "attn_mask"})) return Parts{};
    if (name == "text_projection" && !options.projection) return Parts{};
    return OpenClipKeys(name, info, options.layers);
  };
  return {.tensors = RenamedSource::Select(Below(file, prefix), map), .prefix = prefix};
}

void AddTextEncoders(const Source& file, const std::string& system, std::map<std::string, Part>& parts) {
  if (system == "stable-diffusion-1") {
    parts.emplace("text_encoder", ClipText(file, "cond_stage_model.transformer."));
  } else if (system == "stable-diffusion-2") {
    parts.emplace("text_encoder",
                  OpenClipText(file, "cond_stage_model.model.", {.layers = kLayersOfSd2, .projection = false}));
  } else if (system == "stable-diffusion-xl") {
    parts.emplace("text_encoder", ClipText(file, "conditioner.embedders.0.transformer."));
    parts.emplace("text_encoder_2", OpenClipText(file, "conditioner.embedders.1.model.", {}));
  } else if (system == "stable-diffusion-xl-refiner") {
    parts.emplace("text_encoder_2", OpenClipText(file, "conditioner.embedders.0.model.", {}));
  }
}

// What training leaves in checkpoints: its noise schedule, averages of weights, counters, and parts of text encoders
// that stand beside what is read.
bool IsRemains(const std::string& name) {
  static const std::set<std::string, std::less<>> kNames = {"betas",
                                                            "alphas_cumprod",
                                                            "alphas_cumprod_prev",
                                                            "sqrt_alphas_cumprod",
                                                            "sqrt_one_minus_alphas_cumprod",
                                                            "log_one_minus_alphas_cumprod",
                                                            "sqrt_recip_alphas_cumprod",
                                                            "sqrt_recipm1_alphas_cumprod",
                                                            "posterior_variance",
                                                            "posterior_log_variance_clipped",
                                                            "posterior_mean_coef1",
                                                            "posterior_mean_coef2",
                                                            "logvar",
                                                            "lvlb_weights",
                                                            "scale_factor",
                                                            "global_step",
                                                            "denoiser.sigmas",
                                                            "cond_stage_model.logit_scale",
                                                            "cond_stage_model.text_projection"};
  return kNames.contains(name) ||
         StartsWithAny(name, {"model_ema.", "embedding_manager.", "conditioner.embedders.0.logit_scale"});
}

}  // namespace

OriginalCheckpoint SplitOriginalCheckpoint(const Source& file, const std::string& system) {
  OriginalCheckpoint checkpoint;
  const std::string vae = VaePrefix(*file);
  checkpoint.parts.emplace("unet", UNet(file));
  // Without a prefix every tensor of the file would be one of the VAE.
  checkpoint.parts.emplace("vae", Vae(file, vae.empty() ? "first_stage_model." : vae));
  AddTextEncoders(file, system, checkpoint.parts);
  for (const auto& [name, info] : file->tensors()) {
    const bool in_a_part =
        std::any_of(checkpoint.parts.begin(), checkpoint.parts.end(),
                    [&name = name](const auto& part) { return name.starts_with(part.second.prefix); });
    if (!in_a_part && !IsRemains(name)) checkpoint.others.push_back(name);
  }
  return checkpoint;
}

Part OriginalVae(const Source& file) { return Vae(file, VaePrefix(*file)); }

bool IsOpenClip(const Part& text) { return text.prefix.ends_with(".model."); }

}  // namespace latentd::model
