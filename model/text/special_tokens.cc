#include "model/text/special_tokens.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

#include "model/config/config_reader.h"
#include "model/errors.h"
#include "model/text/json_file.h"

namespace latentd::model {
namespace {

using nlohmann::json;

constexpr int32_t kDefaultWindow = 77;
constexpr int64_t kMaxWindow = 100'000;  // transformers writes 10^30 for "not known"

// The four names, in the reference's order.
constexpr std::array<const char*, 4> kNames = {"bos_token", "eos_token", "unk_token", "pad_token"};

class SpecialTokenReader {
 public:
  SpecialTokenReader(const std::filesystem::path& folder, std::vector<std::string>& problems)
      : folder_(folder), problems_(problems) {
    named_["bos_token"].content = "<|startoftext|>";
    for (const char* name : {"eos_token", "unk_token", "pad_token"}) named_[name].content = "<|endoftext|>";
  }

  SpecialTokens Read(const json& tokenizer_json) {
    const bool lists_all = ReadConfig();
    if (!lists_all) {
      ReadMap();
      ReadAddedTokens();
      if (tokenizer_json.is_object()) ReadTokenizerJson(tokenizer_json);
    }
    return {.added = Added(),
            .bos = named_["bos_token"].content,
            .eos = named_["eos_token"].content,
            .unknown = named_["unk_token"].content,
            .pad = named_["pad_token"].content,
            .window = window_};
  }

 private:
  // Returns whether the configuration lists every added token itself.
  bool ReadConfig() {
    const json config = ReadOptional("tokenizer_config.json");
    ConfigReader reader("tokenizer_config.json", config);
    for (const char* name : kNames) ReadNamed("tokenizer_config.json", name, reader.Raw(name), /*special=*/false);
    const json& decoder = reader.Raw("added_tokens_decoder");
    for (const auto& [key, value] : decoder.items()) {
      int64_t id = -1;
      const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
      if (parsed.ec != std::errc() || parsed.ptr != key.data() + key.size()) {
        problems_.push_back("tokenizer_config.json: added_tokens_decoder: '" + key + "' is not a number");
      } else if (value.is_object()) {
        Declare("tokenizer_config.json", id, value);
      } else {
        problems_.push_back("tokenizer_config.json: added_tokens_decoder: '" + key + "' is not an object");
      }
    }
    ReadWindow(reader);
    reader.GetChoice("tokenizer_class", "CLIPTokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"});
    reader.Only("padding_side", "right");
    reader.Only("truncation_side", "right");
    reader.Only("split_special_tokens", false);
    for (const char* key : {"sep_token", "cls_token", "mask_token"}) reader.Only(key, nullptr);
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
      const json& tokens = reader.Raw(key);
      if (!tokens.is_null() && !tokens.empty()) reader.AddProblem(key, "is supported only when it is empty");
    }
    // The first two are settings that the reference, too, no longer looks at: CLIP always lower-cases.
    reader.Ignore({"do_lower_case", "add_prefix_space", "errors", "name_or_path", "special_tokens_map_file",
                   "clean_up_tokenization_spaces", "tokenizer_file", "processor_class", "use_fast", "backend",
                   "is_local", "local_files_only", "chat_template", "model_input_names", "trust_remote_code",
                   "from_slow", "legacy",
                   // How the last caller padded and cut, which fast tokenizers save; CLIP's window says it all.
                   "max_length", "stride", "truncation_strategy", "pad_to_multiple_of", "pad_token_type_id"});
    try {
      reader.Finish();
    } catch (const ModelError& error) {
      for (const std::string& problem : error.problems()) problems_.push_back("tokenizer_config.json: " + problem);
    }
    return !decoder.is_null();
  }

  void ReadWindow(ConfigReader& reader) {
    const json& value = reader.Raw("model_max_length");
    if (value.is_null() || (value.is_number() && value.get<double>() > kMaxWindow)) return;
    if (!value.is_number_integer() || value.get<int64_t>() < 3) {
      reader.AddProblem("model_max_length", value.dump() + " is not a number of at least 3");
    } else {
      window_ = static_cast<int32_t>(value.get<int64_t>());
    }
  }

