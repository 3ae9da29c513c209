#include "model/weights/key_maps/key_path.h"

#include <charconv>

namespace latentd::model {

std::vector<std::string> SplitKey(const std::string& name) {
  std::vector<std::string> path;
  size_t begin = 0;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', begin)) {
    path.push_back(name.substr(begin, dot - begin));
    begin = dot + 1;
  }
  path.push_back(name.substr(begin));
  return path;
}

std::string JoinKey(const std::vector<std::string>& path, size_t from, size_t to) {
  std::string text;
  for (size_t i = from; i < to; ++i) text.append(i == from ? "" : ".").append(path[i]);
  return text;
}

std::optional<size_t> KeyNumber(std::string_view part) {
  constexpr size_t kMost = 1000;
  size_t number = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
  if (error != std::errc() || end != part.data() + part.size() || number >= kMost) return std::nullopt;
  return number;
}

}  // namespace latentd::model
