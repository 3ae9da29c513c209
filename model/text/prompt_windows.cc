#include "model/text/prompt_windows.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

namespace latentd::model {
namespace {

constexpr size_t kCommaReach = 20;  // tokens before a window's end

// Fills windows token by token.
class Splitter {
 public:
  Splitter(const ClipTokenizer& tokenizer, const OwnTokens& own)
      : tokenizer_(tokenizer), own_(own), room_(static_cast<size_t>(tokenizer.window()) - 2) {
    const std::vector<int64_t> comma = tokenizer.EncodeTokens(",");
    if (comma.size() == 1) comma_ = comma.front();
  }

  void Add(int64_t token, float weight) {
    if (tokens_.size() == room_) {
      if (token == comma_) after_comma_.reset();  // what stands before a comma stays
      NextWindow();
    }
    const auto length = static_cast<size_t>(own_.LengthFrom(token));
    if (length <= room_ && tokens_.size() + length > room_) Break();
    tokens_.push_back(token);
    weights_.push_back(weight);
    if (token == comma_) after_comma_ = tokens_.size();
  }

  void Break() {
    after_comma_.reset();
    NextWindow();
  }

  PromptWindows Finish() && {
    if (!tokens_.empty() || result_.windows.empty()) Break();
    result_.cut_text = tokenizer_.Decode(cut_, own_);
    return std::move(result_);
  }

 private:
  // Closes the window; what stands after a comma near its end begins the next.
  void NextWindow() {
    const bool moves = after_comma_ && tokens_.size() - *after_comma_ < kCommaReach;
    const auto kept = static_cast<ptrdiff_t>(moves ? *after_comma_ : tokens_.size());
    std::vector<int64_t> tokens(tokens_.begin() + kept, tokens_.end());
    std::vector<float> weights(weights_.begin() + kept, weights_.end());
    tokens_.resize(kept);
    weights_.resize(kept);
    if (result_.windows.size() == kMaxPromptWindows) {
      cut_.insert(cut_.end(), tokens_.begin(), tokens_.end());
    } else {
      result_.windows.push_back(Marked());
    }
    tokens_ = std::move(tokens);
    weights_ = std::move(weights);
    after_comma_.reset();
  }

  PromptWindow Marked() const {
    PromptWindow window{.ids = {tokenizer_.bos()}, .weights = {1}};
    window.ids.insert(window.ids.end(), tokens_.begin(), tokens_.end());
    window.weights.insert(window.weights.end(), weights_.begin(), weights_.end());
    window.ids.push_back(tokenizer_.eos());
    window.ids.resize(room_ + 2, tokenizer_.pad());
    window.weights.resize(room_ + 2, 1);
    return window;
  }

  const ClipTokenizer& tokenizer_;
  const OwnTokens& own_;
  const size_t room_;             // tokens of a window, without beginning and end
  std::optional<int64_t> comma_;  // empty for vocabularies without one
  std::vector<int64_t> tokens_;   // of the window that is being filled
  std::vector<float> weights_;
  std::optional<size_t> after_comma_;  // the place after its last comma
  std::vector<int64_t> cut_;
  PromptWindows result_;
};

}  // namespace

bool PromptWindow::weighted() const {
  return std::any_of(weights.begin(), weights.end(), [](float weight) { return weight != 1; });
}

PromptWindows SplitIntoWindows(const ClipTokenizer& tokenizer, std::span<const PromptPiece> pieces,
                               const OwnTokens& own) {
  Splitter splitter(tokenizer, own);
  for (const PromptPiece& piece : pieces) {
    if (piece.is_break) splitter.Break();
    for (const int64_t token : tokenizer.EncodeTokens(piece.text, own))
      splitter.Add(token, static_cast<float>(piece.weight));
  }
  return std::move(splitter).Finish();
}

PromptWindows LiteralWindow(const ClipTokenizer& tokenizer, std::string_view text, const OwnTokens& own) {
  Tokenized tokens = tokenizer.Encode(text, own);
  const size_t length = tokens.ids.size();
  return {.windows = {{.ids = std::move(tokens.ids), .weights = std::vector<float>(length, 1)}},
          .cut_text = std::move(tokens.truncated)};
}

PromptWindows WindowsOf(const ClipTokenizer& tokenizer, const std::string& text, bool literal, const OwnTokens& own) {
  if (literal) return LiteralWindow(tokenizer, text, own);
  const WeightedPrompt prompt = ParseWeightedPrompt(text);
  if (!prompt.fault.empty()) throw std::invalid_argument(prompt.fault);
  return SplitIntoWindows(tokenizer, prompt.pieces, own);
}

}  // namespace latentd::model