  void ReadMap() {
    const json map = ReadOptional("special_tokens_map.json");
    for (const auto& [name, value] : map.items()) {
      if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) {
        ReadNamed("special_tokens_map.json", name, value, /*special=*/true);
      } else if (!value.empty()) {
        problems_.push_back("special_tokens_map.json: " + name + ": is not supported");
      }
    }
  }

  void ReadAddedTokens() {
    const json tokens = ReadOptional("added_tokens.json");
    for (const auto& [content, id] : tokens.items()) {
      if (!id.is_number_integer()) {
        problems_.push_back("added_tokens.json: '" + content + "' has no number");
        continue;
      }
      const bool is_named = std::any_of(named_.begin(), named_.end(), [&content = content](const auto& item) {
        return item.second.content == content;
      });
      declared_[id.get<int64_t>()] = {.content = content, .normalized = !is_named, .id = id.get<int64_t>()};
    }
  }

  void ReadTokenizerJson(const json& document) {
    const auto list = document.find("added_tokens");
    if (list == document.end()) return;
    for (const json& token : *list) {
      if (!token.is_object() || !token.contains("id") || !token["id"].is_number_integer()) {
        problems_.push_back("tokenizer.json: added_tokens: one has no id");
      } else {
        Declare("tokenizer.json", token["id"].get<int64_t>(), token);
      }
    }
  }

  void Declare(const std::string& file, int64_t id, const json& value) {
    DeclaredToken token = ParseToken(file, value, /*special=*/false);
    token.id = id;
    declared_[id] = std::move(token);
  }

  void ReadNamed(const std::string& file, const std::string& name, const json& value, bool special) {
    if (value.is_null()) return;
    if (value.is_string()) {
      named_[name] = {.content = value.get<std::string>()};
    } else if (value.is_object()) {
      named_[name] = ParseToken(file + ": " + name, value, special);
    } else {
      problems_.push_back(file + ": " + name + ": is neither a string nor an object");
    }
  }

  // `special` is what the reference assumes where the file does not say: it decides the default of `normalized`.
  DeclaredToken ParseToken(const std::string& where, const json& value, bool special) {
    const auto flag = [&](const char* key, bool fallback) {
      const auto found = value.find(key);
      return found != value.end() && found->is_boolean() ? found->get<bool>() : fallback;
    };
    const auto content = value.find("content");
    if (content == value.end() || !content->is_string()) {
      problems_.push_back(where + ": an added token has no content");
      return {};
    }
    DeclaredToken token{.content = content->get<std::string>(),
                        .normalized = flag("normalized", !flag("special", special))};
    for (const char* key : {"lstrip", "rstrip", "single_word"}) {
      if (flag(key, false)) problems_.push_back(where + ": '" + token.content + "': " + key + " is not supported");
    }
    return token;
  }

  // Declared tokens in the order of their ids, then the named ones that are not among them.
  std::vector<DeclaredToken> Added() {
    std::vector<DeclaredToken> added;
    for (auto& [id, token] : declared_) added.push_back(token);
    const size_t declared_count = added.size();
    for (const char* name : kNames) {
      const DeclaredToken& token = named_[name];
      const auto same = std::find_if(added.begin(), added.end(),
                                     [&](const DeclaredToken& other) { return other.content == token.content; });
      if (same == added.end()) {
        added.push_back(token);
      } else if (static_cast<size_t>(same - added.begin()) >= declared_count) {
        *same = token;
      }
    }
    std::erase_if(added, [](const DeclaredToken& token) { return token.content.empty(); });
    return added;
  }

  json ReadOptional(const char* name) {
    const std::filesystem::path file = folder_ / name;
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return json::object();
    try {
      return ReadJsonObject(file);
    } catch (const ModelError& error_in_file) {
      for (const std::string& problem : error_in_file.problems())
        problems_.push_back(std::string(name) + ": " + problem);
      return json::object();
    }
  }

  const std::filesystem::path folder_;
  std::vector<std::string>& problems_;
  std::map<std::string, DeclaredToken> named_;
  std::map<int64_t, DeclaredToken> declared_;
  int32_t window_ = kDefaultWindow;
};

}  // namespace

SpecialTokens ReadSpecialTokens(const std::filesystem::path& folder, const json& tokenizer_json,
                                std::vector<std::string>& problems) {
  return SpecialTokenReader(folder, problems).Read(tokenizer_json);
}

}  // namespace latentd::model
