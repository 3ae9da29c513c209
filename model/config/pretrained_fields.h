#pragma once

#include <cstdint>
#include <string>

#include "model/config/config_reader.h"

namespace latentd::model {

// A number of tokens, layers or features: 1 to ten million, far above any model, so that products of two fit 64 bits.
int64_t ReadSize(ConfigReader& reader, const std::string& key, int64_t fallback);

// Declares to have no effect what PretrainedConfig of transformers 4 writes for every model: it concerns classifiers
// and the generation of text.
void IgnorePretrainedFields(ConfigReader& reader);

}  // namespace latentd::model
