#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace latentd::model {

// The parts of a tensor's name between its dots.
std::vector<std::string> SplitKey(const std::string& name);

// The parts from `from` up to before `to`, with their dots.
std::string JoinKey(const std::vector<std::string>& path, size_t from, size_t to);
inline std::string JoinKey(const std::vector<std::string>& path, size_t from) {
  return JoinKey(path, from, path.size());
}

// The number of a block or layer. Empty for what is none, or is beyond any network: names come from files.
std::optional<size_t> KeyNumber(std::string_view part);

}  // namespace latentd::model
