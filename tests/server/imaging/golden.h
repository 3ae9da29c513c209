#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/imaging/picture.h"

namespace latentd::imaging {

// The files that tests/parity/imaging/make_goldens.py made.

std::string ReadGolden(const std::string& name);

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
