#include "model/weights/recognise.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "model/weights/quoted_name.h"

namespace latentd::model {
namespace {

using Tensors = std::map<std::string, TensorInfo>;

using Texts = std::span<const std::string_view>;

bool ContainsAny(std::string_view name, Texts parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

bool StartsWithAny(std::string_view name, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return name.starts_with(part); });
}

bool HasPrefix(const Tensors& tensors, const std::string& prefix) {
  const auto found = tensors.lower_bound(prefix);
  return found != tensors.end() && found->first.starts_with(prefix);
}

// The input of a low-rank product of a linear layer: [rank, features].
constexpr std::array<std::string_view, 6> kDown = {".lora_down.", ".lora_A.",     ".lora.down.",
                                                   "_lora.down.", "_layer.down.", ".hada_w1_b"};
// All else of LoRA, LoHa, LoKr and DoRA in kohya's, diffusers' and PEFT's names.
constexpr std::array<std::string_view, 14> kOtherLora = {
    ".lora_up.", ".lora_mid.", ".lora_B.",    ".lora.up.",  "_lora.up.", "_layer.up.", ".lora_magnitude_vector",
    ".hada_",    ".lokr_",     ".dora_scale", "lora_unet_", "lora_te_",  "lora_te1_",  "lora_te2_"};

// What one tensor is a sign of; unknown: of nothing by itself.
FileKind SignOf(std::string_view name) {
  // Some IP-Adapters hold low-rank products, and motion modules' LoRAs name motion modules.
  if (StartsWithAny(name, {"ip_adapter.", "image_proj."})) return FileKind::kIpAdapter;
  const bool motion = name.find("motion_modules.") != std::string_view::npos;
  if (ContainsAny(name, kDown) || ContainsAny(name, kOtherLora))
    return motion ? FileKind::kMotionLora : FileKind::kLora;
  if (motion) return FileKind::kMotionModule;
  if (StartsWithAny(name, {"control_model.", "controlnet_cond_embedding.", "controlnet_down_blocks.", "zero_convs.",
                           "input_hint_block."})) {
    return FileKind::kControlNet;
  }
  if (name.starts_with("model.diffusion_model.input_blocks.")) return FileKind::kCheckpoint;
  return FileKind::kUnknown;
}

// The system whose text has so many features for a token.
std::string SystemOfWidth(int64_t features) {
  switch (features) {
    case 768:
      return "stable-diffusion-1";
    case 1024:
      return "stable-diffusion-2";
    case 2048:
      return "stable-diffusion-xl";
    case 1280:
      return "stable-diffusion-xl-refiner";
    default:
      return "";
  }
}

// By the features of the text that a tensor takes, which is the last dimension of the first that `takes_text`.
template <typename Predicate>
std::string SystemByText(const Tensors& tensors, const Predicate& takes_text) {
  for (const auto& [name, info] : tensors) {
    if (info.shape.size() >= 2 && takes_text(name)) return SystemOfWidth(info.shape[1]);
  }
  return "";
}

bool IsCrossAttentionKey(const std::string& name) { return name.ends_with("attn2.to_k.weight"); }

std::string CheckpointSystem(const Tensors& tensors) {
  if (HasPrefix(tensors, "conditioner.embedders.1.model.")) return "stable-diffusion-xl";
  if (HasPrefix(tensors, "conditioner.embedders.0.model.")) return "stable-diffusion-xl-refiner";
  if (HasPrefix(tensors, "cond_stage_model.model.")) return "stable-diffusion-2";
  // Some writers leave out `text_model.`.
  if (HasPrefix(tensors, "cond_stage_model.transformer.text_model.") ||
      HasPrefix(tensors, "cond_stage_model.transformer.embeddings.")) {
    return "stable-diffusion-1";
  }
  const bool conditioned = HasPrefix(tensors, "cond_stage_model.") || HasPrefix(tensors, "conditioner.");
  return conditioned ? "" : SystemByText(tensors, IsCrossAttentionKey);
}

// The keys of cross-attention, in kohya's and in diffusers' names.
constexpr std::array<std::string_view, 3> kTextKeys = {"attn2_to_k", "attn2.to_k", "attn2.processor.to_k"};

std::string LoraSystem(const Tensors& tensors) {
  for (const auto& [name, info] : tensors) {
    if (StartsWithAny(name, {"lora_te1_", "lora_te2_", "text_encoder_2."})) return "stable-diffusion-xl";
  }
  return SystemByText(tensors,
                      [](const std::string& name) { return ContainsAny(name, kTextKeys) && ContainsAny(name, kDown); });
}

std::string ControlNetSystem(const Tensors& tensors) {
  // SDXL's have an embedding of sizes, and the small one has no attention at all.
  if (tensors.contains("add_embedding.linear_1.weight") || tensors.contains("control_model.label_emb.0.0.weight") ||
      tensors.contains("label_emb.0.0.weight")) {
    return "stable-diffusion-xl";
  }
  return SystemByText(tensors, IsCrossAttentionKey);
}

// By the features of the first module of the level before the finest: levels of 320, 640, 1280 and, in Stable Diffusion
// 1, 1280 channels.
std::string MotionSystem(const Tensors& tensors) {
  for (const auto& [name, info] : tensors) {
    if (!name.starts_with("up_blocks.2.motion_modules.0.") || !name.ends_with(".proj_in.weight")) continue;
    if (info.shape.empty()) break;
    if (info.shape[0] == 320) return "stable-diffusion-xl";
    if (info.shape[0] == 640) return "stable-diffusion-1";
  }
  return "";
}

std::string IpAdapterSystem(const Tensors& tensors) {
  return SystemByText(tensors, [](const std::string& name) { return name.ends_with(".to_k_ip.weight"); });
}

bool IsVae(const Tensors& tensors) {
  for (const char* prefix : {"", "first_stage_model.", "vae."}) {
    if (tensors.contains(std::string(prefix) + "encoder.conv_in.weight") &&
        tensors.contains(std::string(prefix) + "decoder.conv_in.weight")) {
      return true;
    }
  }
  return false;
}

bool IsRowOfVectors(const TensorInfo& info) {
  return at::isFloatingType(info.dtype) && (info.shape.size() == 1 || info.shape.size() == 2);
}

// One tensor named by the token (diffusers) or "emb_params" (AUTOMATIC1111), or one for each of SDXL's encoders.
bool IsEmbedding(const Tensors& tensors) {
  if (tensors.empty()) return false;
  const bool named = tensors.size() == 2 && tensors.contains("clip_l") && tensors.contains("clip_g");
  if (!named && tensors.size() != 1) return false;
  return std::all_of(tensors.begin(), tensors.end(), [](const auto& item) { return IsRowOfVectors(item.second); });
}

std::string EmbeddingSystem(const Tensors& tensors) {
  if (tensors.size() == 2) return "stable-diffusion-xl";
  const int64_t features = tensors.begin()->second.shape.back();
  return features == 768 || features == 1024 ? SystemOfWidth(features) : "";
}

std::string ListFirst(const Tensors& tensors) {
  constexpr size_t kListed = 5;
  if (tensors.empty()) return "no tensors";
  std::string text = std::to_string(tensors.size()) + (tensors.size() == 1 ? " tensor: " : " tensors: ");
  size_t count = 0;
  for (const auto& [name, info] : tensors) {
    if (count == kListed) return text + ", …";
    text.append(count++ == 0 ? "" : ", ").append(QuotedName(name));
  }
  return text;
}

FileIdentity Identity(FileKind kind, const Tensors& tensors) {
  const auto describe = [kind](const std::string& what, std::string system) {
    std::string text = system.empty() ? what : what + " for " + system;
    return FileIdentity{.kind = kind, .architecture = std::move(system), .description = std::move(text)};
  };
  switch (kind) {
    case FileKind::kCheckpoint: {
      const std::string system = CheckpointSystem(tensors);
      return {.kind = kind,
              .architecture = system,
              .description = "a checkpoint of " + (system.empty() ? "a system that is not known" : system)};
    }
    case FileKind::kVae:
      return describe("a VAE alone", "");
    case FileKind::kLora:
      return describe("a LoRA", LoraSystem(tensors));
    case FileKind::kMotionLora:
      return describe("a LoRA of a motion module", "");
    case FileKind::kControlNet:
      return describe("a ControlNet", ControlNetSystem(tensors));
    case FileKind::kMotionModule:
      return describe("a motion module", MotionSystem(tensors));
    case FileKind::kIpAdapter:
      return describe("an IP-Adapter", IpAdapterSystem(tensors));
    case FileKind::kEmbedding:
      return describe("an embedding", EmbeddingSystem(tensors));
    case FileKind::kUnknown:
      break;
  }
  return {.kind = kind, .architecture = "", .description = "unknown (" + ListFirst(tensors) + ")"};
}

}  // namespace

FileIdentity Recognise(const Tensors& tensors) {
  std::set<FileKind> signs;
  for (const auto& [name, info] : tensors) signs.insert(SignOf(name));
  signs.erase(FileKind::kUnknown);
  // The first ControlNets were saved with the model that they were trained with.
  if (signs.contains(FileKind::kControlNet) && HasPrefix(tensors, "control_model.")) signs.erase(FileKind::kCheckpoint);
  if (signs.empty()) {
    if (IsVae(tensors)) return Identity(FileKind::kVae, tensors);
    return Identity(IsEmbedding(tensors) ? FileKind::kEmbedding : FileKind::kUnknown, tensors);
  }
  if (signs.size() == 1) return Identity(*signs.begin(), tensors);
  FileIdentity mixed;
  for (const FileKind kind : signs) {
    mixed.description.append(mixed.description.empty() ? "several kinds in one file: " : ", ");
    mixed.description.append(Identity(kind, tensors).description);
  }
  return mixed;
}

}  // namespace latentd::model
