#include "model/pipeline/single_file.h"

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/pipeline/original_configs.h"
#include "model/pipeline/stable_diffusion_parts.h"
#include "model/pipeline/stable_diffusion_xl_parts.h"
#include "model/text/clip_text_model.h"
#include "model/text/clip_text_projection.h"
#include "model/text/clip_vocabulary.h"
#include "model/unet/unet.h"
#include "model/vae/vae.h"
#include "model/weights/original_checkpoint.h"
#include "model/weights/quoted_name.h"
#include "model/weights/recognise.h"
#include "model/weights/safetensors_file.h"

namespace latentd::model {
namespace {

using Source = std::shared_ptr<const TensorSource>;

constexpr int64_t kInpaintingChannels = 9;
constexpr const char* kXl = "stable-diffusion-xl";  // its refiner's name begins so

// The number of steps that Stable Diffusion 2's base model was trained for.
bool IsBaseOfSd2(const TensorSource& file) {
  constexpr double kSteps = 875'000;
  const auto step = file.tensors().find("global_step");
  if (step == file.tensors().end()) return false;
  const at::Tensor value = file.Get("global_step");
  return value.numel() == 1 && value.to(at::kDouble).item<double>() == kSteps;
}

OriginalTraining TrainingOf(const TensorSource& file, const std::string& system) {
  const auto input = file.tensors().find("model.diffusion_model.input_blocks.0.0.weight");
  const bool inpaints =
      input != file.tensors().end() && input->second.shape.size() > 1 && input->second.shape[1] == kInpaintingChannels;
  const bool v = system == "stable-diffusion-2" && !inpaints && !IsBaseOfSd2(file);
  const bool xl = system.starts_with(kXl);
  return {.pixels = xl ? 1024 : v ? 768 : 512, .v_prediction = v, .inpaints = inpaints};
}

// Opens the parts of one file.
class FileReader : public PartReader {
 public:
  FileReader(const std::filesystem::path& path, OriginalCheckpoint checkpoint)
      : PartReader(path), checkpoint_(std::move(checkpoint)) {
    ReportOthers();
  }

  // A network whose configuration is `make_config(its tensors)`, in diffusers' form. Null when something is wrong with
  // it.
  template <typename Network, typename Config, typename MakeConfig>
  std::shared_ptr<const Component<Config>> Open(const std::string& name, Config (*read_config)(ConfigReader),
                                                const MakeConfig& make_config) {
    const OriginalCheckpoint::Part& part = checkpoint_.parts.at(name);
    const auto config = [&] {
      if (part.tensors->tensors().empty()) {
        throw ModelError(path().string(), {"is missing: no tensor's name begins with \"" + part.prefix + "\""});
      }
      return read_config(ConfigReader(path().string(), make_config(part)));
    };
    return OpenPart<Network, Config>(
        config, [&] { return part.tensors; }, {}, name);
  }

 private:
  void ReportOthers() {
    constexpr size_t kListed = 20;
    const std::vector<std::string>& others = checkpoint_.others;
    for (size_t i = 0; i < others.size() && i < kListed; ++i) AddProblem(QuotedName(others[i]) + ": is unexpected");
    if (others.size() > kListed) {
      AddProblem("and " + std::to_string(others.size() - kListed) + " more unexpected tensors");
    }
  }

