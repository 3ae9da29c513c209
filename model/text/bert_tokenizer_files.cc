#include "model/text/bert_tokenizer_files.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "model/config/config_reader.h"
#include "model/errors.h"
#include "model/text/json_file.h"

namespace latentd::model {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::pair<const char*, const char*> kSpecialTokens[] = {{"pad_token", "[PAD]"},
                                                                  {"unk_token", "[UNK]"},
                                                                  {"cls_token", "[CLS]"},
                                                                  {"sep_token", "[SEP]"},
                                                                  {"mask_token", "[MASK]"}};
constexpr size_t kMaxVocab = 10'000'000;

class Reader {
 public:
  explicit Reader(fs::path folder) : folder_(std::move(folder)) {}

  BertTokenizerFiles Read() {
    if (Exists("tokenizer.json")) {
      Part("tokenizer.json", [&] { ReadJsonVocab(ReadJsonObject(folder_ / "tokenizer.json")); });
    } else if (Exists("vocab.txt")) {
      ReadVocabText();
    } else {
      problems_.emplace_back("holds neither tokenizer.json nor vocab.txt");
    }
    if (Exists("tokenizer_config.json")) Part("tokenizer_config.json", [&] { ReadConfig(); });
    if (Exists("special_tokens_map.json")) Part("special_tokens_map.json", [&] { ReadMap(); });
    for (const auto& [name, token] : kSpecialTokens) {
      if (problems_.empty() && !files_.vocab.contains(token)) {
        problems_.push_back(std::string("the vocabulary lacks ") + token);
      }
    }
    if (!problems_.empty()) throw ModelError(folder_.string(), std::move(problems_));
    return std::move(files_);
  }

 private:
  bool Exists(const char* name) const {
    std::error_code error;
    return fs::exists(folder_ / name, error);
  }

  template <typename Function>
  void Part(const std::string& name, const Function& read) {
    try {
      read();
    } catch (const ModelError& error) {
      for (const std::string& problem : error.problems()) problems_.push_back(name + ": " + problem);
    }
  }

  void ReadJsonVocab(const json& document) {
    const json model = document.value("model", json::object());
    if (!model.is_object() || model.value("type", json("WordPiece")) != "WordPiece" ||
        model.value("continuing_subword_prefix", json("##")) != "##") {
      problems_.emplace_back("tokenizer.json: model is not BERT's WordPiece");
      return;
    }
    const json vocab = model.value("vocab", json());
    if (!vocab.is_object() || vocab.empty()) {
      problems_.emplace_back("tokenizer.json: holds no vocabulary");
      return;
    }
    for (const auto& [token, id] : vocab.items()) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxVocab) {
        problems_.push_back("tokenizer.json: the id of '" + token + "' is not a number below 10000000");
      } else {
        files_.vocab.emplace(token, id.get<int32_t>());
      }
    }
  }

  // One token a line; the line's number is the id, that of the last one when a token stands there twice.
  void ReadVocabText() {
    std::ifstream stream(folder_ / "vocab.txt");
    std::string line;
    for (int32_t id = 0; std::getline(stream, line) && static_cast<size_t>(id) < kMaxVocab; ++id) {
      if (line.ends_with('\r')) line.pop_back();
      files_.vocab[line] = id;
    }
    if (files_.vocab.empty()) problems_.emplace_back("vocab.txt: holds no vocabulary");
  }

  void ReadConfig() {
    ConfigReader reader("tokenizer_config.json", ReadJsonObject(folder_ / "tokenizer_config.json"));
    files_.lower_case = reader.Get("do_lower_case", true);
    files_.strip_accents = reader.Get("strip_accents", files_.lower_case);
    files_.split_chinese = reader.Get("tokenize_chinese_chars", true);
    reader.GetChoice("tokenizer_class", "BertTokenizer", {"BertTokenizer", "BertTokenizerFast"});
    for (const auto& [name, token] : kSpecialTokens) CheckSpecial(reader, name, token);
    reader.Only("padding_side", "right");
    reader.Only("truncation_side", "right");
    reader.Only("split_special_tokens", false);
    reader.Only("never_split", nullptr);
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
      const json& tokens = reader.Raw(key);
      if (!tokens.is_null() && !tokens.empty()) reader.AddProblem(key, "is supported only when it is empty");
    }
    const json& added = reader.Raw("added_tokens_decoder");
    for (const auto& [id, token] : added.items()) CheckAdded(reader, token);
    // Files' places and histories; the window is the text encoder's, and basic tokenization is always done.
    reader.Ignore({"do_basic_tokenize",
                   "model_max_length",
                   "name_or_path",
                   "special_tokens_map_file",
                   "clean_up_tokenization_spaces",
                   "tokenizer_file",
                   "processor_class",
                   "use_fast",
                   "backend",
                   "is_local",
                   "local_files_only",
                   "model_input_names",
                   "trust_remote_code",
                   "from_slow",
                   "legacy",
                   "max_length",
                   "stride",
                   "truncation_strategy",
                   "pad_to_multiple_of",
                   "pad_token_type_id"});
    reader.Finish();
  }

  void ReadMap() {
    ConfigReader reader("special_tokens_map.json", ReadJsonObject(folder_ / "special_tokens_map.json"));
    for (const auto& [name, token] : kSpecialTokens) CheckSpecial(reader, name, token);
    reader.Finish();
  }

  static const json& ContentOf(const json& value) {
    return value.is_object() && value.contains("content") ? value["content"] : value;
  }

  static void CheckSpecial(ConfigReader& reader, const char* name, const char* token) {
    const json& value = ContentOf(reader.Raw(name));
    if (!value.is_null() && value != token) reader.AddProblem(name, value.dump() + " is not " + token);
  }

  static void CheckAdded(ConfigReader& reader, const json& token) {
    const json& content = ContentOf(token);
    for (const auto& [name, special] : kSpecialTokens) {
      if (content == special) return;
    }
    reader.AddProblem("added_tokens_decoder", content.dump() + " is no token of BERT");
  }

  const fs::path folder_;
  BertTokenizerFiles files_;
  std::vector<std::string> problems_;
};

}  // namespace

BertTokenizerFiles ReadBertTokenizerFiles(const fs::path& folder) { return Reader(folder).Read(); }

}  // namespace latentd::model
