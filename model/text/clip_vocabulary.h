#pragma once

#include "model/text/tokenizer_files.h"

namespace latentd::model {

// What fills a window behind the end mark.
enum class ClipPadding {
  kEndMark,          // Stable Diffusion 1, and SDXL's first text encoder
  kExclamationMark,  // id 0: OpenCLIP's text encoders, of Stable Diffusion 2 and SDXL
};

// CLIP's own tokenizer of 49,408 tokens and windows of 77, which ships with the program (clip_vocabulary/), for
// checkpoints that bring none. It is what ReadTokenizerFiles gives for the tokenizer's folder of Stable Diffusion 1.5
// or 2.1: the end mark, where it also pads, and the exclamation mark are looked for in the text as it is given.
TokenizerFiles ClipVocabulary(ClipPadding padding);

}  // namespace latentd::model
