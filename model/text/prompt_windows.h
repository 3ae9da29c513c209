#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/text/clip_tokenizer.h"
#include "model/text/weighted_prompt.h"

namespace latentd::model {

// What a text encoder sees at once of a prompt.
struct PromptWindow {
  std::vector<int64_t> ids;    // tokenizer.window() of them: beginning, tokens, end, padding
  std::vector<float> weights;  // of each id; 1 for beginning, end and padding

  bool weighted() const;  // whether any weight differs from 1
};

struct PromptWindows {
  std::vector<PromptWindow> windows;  // at least one
  std::string cut_text;               // as Tokenized::truncated: what did not fit; empty when all did
};

// Each window costs a forward of the text encoder, and lengthens what each step of the picture attends to. A prompt of
// ordinary words reaches its limit of characters before this.
constexpr size_t kMaxPromptWindows = 32;

// A prompt of any length in windows, as AUTOMATIC1111's web UI cuts it (modules/sd_hijack_clip.py, tokenize_line): when
// one is full, what stands after its last comma moves to the next, if that comma is among its last 20 tokens. BREAK
// ends a window, also an empty one. Without pieces: one window without tokens. Windows beyond kMaxPromptWindows are
// left out. The ids of one of the prompt's own tokens stay in one window, as there, if they fit into any.
PromptWindows SplitIntoWindows(const ClipTokenizer& tokenizer, std::span<const PromptPiece> pieces,
                               const OwnTokens& own = {});

// The text as it is, in one window, as diffusers cuts it.
PromptWindows LiteralWindow(const ClipTokenizer& tokenizer, std::string_view text, const OwnTokens& own = {});

// Either of them. Throws std::invalid_argument when ParseWeightedPrompt finds a fault in `text` that is not literal.
PromptWindows WindowsOf(const ClipTokenizer& tokenizer, const std::string& text, bool literal,
                        const OwnTokens& own = {});

}  // namespace latentd::model
