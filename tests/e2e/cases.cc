#include "tests/e2e/cases.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <set>
#include <stdexcept>

#include "absl/strings/escaping.h"

namespace latentd::e2e {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

namespace {

// Bytes are base64 in protobuf's JSON; the cases name a file of `inputs` instead, as "@FILE".
void ReadInputs(nlohmann::json& value) {
  if (value.is_structured()) {
    for (nlohmann::json& each : value) ReadInputs(each);
  } else if (value.is_string() && value.get_ref<const std::string&>().starts_with("@")) {
    const std::string data = ReadFile(GoldenFolder() + "/inputs/" + value.get<std::string>().substr(1));
    value = absl::Base64Escape(data);
  }
}

v1::GenerationSpec ReadSpec(nlohmann::json& value) {
  ReadInputs(value);
  v1::GenerationSpec spec;
  const auto parsed = google::protobuf::util::JsonStringToMessage(value.dump(), &spec);
  if (!parsed.ok()) throw std::runtime_error(value.dump() + ": " + parsed.ToString());
  return spec;
}

}  // namespace

std::string GoldenFolder() {
  const char* const live = std::getenv("LATENTD_GOLDEN_PIPELINES");
  return live != nullptr ? live : LATENTD_SOURCE_DIR "/tests/golden/pipelines";
}
std::string GoldenModels() { return GoldenFolder() + "/models"; }

std::vector<std::string> GoldenSystems() {
  std::set<std::string> systems;
  for (const auto& file : std::filesystem::directory_iterator(GoldenFolder() + "/cases")) {
    systems.insert(file.path().stem());
  }
  return {systems.begin(), systems.end()};
}

std::vector<GoldenCase> GoldenCases(const std::string& system) {
  nlohmann::json document = nlohmann::json::parse(ReadFile(GoldenFolder() + "/cases/" + system + ".json"));
  std::vector<GoldenCase> cases;
  for (nlohmann::json& entry : document) {
    GoldenCase golden{.name = entry["name"], .spec = ReadSpec(entry["spec"]), .pictures = {}, .then = {}};
    if (entry.contains("then")) golden.then = ReadSpec(entry["then"]);
    for (int i = 0; i < entry["pictures"].get<int>(); ++i) {
      golden.pictures.push_back(
          ReadFile(GoldenFolder() + "/pictures/" + golden.name + "-" + std::to_string(i) + ".png"));
    }
    cases.push_back(std::move(golden));
  }
  return cases;
}

Pixels Decode(const std::string& file) {
  const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8UC1, const_cast<char*>(file.data()));
  cv::Mat bgr = file.empty() ? cv::Mat() : cv::imdecode(bytes, cv::IMREAD_COLOR);
  if (bgr.empty()) return {};
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return {.width = rgb.cols, .height = rgb.rows, .rgb = {rgb.datastart, rgb.dataend}};
}

int LargestDifference(const Pixels& a, const Pixels& b) {
  if (a.width != b.width || a.height != b.height || a.rgb.empty()) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) largest = std::max(largest, std::abs(int{a.rgb[i]} - int{b.rgb[i]}));
  return largest;
}

}  // namespace latentd::e2e
