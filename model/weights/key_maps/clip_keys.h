#pragma once

#include "model/weights/renamed_source.h"

namespace latentd::model {

// The key map of CLIPTextModel files: some are written with `text_model.` before every name and some without it
// (transformers dropped the prefix in version 5). The module uses it.
RenamedTensor PrefixedClipKey(const std::string& name, const TensorInfo& info);

// Old files carry the constant 0, 1, 2 … as a tensor. REQUIRES: a name given by PrefixedClipKey.
bool IsClipConstant(const std::string& name);

}  // namespace latentd::model
