// Tokenizes lines from the standard input, for compare_tokenizer.py and compare_bert_tokenizer.py.
//
//   tokenize_lines FOLDER < lines
//   tokenize_lines --shipped end|exclamation < lines        the vocabulary in the program, and its padding
//
// The folder's tokenizer is BERT's when it has a vocab.txt, else CLIP's.
//
// Each line is a text in hexadecimal, since texts may hold anything. For each, one line of JSON comes out:
// {"ids": [the window], "tokens": [all tokens], "truncated": "text"}.

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/text/bert_tokenizer.h"
#include "model/text/clip_tokenizer.h"
#include "model/text/clip_vocabulary.h"

namespace {

using latentd::model::BertTokenizer;
using latentd::model::ClipPadding;
using latentd::model::ClipTokenizer;

template <typename Tokenizer>
void TokenizeAll(const Tokenizer& tokenizer) {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::string text;
    for (size_t i = 0; i + 1 < line.size(); i += 2) {
      text.push_back(static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16)));
    }
    const latentd::model::Tokenized result = tokenizer.Encode(text);
    std::cout << nlohmann::json{{"ids", result.ids},
                                {"tokens", tokenizer.EncodeTokens(text)},
                                {"truncated", result.truncated}}
                     .dump()
              << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "--shipped") {
    const bool ends = arguments[1] == "end";
    TokenizeAll(ClipTokenizer(ClipVocabulary(ends ? ClipPadding::kEndMark : ClipPadding::kExclamationMark)));
    return 0;
  }
  if (arguments.size() != 1) {
    std::cerr << "usage: tokenize_lines FOLDER, or tokenize_lines --shipped end|exclamation\n";
    return 2;
  }
  const std::filesystem::path folder = arguments[0];
  if (std::filesystem::exists(folder / "vocab.txt")) {
    TokenizeAll(BertTokenizer::FromFolder(folder, 77));
  } else {
    TokenizeAll(ClipTokenizer::FromFolder(folder));
  }
}
