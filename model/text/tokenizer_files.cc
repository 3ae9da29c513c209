#include "model/text/tokenizer_files.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "model/errors.h"
#include "model/text/json_file.h"
#include "model/text/special_tokens.h"

namespace latentd::model {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kMaxMergeProblems = 10;

void ReadVocab(const std::string& file, const json& object, TokenizerFiles& files, std::vector<std::string>& problems) {
  if (!object.is_object() || object.empty()) {
    problems.push_back(file + ": holds no vocabulary");
    return;
  }
  files.vocab.reserve(object.size());
  for (const auto& [token, id] : object.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX) {
      problems.push_back(file + ": the id of '" + token + "' is not a number of 32 bits");
    } else {
      files.vocab.emplace(token, id.get<int32_t>());
    }
  }
}

// "left right"
bool AddMerge(const std::string& line, TokenizerFiles& files) {
  const size_t space = line.find(' ');
  if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) return false;
  files.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  return true;
}

void ReadMergesText(const fs::path& path, TokenizerFiles& files, std::vector<std::string>& problems) {
  std::ifstream stream(path);
  if (!stream) {
    problems.push_back("merges.txt: cannot be read");
    return;
  }
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with("#version")) continue;
    if (!AddMerge(line, files)) {
      problems.push_back("merges.txt: line " + std::to_string(number) + " is not two tokens");
      return;
    }
  }
}

void ReadMergesJson(const json& list, TokenizerFiles& files, std::vector<std::string>& problems) {
  for (const json& merge : list) {
    const bool is_pair = merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    if (is_pair) {
      files.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
    } else if (!merge.is_string() || !AddMerge(merge.get<std::string>(), files)) {
      problems.push_back("tokenizer.json: a merge is not two tokens");
      return;
    }
  }
}

// transformers rebuilds CLIP's tokenizer around the file's vocabulary and merges, whatever else the file says of how to
// split; so a file that is plainly of another kind must not pass.
void ReadModel(const json& document, TokenizerFiles& files, std::vector<std::string>& problems) {
  const json model = document.value("model", json::object());
  if (!model.is_object()) {
    problems.push_back("tokenizer.json: model is not an object");
    return;
  }
  if (model.value("type", json("BPE")) != "BPE") problems.push_back("tokenizer.json: model.type is not BPE");
  if (model.value("end_of_word_suffix", json()) != "</w>") {
    problems.push_back("tokenizer.json: model.end_of_word_suffix is not '</w>': this is not a tokenizer of CLIP");
  }
  ReadVocab("tokenizer.json", model.value("vocab", json()), files, problems);
  ReadMergesJson(model.value("merges", json::array()), files, problems);
}

void CheckMerges(const TokenizerFiles& files, std::vector<std::string>& problems) {
  size_t count = 0;
  for (const auto& [left, right] : files.merges) {
    for (const std::string& token : {left, right, left + right}) {
      if (files.vocab.contains(token)) continue;
      if (count++ < kMaxMergeProblems) problems.push_back("merges: '" + token + "' is not in the vocabulary");
    }
  }
  if (count > kMaxMergeProblems) {
    problems.push_back("merges: and " + std::to_string(count - kMaxMergeProblems) + " more tokens");
  }
}

// New tokens get the ids behind the vocabulary, in order.
void AddTokens(const SpecialTokens& special, TokenizerFiles& files, std::vector<std::string>& problems) {
  auto next_id = static_cast<int32_t>(files.vocab.size());
  for (const DeclaredToken& token : special.added) {
    const auto known = files.vocab.find(token.content);
    const int32_t id = known != files.vocab.end() ? known->second : next_id++;
    if (token.id && *token.id != id) {
      problems.push_back("added token '" + token.content + "' is declared as " + std::to_string(*token.id) +
                         " but has the id " + std::to_string(id));
    }
    files.added.push_back({.content = token.content, .id = id, .normalized = token.normalized});
  }
  const auto find = [&](const std::string& content) {
    for (const AddedToken& token : files.added) {
      if (token.content == content) return token.id;
    }
    problems.push_back("a special token is empty");
    return 0;
  };
  files.bos = find(special.bos);
  files.eos = find(special.eos);
  files.pad = find(special.pad);
  files.unknown = find(special.unknown);
}

}  // namespace

TokenizerFiles ReadTokenizerFiles(const fs::path& folder) {
  TokenizerFiles files{};
  std::vector<std::string> problems;
  json document;
  std::error_code error;
  try {
    if (fs::exists(folder / "tokenizer.json", error)) {
      document = ReadJsonObject(folder / "tokenizer.json");
      ReadModel(document, files, problems);
    } else if (fs::exists(folder / "vocab.json", error)) {
      ReadVocab("vocab.json", ReadJsonObject(folder / "vocab.json"), files, problems);
      ReadMergesText(folder / "merges.txt", files, problems);
    } else {
      problems.push_back("holds neither tokenizer.json nor vocab.json");
    }
  } catch (const ModelError& broken) {
    for (const std::string& problem : broken.problems()) {
      problems.push_back(fs::path(broken.where()).filename().string() + ": " + problem);
    }
  }
  if (problems.empty()) CheckMerges(files, problems);
  const SpecialTokens special = ReadSpecialTokens(folder, document, problems);
  files.window = special.window;
  if (problems.empty()) AddTokens(special, files, problems);
  if (!problems.empty()) throw ModelError(folder.string(), std::move(problems));
  return files;
}

}  // namespace latentd::model
