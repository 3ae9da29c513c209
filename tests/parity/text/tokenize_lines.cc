// Tokenizes lines from the standard input, for compare_tokenizer.py and compare_bert_tokenizer.py.
//
//   tokenize_lines FOLDER < lines
//
// The folder's tokenizer is BERT's when it has a vocab.txt, else CLIP's.
//
// Each line is a text in hexadecimal, since texts may hold anything. For each, one line of JSON comes out:
// {"ids": [the window], "tokens": [all tokens], "truncated": "text"}.

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "model/text/bert_tokenizer.h"
#include "model/text/clip_tokenizer.h"

namespace {

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
  if (argc != 2) {
    std::cerr << "usage: tokenize_lines FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  if (std::filesystem::exists(folder / "vocab.txt")) {
    TokenizeAll(latentd::model::BertTokenizer::FromFolder(folder, 77));
  } else {
    TokenizeAll(latentd::model::ClipTokenizer::FromFolder(folder));
  }
}
