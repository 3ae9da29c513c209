#include "model/adapters/read_image_prompt.h"

#include <ATen/ops/isfinite.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/adapters/picture_projection.h"
#include "model/adapters/problems.h"
#include "model/errors.h"
#include "model/weights/load_weights.h"
#include "model/weights/open_component.h"
#include "model/weights/renamed_source.h"
#include "model/weights/safetensors_file.h"
#include "model/weights/shape_text.h"

namespace latentd::model {
namespace {

constexpr std::string_view kProjection = "image_proj.";

class Reader {
 public:
  Reader(const std::filesystem::path& path, const CrossAttentions& network)
      : path_(path), network_(network), file_(SafetensorsFile::Open(path)) {}

  std::shared_ptr<const ImagePrompt> Read() {
    const PictureProjectionKind kind = PictureProjectionKindOf(file_->tensors());
    if (kind == PictureProjectionKind::kFaceId || kind == PictureProjectionKind::kUnknown) {
      throw ModelError(path_.string(), {"is no IP-Adapter that is served (base, plus and full-face are)"});
    }
    if (network_.layers().empty()) throw ModelError(path_.string(), {"this model's U-Net looks at no text"});
    CheckLayers();
    Finish();
    const ImageEncoderFiles files = OpenImageEncoder(ImageEncoderOf(path_));
    const at::TensorOptions options = Weight(0).options();
    const PictureProjectionFit fit{.embedding_features = files.config.projection_dim,
                                   .state_features = files.config.hidden_size,
                                   .token_features = Weight(0).size(1)};
    auto projection = LoadPictureProjection(kind, *Projection(), fit, options);
    for (const auto& item : projection->network().named_parameters()) {
      CheckFinite(std::string(kProjection) + item.key(), item.value());
    }
    std::vector<ImagePrompt::Layer> layers;
    for (size_t i = 0; i < network_.layers().size(); ++i) {
      layers.push_back({.to_k = Load(NameOf(i, "to_k_ip"), options), .to_v = Load(NameOf(i, "to_v_ip"), options)});
    }
    Finish();
    ClipVisionModelWithProjection encoder(files.config, options);
    LoadWeights(*encoder, *files.weights, {.may_ignore = IsVisionConstant});
    return std::make_shared<ImagePrompt>(std::move(encoder), std::move(projection), std::move(layers));
  }

 private:
  const at::Tensor& Weight(size_t layer) const { return network_.layers()[layer].attention->to_k->weight; }

  // Attentions are counted in pairs: the first one of a block looks at the picture itself.
  static std::string NameOf(size_t layer, const char* part) {
    return "ip_adapter." + std::to_string(2 * layer + 1) + "." + part + ".weight";
  }

  void CheckLayers() {
    std::set<std::string> expected;
    for (size_t i = 0; i < network_.layers().size(); ++i) {
      for (const char* part : {"to_k_ip", "to_v_ip"}) {
        const std::string name = *expected.insert(NameOf(i, part)).first;
        const auto found = file_->tensors().find(name);
        if (found == file_->tensors().end()) {
          problems_.Add(name + ": is missing");
        } else if (at::IntArrayRef(found->second.shape) != Weight(i).sizes()) {
          problems_.Add(name + ": has shape " + ShapeText(found->second.shape) + "; the model's " +
                        network_.layers()[i].name + " takes " + ShapeText(Weight(i).sizes()));
        } else if (!at::isFloatingType(found->second.dtype)) {
          problems_.Add(name + ": has type " + c10::toString(found->second.dtype) + ", which is not loaded");
        }
      }
    }
    for (const auto& [name, info] : file_->tensors()) {
      if (!name.starts_with(kProjection) && !expected.contains(name)) {
        problems_.Add(name + ": matches no layer of this model");
      }
    }
  }

  std::shared_ptr<const TensorSource> Projection() const {
    return RenamedSource::Select(file_, [](const std::string& name, const TensorInfo& info) {
      if (!name.starts_with(kProjection)) return std::vector<RenamedTensor>();
      return std::vector<RenamedTensor>{{.name = name.substr(kProjection.size()), .shape = info.shape}};
    });
  }

  at::Tensor Load(const std::string& name, const at::TensorOptions& options) {
    // A copy, since what Get gives is a view of the file.
    at::Tensor values = file_->Get(name).to(options, /*non_blocking=*/false, /*copy=*/true).contiguous();
    file_->Release(name);
    CheckFinite(name, values);
    return values;
  }

  void CheckFinite(const std::string& name, const at::Tensor& values) {
    if (at::isfinite(values).all().item<bool>()) return;
    problems_.Add(name + ": has values that are NaN or infinite in " + c10::toString(values.scalar_type()));
  }

  // Throws when something was found.
  void Finish() {
    std::vector<std::string> all;
    problems_.MoveTo(all);
    if (!all.empty()) throw ModelError(path_.string(), std::move(all));
  }

  const std::filesystem::path path_;
  const CrossAttentions& network_;
  const std::shared_ptr<const SafetensorsFile> file_;
  Problems problems_;
};

}  // namespace

std::filesystem::path ImageEncoderOf(const std::filesystem::path& file) { return file.parent_path() / "image_encoder"; }

ImageEncoderFiles OpenImageEncoder(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    throw ModelError(folder.string(), {"is missing: an IP-Adapter needs its image encoder in the folder image_encoder "
                                       "beside its file"});
  }
  ImageEncoderFiles files{.config = ReadClipVisionConfig(ConfigReader::FromFile(folder / "config.json")),
                          .weights = OpenComponent(folder),
                          .parameters = 0};
  ClipVisionModelWithProjection network(files.config, at::TensorOptions().device(at::kMeta));
  CheckWeights(*network, *files.weights, {.may_ignore = IsVisionConstant});
  for (const at::Tensor& parameter : network->parameters()) files.parameters += parameter.numel();
  return files;
}

std::shared_ptr<const ImagePrompt> ReadImagePrompt(const std::filesystem::path& file, const CrossAttentions& network) {
  return Reader(file, network).Read();
}

}  // namespace latentd::model
