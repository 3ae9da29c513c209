#include "model/adapters/read_lora.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/adapters/layer_names.h"
#include "model/adapters/lora_key.h"
#include "model/adapters/lora_origin.h"
#include "model/adapters/lora_scaling.h"
#include "model/adapters/problems.h"
#include "model/errors.h"
#include "model/weights/safetensors_file.h"
#include "model/weights/shape_text.h"

namespace latentd::model {
namespace {

// The tensors of one layer's change, by their names in the file.
struct Parts {
  std::string down, up, alpha;

  std::string& operator[](LoraPart part) { return part == LoraPart::kDown ? down : part == LoraPart::kUp ? up : alpha; }
};

class Reader {
 public:
  Reader(const std::filesystem::path& path, std::span<const AdaptableNetwork* const> networks)
      : networks_(networks), file_(SafetensorsFile::Open(path)), scaling_(LoraScaling::FromFile(path)) {}

  std::shared_ptr<const Lora> Read() {
    FindLayers();
    for (const auto& [place, parts] : layers_) CheckShapes(place, parts);
    Finish();
    for (const auto& [place, parts] : layers_) Load(place, parts);
    Finish();
    return std::make_shared<Lora>(std::move(changes_));
  }

 private:
  const AdaptableNetwork& NetworkOf(const LayerPlace& place) const { return *networks_[place.network]; }
  const AdaptableNetwork::Layer& LayerOf(const LayerPlace& place) const {
    return NetworkOf(place).layers()[place.layer];
  }
  const TensorInfo& Info(const std::string& name) const { return file_->tensors().at(name); }

  // Sorts the file's tensors by the layers that they change.
  void FindLayers() {
    const LayerNames names(networks_);
    std::map<std::string, std::pair<size_t, std::string>> unsupported;  // by kind: how many tensors, and the first
    for (const auto& [name, info] : file_->tensors()) {
      origin_.See(name, info);
      if (const char* kind = UnsupportedChange(name)) {
        auto& [count, first] = unsupported[kind];
        if (count++ == 0) first = name;
        continue;
      }
      const std::optional<LoraKey> key = ParseLoraKey(name);
      const std::optional<LayerPlace> place = key ? names.Find(*key) : std::nullopt;
      if (!place) {
        unmatched_.Add(name + (key ? ": matches no layer of this model" : ": is no tensor of a LoRA"));
        continue;
      }
      if (!at::isFloatingType(info.dtype)) {
        misfits_.Add(name + ": has type " + c10::toString(info.dtype) + ", which is not loaded");
      }
      std::string& part = layers_[*place][key->part];
      if (!part.empty()) misfits_.Add(name + ": is for the same layer as " + part);
      part = name;
    }
    for (const auto& [kind, tensors] : unsupported) {
      const auto& [count, first] = tensors;
      kinds_.Add(kind + " is not supported (LoRA and LoCon are): " + first +
                 (count > 1 ? " and " + std::to_string(count - 1) + " more" : ""));
    }
    if (file_->tensors().empty()) kinds_.Add("has no tensors");
  }

