#pragma once

#include <map>
#include <span>
#include <string>

namespace latentd::model {

// The names that the layers of a U-Net of diffusers have in the original layout (CompVis' and Stability AI's
// openaimodel.py: `input_blocks.1.1.proj_in`), as far as they differ. The blocks are numbered through there, so that
// all of a network's layers must be given.
//
// Follows diffusers 0.42.1, loaders/lora_conversion_utils.py (_maybe_map_sgm_blocks_to_diffusers), the other way round.
std::map<std::string, std::string> OriginalUNetNames(std::span<const std::string> layers);

}  // namespace latentd::model
