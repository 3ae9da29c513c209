#include "model/adapters/read_textual_inversion.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/weights/quoted_name.h"
#include "model/weights/safetensors_file.h"
#include "model/weights/shape_text.h"

namespace latentd::model {
namespace {

constexpr char kSecondEncoder[] = "text_encoder_2";
constexpr std::array<std::string_view, 3> kWithoutToken = {"emb_params", "*", "string_to_param.*"};

class Reader {
 public:
  Reader(const std::filesystem::path& path, std::span<const TokenTable> tables)
      : file_(SafetensorsFile::Open(path)), tables_(tables) {}

  std::shared_ptr<const TextualInversion> Read() {
    const std::map<std::string, TensorInfo>& tensors = file_->tensors();
    std::string token;
    if (tensors.size() == 2 && tensors.contains("clip_l") && tensors.contains("clip_g")) {
      ReadPair();
    } else if (tensors.size() == 1) {
      const std::string& name = tensors.begin()->first;
      const bool says = std::find(kWithoutToken.begin(), kWithoutToken.end(), name) == kWithoutToken.end();
      if (says) token = name;
      if (token.find_first_not_of(" \t\n\r") == std::string::npos && says) problems_.emplace_back("its token is blank");
      ReadSingle(name);
    } else {
      problems_.emplace_back("has " + std::to_string(tensors.size()) +
                             " tensors; an embedding has one, or two of the names clip_l and clip_g");
    }
    if (!problems_.empty()) throw ModelError(file_->where(), std::move(problems_));
    return std::make_shared<TextualInversion>(std::move(token), std::move(vectors_));
  }

 private:
  void ReadPair() {
    const auto second = std::find_if(tables_.begin(), tables_.end(),
                                     [](const TokenTable& table) { return table.encoder == kSecondEncoder; });
    if (second == tables_.end()) {
      problems_.emplace_back("is for the two text encoders of Stable Diffusion XL; this model has one");
      return;
    }
    for (const TokenTable& table : tables_) ReadVectors(table.encoder == kSecondEncoder ? "clip_g" : "clip_l", table);
  }

  void ReadSingle(const std::string& name) {
    if (tables_.size() == 1) return ReadVectors(name, tables_.front());
    problems_.emplace_back("is for one text encoder; this model has " + std::to_string(tables_.size()) +
                           ", and takes files with clip_l and clip_g");
  }

  void ReadVectors(const std::string& name, const TokenTable& table) {
    const TensorInfo& info = file_->tensors().at(name);
    const int64_t features = table.weight.size(1);
    const std::string quoted(QuotedName(name));
    if (!at::isFloatingType(info.dtype)) {
      problems_.push_back(quoted + ": has type " + c10::toString(info.dtype) + ", which is not loaded");
    }
    const bool has_vectors = info.shape.size() == 1 || (info.shape.size() == 2 && info.shape[0] > 0);
    if (!has_vectors || info.shape.back() != features) {
      problems_.push_back(quoted + ": has shape " + ShapeText(info.shape) + "; the model's " + table.encoder +
                          " takes vectors of " + std::to_string(features) + " features, [n, " +
                          std::to_string(features) + "]");
    }
    if (!problems_.empty()) return;
    const at::Tensor values = file_->Get(name).view({-1, features}).to(table.weight.scalar_type(), false, true);
    if (!at::isfinite(values).all().item<bool>()) {
      problems_.push_back(quoted + ": has values that are NaN or infinite in " +
                          c10::toString(table.weight.scalar_type()));
    }
    vectors_[table.encoder] = values.to(table.weight.device());
  }

  const std::shared_ptr<const SafetensorsFile> file_;
  const std::span<const TokenTable> tables_;
  std::vector<std::string> problems_;
  std::map<std::string, at::Tensor> vectors_;
};

}  // namespace

std::shared_ptr<const TextualInversion> ReadTextualInversion(const std::filesystem::path& file,
                                                             std::span<const TokenTable> tables) {
  const at::NoGradGuard no_grad;
  return Reader(file, tables).Read();
}

}  // namespace latentd::model
