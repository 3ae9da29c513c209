#pragma once

#include <string>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// Reads `key` (silu, swish, gelu or relu; default silu). Another name becomes a problem of the reader.
Activation ReadActivation(ConfigReader& reader, const std::string& key);

}  // namespace latentd::model
