#include "model/weights/sharded_source.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/weights/safetensors_file.h"

namespace latentd::model {
namespace {

constexpr uintmax_t kMaxIndexBytes = 64 << 20;

// file name -> names of the tensors in it
using WeightMap = std::map<std::string, std::vector<std::string>>;

WeightMap ReadIndex(const std::filesystem::path& index) {
  const std::string where = index.string();
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(index, error);
  if (error) throw ModelError(where, {"cannot be read: " + error.message()});
  if (size > kMaxIndexBytes) throw ModelError(where, {"is larger than 64 MiB"});
  std::ifstream stream(index);
  const nlohmann::json document = nlohmann::json::parse(stream, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw ModelError(where, {"is not valid JSON"});
  const auto map = document.is_object() ? document.find("weight_map") : document.end();
  if (map == document.end() || !map->is_object()) throw ModelError(where, {"has no object 'weight_map'"});
  WeightMap files;
  std::vector<std::string> problems;
  for (const auto& [tensor, file] : map->items()) {
    if (file.is_string()) {
      files[file.get<std::string>()].push_back(tensor);
    } else {
      problems.push_back(tensor + ": its file is not a string");
    }
  }
  if (!problems.empty()) throw ModelError(where, std::move(problems));
  return files;
}

// Neither a path that leaves the folder nor one inside it: writers put the shards beside the index.
bool IsPlainFileName(const std::string& name) {
  return name.ends_with(".safetensors") && name.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
}

}  // namespace

std::shared_ptr<const ShardedSource> ShardedSource::Open(const std::filesystem::path& index) {
  return std::shared_ptr<const ShardedSource>(new ShardedSource(index));
}

ShardedSource::ShardedSource(const std::filesystem::path& index) : where_(index.string()) {
  std::vector<std::string> problems;
  for (const auto& [file, names] : ReadIndex(index)) {
    if (!IsPlainFileName(file)) {
      problems.push_back("weight_map names '" + file + "', which is not the plain name of a .safetensors file");
      continue;
    }
    std::shared_ptr<const TensorSource> shard;
    try {
      shard = SafetensorsFile::Open(index.parent_path() / file);
    } catch (const ModelError& error) {
      for (const std::string& problem : error.problems()) problems.push_back(file + ": " + problem);
      continue;
    }
    for (const std::string& name : names) {
      const auto found = shard->tensors().find(name);
      if (found == shard->tensors().end()) {
        problems.push_back(file + ": does not hold '" + name + "', which the index puts there");
      } else {
        tensors_.insert(*found);
        homes_.emplace(name, shard);
      }
    }
    for (const auto& [name, info] : shard->tensors()) {
      const auto home = homes_.find(name);
      if (home == homes_.end() || home->second != shard) {
        problems.push_back(file + ": holds '" + name + "', which the index does not put there");
      }
    }
  }
  if (!problems.empty()) throw ModelError(where_, std::move(problems));
}

}  // namespace latentd::model
