#include "model/layers/activation.h"

namespace latentd::model {

Activation ReadActivation(ConfigReader& reader, const std::string& key, const std::string& fallback) {
  const std::string name = reader.GetChoice(key, fallback, {"silu", "swish", "gelu", "relu"});
  if (name == "gelu") return Activation::kGelu;
  if (name == "relu") return Activation::kRelu;
  return Activation::kSilu;  // "swish" is its older name
}

}  // namespace latentd::model
