#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

namespace latentd::model {

// What the files of a BERT tokenizer say. The special tokens have BERT's names: [PAD] [UNK] [CLS] [SEP] [MASK].
struct BertTokenizerFiles {
  std::unordered_map<std::string, int32_t> vocab;  // holds the special tokens
  bool lower_case = true;                          // do_lower_case
  bool strip_accents = true;                       // as lower_case when the files leave it open
  bool split_chinese = true;                       // tokenize_chinese_chars
};

// Reads a tokenizer's folder: `tokenizer.json`, or else `vocab.txt`, and `tokenizer_config.json` where it exists, as
// BertTokenizer.from_pretrained of transformers 5.23 does. Throws ModelError listing everything that is wrong, fields
// that are not known among it.
BertTokenizerFiles ReadBertTokenizerFiles(const std::filesystem::path& folder);

}  // namespace latentd::model
