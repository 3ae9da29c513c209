#include <algorithm>
#include <filesystem>
#include <string>

#include "model/text/bert_tokenizer.h"
#include "model/text/clip_tokenizer.h"
#include "model/text/utf8.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/require.h"

namespace latentd::model {
namespace {

// `first` and `last`: what begins and ends a window.
template <typename Tokenizer>
void Check(const Tokenizer& tokenizer, int64_t first, int64_t last, std::string_view text) {
  const Tokenized result = tokenizer.Encode(text);
  const auto window = static_cast<size_t>(tokenizer.window());
  Require(result.ids.size() == window, "a window is full");
  Require(result.ids.front() == first, "it begins with the beginning");
  for (const int64_t id : result.ids) Require(id >= 0 && id < tokenizer.vocab_size(), "ids are in the vocabulary");
  const std::vector<int64_t> tokens = tokenizer.EncodeTokens(text);
  Require(static_cast<int64_t>(tokens.size()) == result.token_count, "tokens are counted");
  const size_t kept = std::min(tokens.size(), window - 2);
  Require(std::equal(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(kept), result.ids.begin() + 1),
          "the window holds the first tokens");
  Require(result.ids[kept + 1] == last, "then the end");
  Require(kept < tokens.size() || result.truncated.empty(), "only what was cut is reported");
  std::string valid;
  for (const char32_t c : DecodeUtf8(text)) AppendUtf8(c, valid);
  Require(tokenizer.EncodeTokens(valid) == tokens, "replacing invalid bytes beforehand changes nothing");
}

}  // namespace

void FuzzTokenizer(std::string_view bytes) {
  static const std::filesystem::path kFolder = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/text";
  static const ClipTokenizer kFirst = ClipTokenizer::FromFolder(kFolder / "sd1");
  static const ClipTokenizer kSecond = ClipTokenizer::FromFolder(kFolder / "saved_sd2");
  static const BertTokenizer kThird = BertTokenizer::FromFolder(kFolder / "bert", kFirst.window());
  Check(kFirst, kFirst.bos(), kFirst.eos(), bytes);
  Check(kSecond, kSecond.bos(), kSecond.eos(), bytes);
  Check(kThird, kThird.cls(), kThird.sep(), bytes);
}

}  // namespace latentd::model