  const OriginalCheckpoint checkpoint_;
};

using Part = OriginalCheckpoint::Part;

std::function<ClipTokenizer()> Tokenizer(ClipPadding padding) {
  return [padding] { return ClipTokenizer(ClipVocabulary(padding)); };
}

nlohmann::json TextConfig(const Part& part) { return OriginalTextConfig(*part.tensors, IsOpenClip(part)); }

std::shared_ptr<const Component<VaeConfig>> OpenVae(FileReader& reader, const std::string& system,
                                                    const OriginalTraining& training) {
  return reader.Open<AutoencoderKL>("vae", ReadVaeConfig, [&](const Part& part) {
    return OriginalVaeConfig(*part.tensors, system, training.pixels);
  });
}

// `vae` may be null.
std::shared_ptr<const Component<UNetConfig>> OpenUNet(FileReader& reader, const std::string& system,
                                                      const OriginalTraining& training,
                                                      const Component<VaeConfig>* vae) {
  const int scale = vae == nullptr ? 8 : static_cast<int>(vae->config.Scale());
  return reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig, [&](const Part& part) {
    return OriginalUNetConfig(*part.tensors, system, training.pixels / scale);
  });
}

ModelFolder OpenOne(FileReader& reader, const std::string& system, const OriginalTraining& training,
                    SamplerConfig sampler) {
  StableDiffusionParts parts;
  parts.sampler = std::move(sampler);
  parts.tokenizer = Tokenizer(system == "stable-diffusion-1" ? ClipPadding::kEndMark : ClipPadding::kExclamationMark);
  parts.text = reader.Open<ClipTextModel>("text_encoder", ReadClipTextConfig, TextConfig);
  const auto vae = OpenVae(reader, system, training);
  if (vae != nullptr) parts.vae = KlAutoencoder(vae);
  parts.unet = OpenUNet(reader, system, training, vae.get());
  return MakeStableDiffusion(std::move(parts), reader);
}

ModelFolder OpenXl(FileReader& reader, const std::string& system, const OriginalTraining& training,
                   SamplerConfig sampler) {
  StableDiffusionXlParts parts;
  parts.sampler = std::move(sampler);
  // As the `model_index.json` of base and refiner have it.
  const bool base = system == kXl;
  parts.traits = {.has_first_encoder = base, .zeros_for_empty_negative = base, .takes_aesthetic_score = !base};
  if (base) {
    parts.tokenizer = Tokenizer(ClipPadding::kEndMark);
    parts.text = reader.Open<ClipTextModel>("text_encoder", ReadClipTextConfig, TextConfig);
  }
  parts.tokenizer_2 = Tokenizer(ClipPadding::kExclamationMark);
  parts.text_2 = reader.Open<ClipTextModelWithProjection>("text_encoder_2", ReadClipTextConfig, TextConfig);
  parts.vae = OpenVae(reader, system, training);
  parts.unet = OpenUNet(reader, system, training, parts.vae.get());
  return MakeStableDiffusionXl(std::move(parts), reader);
}

ModelFolder OpenCheckpoint(const Source& file, const std::string& system) {
  FileReader reader(file->where(), SplitOriginalCheckpoint(file, system));
  const OriginalTraining training = TrainingOf(*file, system);
  SamplerConfig sampler = SamplerConfig::FromJson(file->where(), OriginalSamplerConfig(system, training));
  const auto open = system.starts_with(kXl) ? OpenXl : OpenOne;
  ModelFolder model = open(reader, system, training, std::move(sampler));
  model.architecture = system;
  model.one_file = true;
  return model;
}

// Why a file is no model.
std::string WhatElse(const FileIdentity& identity) {
  switch (identity.kind) {
    case FileKind::kCheckpoint:
      return "is " + identity.description + ", not one of Stable Diffusion 1, 2 or XL";
    case FileKind::kVae:
      return "is a VAE alone, which is a part of a model and not a model";
    case FileKind::kUnknown:
      return "is not a model that is known: " + identity.description;
    default:
      return "is " + identity.description + ", not a model; adapters belong into the folder that --adapters names";
  }
}

}  // namespace

ModelFolder OpenSingleFile(const std::filesystem::path& path) { return OpenSingleFile(SafetensorsFile::Open(path)); }

ModelFolder OpenSingleFile(const Source& file) {
  const FileIdentity identity = Recognise(file->tensors());
  if (identity.kind == FileKind::kCheckpoint && !identity.architecture.empty()) {
    return OpenCheckpoint(file, identity.architecture);
  }
  throw ModelError(file->where(), {WhatElse(identity)});
}

}  // namespace latentd::model
