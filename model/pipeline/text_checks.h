#pragma once

#include <cstdint>
#include <filesystem>

#include "model/pipeline/folder_reader.h"
#include "model/text/clip_text_config.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// Throws ModelError when the tokenizer in `folder` cannot be read, or does not fit the text encoder, which may be null
// (it could not be read either).
void CheckTokenizer(const std::filesystem::path& folder, const Component<ClipTextConfig>* text);

// Whether all levels of a U-Net that look at a text take states of so many features.
bool ReadsText(const UNetConfig& unet, int64_t features);

}  // namespace latentd::model
