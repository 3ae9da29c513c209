#include "model/text/clip_vocabulary.h"

#include <string>
#include <string_view>

#include "model/text/byte_pairs.h"
#include "model/text/utf8.h"

namespace latentd::model {

// The content of clip_vocabulary/merges.txt (clip_merges.cc.in).
extern const std::string_view kClipMerges;

namespace {

constexpr const char* kEndOfWord = "</w>";
constexpr int32_t kWindow = 77;

// The bytes in the order of their tokens: those that stand for themselves first.
std::vector<std::string> ByteTokens() {
  std::vector<std::string> tokens;
  for (const bool plain : {true, false}) {
    for (size_t byte = 0; byte < ByteCharacters().size(); ++byte) {
      if ((ByteCharacters()[byte] == byte) != plain) continue;
      AppendUtf8(ByteCharacters()[byte], tokens.emplace_back());
    }
  }
  return tokens;
}

// One merge a line, behind a first line that gives the version.
BytePairs::Merges ReadMerges(std::string_view text) {
  BytePairs::Merges merges;
  text.remove_prefix(text.find('\n') + 1);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const size_t space = line.find(' ');
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
    text.remove_prefix(line.size() + 1);
  }
  return merges;
}

}  // namespace

TokenizerFiles ClipVocabulary(ClipPadding padding) {
  TokenizerFiles files{};
  files.merges = ReadMerges(kClipMerges);
  const auto add = [&files](const std::string& token) {
    const auto id = static_cast<int32_t>(files.vocab.size());
    files.vocab.emplace(token, id);
    return id;
  };
  const std::vector<std::string> bytes = ByteTokens();
  for (const std::string& byte : bytes) add(byte);
  for (const std::string& byte : bytes) add(byte + kEndOfWord);
  for (const auto& [left, right] : files.merges) add(left + right);
  const bool ends = padding == ClipPadding::kEndMark;
  files.bos = add("<|startoftext|>");
  files.eos = add("<|endoftext|>");
  files.unknown = files.eos;
  files.pad = ends ? files.eos : files.vocab.at("!");
  files.added = {{.content = "<|startoftext|>", .id = files.bos, .normalized = true},
                 {.content = "<|endoftext|>", .id = files.eos, .normalized = !ends}};
  if (!ends) files.added.push_back({.content = "!", .id = files.pad, .normalized = false});
  files.window = kWindow;
  return files;
}

}  // namespace latentd::model
