#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace latentd::model {

// An added token as the files declare it.
struct DeclaredToken {
  std::string content;
  bool normalized = false;
  std::optional<int64_t> id = std::nullopt;  // where the file gives one
};

// What the small files beside a vocabulary say.
struct SpecialTokens {
  std::vector<DeclaredToken> added;  // in the order in which ids are given out; each content once
  std::string bos;
  std::string eos;
  std::string unknown;
  std::string pad;
  int32_t window;
};

// Reads `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, all optional, and the
// `added_tokens` of `tokenizer_json` (null: there is no such file), as PreTrainedTokenizerBase._from_pretrained and
// TokenizersBackend.__init__ of transformers 5.23 do: `added_tokens_decoder` of the configuration replaces the other
// lists; the map's entries replace the configuration's; a name that is only a string is looked for in the text as it is
// given, and the last of several declarations of one content holds.
//
// Appends what is wrong to `problems`.
SpecialTokens ReadSpecialTokens(const std::filesystem::path& folder, const nlohmann::json& tokenizer_json,
                                std::vector<std::string>& problems);

}  // namespace latentd::model
