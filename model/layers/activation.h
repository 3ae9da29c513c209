#pragma once

#include <string>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// Reads `key`: silu, swish, gelu or relu. Another name becomes a problem of the reader.
Activation ReadActivation(ConfigReader& reader, const std::string& key, const std::string& fallback = "silu");

}  // namespace latentd::model
