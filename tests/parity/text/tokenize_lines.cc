// Tokenizes lines from the standard input, for compare_tokenizer.py.
//
//   tokenize_lines FOLDER < lines
//   tokenize_lines --shipped end|exclamation < lines        the vocabulary in the program, and its padding
//
// Each line is a text in hexadecimal, since texts may hold anything. For each, one line of JSON comes out:
// {"ids": [the window], "tokens": [all tokens], "truncated": "text"}.

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/text/clip_tokenizer.h"
#include "model/text/clip_vocabulary.h"

namespace {

using latentd::model::ClipPadding;
using latentd::model::ClipTokenizer;

ClipTokenizer Open(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1) return ClipTokenizer::FromFolder(arguments[0]);
  const bool ends = arguments[1] == "end";
  return ClipTokenizer(ClipVocabulary(ends ? ClipPadding::kEndMark : ClipPadding::kExclamationMark));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 1 && !(arguments.size() == 2 && arguments[0] == "--shipped")) {
    std::cerr << "usage: tokenize_lines FOLDER, or tokenize_lines --shipped end|exclamation\n";
    return 2;
  }
  const ClipTokenizer tokenizer = Open(arguments);
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
