#include "tests/server/imaging/golden.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "server/imaging/input_image.h"
#include "server/imaging/sha256.h"

namespace latentd::imaging {

std::string ReadGolden(const std::string& name) {
  std::ifstream file(LATENTD_SOURCE_DIR "/tests/golden/imaging/" + name, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string Difference(const nlohmann::json& golden, int width, int height, const std::vector<uint8_t>& bytes) {
  const int golden_width = golden.at("width"), golden_height = golden.at("height");
  const auto size = [](int w, int h) { return std::to_string(w) + "x" + std::to_string(h); };
  if (width != golden_width || height != golden_height) {
    return "size " + size(width, height) + ", not " + size(golden_width, golden_height);
  }
  const std::string_view ours(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (Sha256Hex(ours) == golden.at("sha256").get<std::string>()) return "";
  if (!golden.contains("offset")) return "other bytes";
  static const std::string pixels = ReadGolden("pixels.bin");
  const auto* expected = reinterpret_cast<const uint8_t*>(pixels.data()) + golden["offset"].get<size_t>();
  size_t count = 0, first = bytes.size();
  int largest = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int difference = std::abs(int{bytes[i]} - int{expected[i]});
    if (difference == 0) continue;
    ++count;
    first = std::min(first, i);
    largest = std::max(largest, difference);
  }
  return std::to_string(count) + " of " + std::to_string(bytes.size()) + " bytes differ, by " +
         std::to_string(largest) + " at most; the first, at " + std::to_string(first) + ", is " +
         std::to_string(bytes[first]) + ", not " + std::to_string(expected[first]);
}

Picture GoldenPicture(const std::string& name) {
  absl::StatusOr<Picture> picture = DecodeImage(ReadGolden(name), InputLimits());
  if (!picture.ok()) throw std::runtime_error(name + ": " + picture.status().ToString());
  return *std::move(picture);
}

}  // namespace latentd::imaging
