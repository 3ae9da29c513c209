#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace latentd::model {

// A text that is one token wherever it stands, before any splitting.
struct AddedToken {
  std::string content;
  int32_t id;
  // Looked for in the normalised text (lower case, NFC) and by its normalised content; otherwise in the text as given.
  bool normalized;
};

// What the files of a CLIP tokenizer say.
struct TokenizerFiles {
  std::unordered_map<std::string, int32_t> vocab;           // byte-level token -> id
  std::vector<std::pair<std::string, std::string>> merges;  // the most frequent first
  std::vector<AddedToken> added;                            // each content once
  int32_t bos;
  int32_t eos;
  int32_t pad;
  int32_t unknown;  // stands for bytes that the vocabulary lacks
  int32_t window;   // ids in one window, with bos and eos
};

// Reads a tokenizer's folder: `tokenizer.json`, or else `vocab.json` with `merges.txt`; then, where they exist,
// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, with the precedence and the defaults that
// CLIPTokenizer.from_pretrained of transformers 5.23 gives them. It is that precedence which decides whether "!" (the
// padding of Stable Diffusion 2) or "<|ENDOFTEXT|>" inside a prompt is an added token.
//
// A window that the files leave open is 77. Throws ModelError listing everything that is wrong, fields of
// tokenizer_config.json that are not known among it.
TokenizerFiles ReadTokenizerFiles(const std::filesystem::path& folder);

}  // namespace latentd::model
