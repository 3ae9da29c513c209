#pragma once

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/imaging/picture.h"

namespace latentd::imaging {

// The files that tests/parity/imaging/make_goldens.py made.

inline std::string ReadGolden(const std::string& name) {
  std::ifstream file(LATENTD_SOURCE_DIR "/tests/golden/imaging/" + name, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline const nlohmann::json& GoldenCases(const std::string& kind) {
  static const nlohmann::json cases = nlohmann::json::parse(ReadGolden("cases.json"));
  return cases.at(kind);
}

// Empty when size and bytes are the golden ones, else where they differ first, as far as the golden bytes were kept.
std::string Difference(const nlohmann::json& golden, int width, int height, const std::vector<uint8_t>& bytes);

inline std::string Difference(const nlohmann::json& golden, const Picture& picture) {
  return Difference(golden, picture.width, picture.height, picture.rgb);
}
inline std::string Difference(const nlohmann::json& golden, const Plane& plane) {
  return Difference(golden, plane.width, plane.height, plane.values);
}

// The picture of a file that must be readable.
Picture GoldenPicture(const std::string& name);

}  // namespace latentd::imaging
