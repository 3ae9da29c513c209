#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace latentd::model {

// The two steps of CLIP's tokenizer before byte pairs, as CLIPTokenizer of transformers 5.23 configures the tokenizers
// package (models/clip/tokenization_clip.py). Thread-safe.

// Clean-up: form C, then every run of white space to one space, then lower case.
std::u32string CleanUp(std::u32string_view text);

// Calls `visit` with every word of a cleaned-up text, in order: contractions ('s 't 're 've 'm 'll 'd), runs of
// letters, single numbers, and runs of whatever is neither of these nor white space. Words are views of `text`, never
// empty.
void ForEachWord(std::u32string_view text, const std::function<void(std::u32string_view)>& visit);

}  // namespace latentd::model