  void CheckShapes(const LayerPlace& place, const Parts& parts) {
    if (parts.down.empty() || parts.up.empty()) {
      const std::string& present = !parts.down.empty() ? parts.down : !parts.up.empty() ? parts.up : parts.alpha;
      const char* missing = !parts.down.empty() ? "up (lora_B)" : !parts.up.empty() ? "down (lora_A)" : "down and up";
      misfits_.Add(present + ": lacks its counterpart, " + missing);
      return;
    }
    const at::Tensor& weight = LayerOf(place).layer->BaseWeight();
    const std::vector<int64_t>& down = Info(parts.down).shape;
    const std::vector<int64_t>& up = Info(parts.up).shape;
    // Without the window of one pixel that 1x1 convolutions have.
    const auto plain = [](std::vector<int64_t> shape) {
      if (shape.size() == 4 && shape[2] == 1 && shape[3] == 1) shape.resize(2);
      return shape;
    };
    const int64_t rank = down.empty() ? 0 : down.front();
    std::vector<int64_t> expected_down = weight.sizes().vec();
    expected_down.front() = rank;
    if (plain(down) != plain(expected_down)) {
      misfits_.Add(parts.down + ": has shape " + ShapeText(down) + "; the layer takes [rank, " +
                   ShapeText(at::IntArrayRef(expected_down).slice(1)).substr(1));
    }
    const std::vector<int64_t> expected_up = {weight.size(0), rank};
    if (plain(up) != expected_up) {
      misfits_.Add(parts.up + ": has shape " + ShapeText(up) + " instead of " + ShapeText(expected_up));
    }
    if (rank == 0) misfits_.Add(parts.down + ": has rank 0");
    if (!parts.alpha.empty() && c10::multiply_integers(Info(parts.alpha).shape) != 1) {
      misfits_.Add(parts.alpha + ": has shape " + ShapeText(Info(parts.alpha).shape) + " instead of one number");
    }
  }

  // alpha / rank
  double ScaleOf(const LayerPlace& place, const Parts& parts, int64_t rank) {
    if (parts.alpha.empty()) {
      return scaling_.ScaleOf(NetworkOf(place).name(), LayerOf(place).name, rank).value_or(1);
    }
    const auto alpha = file_->Get(parts.alpha).to(at::kDouble).item<double>();
    if (!std::isfinite(alpha)) misfits_.Add(parts.alpha + ": is NaN or infinite");
    return alpha / static_cast<double>(rank);
  }

  // To where the layer's weight is, in its type.
  at::Tensor ToLayer(const std::string& name, double scale, at::IntArrayRef shape, const at::Tensor& weight) {
    const auto order = shape.size() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    const at::Tensor values = (file_->Get(name).to(at::kFloat).view(shape) * scale).to(weight.scalar_type());
    if (!at::isfinite(values).all().item<bool>()) {
      misfits_.Add(name + ": has values that are NaN or infinite in " + c10::toString(weight.scalar_type()));
    }
    return values.contiguous(order).to(weight.device());
  }

  void Load(const LayerPlace& place, const Parts& parts) {
    const at::Tensor& weight = LayerOf(place).layer->BaseWeight();
    const int64_t rank = Info(parts.down).shape.front();
    std::vector<int64_t> down = weight.sizes().vec();  // [rank, in] or [rank, in, k, k]
    down.front() = rank;
    const double scale = ScaleOf(place, parts, rank);
    changes_[NetworkOf(place).name()].push_back(
        {.layer = place.layer,
         .weights = {.down = ToLayer(parts.down, 1, down, weight),
                     .up = ToLayer(parts.up, scale, {weight.size(0), rank}, weight)}});
    for (const std::string& name : {parts.down, parts.up}) file_->Release(name);
  }

  // Throws when something was found.
  void Finish() {
    std::vector<std::string> all;
    kinds_.MoveTo(all);
    unmatched_.MoveTo(all);
    misfits_.MoveTo(all);
    if (all.empty()) return;
    if (const std::optional<std::string> other = origin_.OtherThan(networks_)) all.insert(all.begin(), *other);
    throw ModelError(file_->where(), std::move(all));
  }

  const std::span<const AdaptableNetwork* const> networks_;
  const std::shared_ptr<const SafetensorsFile> file_;
  const LoraScaling scaling_;
  LoraOrigin origin_;
  Problems kinds_, unmatched_, misfits_;
  std::map<LayerPlace, Parts> layers_;
  std::map<std::string, std::vector<Lora::Change>> changes_;
};

}  // namespace

std::shared_ptr<const Lora> ReadLora(const std::filesystem::path& file,
                                     std::span<const AdaptableNetwork* const> networks) {
  const at::NoGradGuard no_grad;
  return Reader(file, networks).Read();
}

}  // namespace latentd::model
