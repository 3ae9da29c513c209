#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "model/text/prompt_windows.h"
#include "model/text/utf8.h"
#include "model/text/weighted_prompt.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/require.h"

namespace latentd::model {
namespace {

void CheckPieces(const WeightedPrompt& parsed, std::string_view text) {
  if (!parsed.fault.empty()) {
    Require(parsed.pieces.empty(), "what has a fault is not used");
    Require(std::all_of(parsed.fault.begin(), parsed.fault.end(), [](char c) { return c >= ' ' && c <= '~'; }),
            "a fault is printable ASCII whatever the text");
    Require(parsed.fault.size() < 200, "a fault is short whatever the text");
    return;
  }
  size_t bytes = 0;
  for (size_t i = 0; i < parsed.pieces.size(); ++i) {
    const PromptPiece& piece = parsed.pieces[i];
    Require(piece.is_break == piece.text.empty(), "a piece has text or is a BREAK");
    Require(std::abs(piece.weight) <= kMaxPromptWeight, "weights are numbers within bounds");
    const PromptPiece* next = i + 1 < parsed.pieces.size() ? &parsed.pieces[i + 1] : nullptr;
    const bool could_join = next != nullptr && !piece.is_break && !next->is_break && piece.weight == next->weight;
    Require(!could_join, "neighbours of one weight are joined");
    bytes += piece.text.size();
  }
  Require(bytes <= 3 * text.size(), "no text comes out of nothing");  // U+FFFD is three bytes for one
}

// Every character of `text` that could be syntax after a backslash; words are left, so that a BREAK stays one.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("\\()[]:").find(c) != std::string_view::npos) escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

void CheckEscapes(std::string_view text) {
  const WeightedPrompt parsed = ParseWeightedPrompt(Escaped(text));
  Require(parsed.fault.empty(), "escaped text has no syntax");
  std::string whole;
  for (const PromptPiece& piece : parsed.pieces) {
    if (piece.is_break) return;  // white space around it is gone
    Require(piece.weight == 1, "escaped text has no weights");
    whole += piece.text;
  }
  std::string valid;
  for (const char32_t c : DecodeUtf8(text)) AppendUtf8(c, valid);
  Require(whole == valid, "escaped text is the text");
}

void CheckWindows(const ClipTokenizer& tokenizer, const std::vector<PromptPiece>& pieces) {
  const PromptWindows cut = SplitIntoWindows(tokenizer, pieces);
  Require(!cut.windows.empty() && cut.windows.size() <= kMaxPromptWindows, "there are windows, and not too many");
  const auto size = static_cast<size_t>(tokenizer.window());
  std::vector<int64_t> tokens;
  for (const PromptPiece& piece : pieces) {
    const std::vector<int64_t> more = tokenizer.EncodeTokens(piece.text);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  // Written out, the end token may be among them: then the ends of the windows cannot be told.
  if (std::find(tokens.begin(), tokens.end(), tokenizer.eos()) != tokens.end()) return;
  size_t done = 0;
  for (const PromptWindow& window : cut.windows) {
    Require(window.ids.size() == size && window.weights.size() == size, "a window is full");
    Require(window.ids.front() == tokenizer.bos() && window.weights.front() == 1, "it begins with the beginning");
    size_t end = 1;
    for (; end < size && window.ids[end] != tokenizer.eos(); ++end) {
      Require(done < tokens.size() && window.ids[end] == tokens[done++], "then come the tokens, in order");
    }
    Require(end < size, "then the end");
    for (size_t i = end; i < size; ++i) Require(window.weights[i] == 1, "what fills it has no weight");
  }
  Require(cut.windows.size() == kMaxPromptWindows || (done == tokens.size() && cut.cut_text.empty()),
          "all tokens are in windows");
}

}  // namespace

void FuzzWeightedPrompt(std::string_view bytes) {
  static const std::filesystem::path kFolder = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/text";
  static const ClipTokenizer kTokenizer = ClipTokenizer::FromFolder(kFolder / "sd1");
  const WeightedPrompt parsed = ParseWeightedPrompt(bytes);
  CheckPieces(parsed, bytes);
  CheckEscapes(bytes);
  if (parsed.fault.empty()) CheckWindows(kTokenizer, parsed.pieces);
}

}  // namespace latentd::model
