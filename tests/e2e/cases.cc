#include "tests/e2e/cases.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace latentd::e2e {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string GoldenFolder() { return LATENTD_SOURCE_DIR "/tests/golden/pipelines"; }
std::string GoldenModels() { return GoldenFolder() + "/models"; }

std::vector<GoldenCase> GoldenCases() {
  const nlohmann::json document = nlohmann::json::parse(ReadFile(GoldenFolder() + "/cases.json"));
  std::vector<GoldenCase> cases;
  for (const nlohmann::json& entry : document) {
    GoldenCase golden{.name = entry["name"], .spec = {}, .pictures = {}};
    v1::GenerationSpec& spec = golden.spec;
    spec.set_model(entry["model"]);
    spec.set_prompt(entry["prompt"]);
    spec.set_negative_prompt(entry["negative_prompt"]);
    spec.set_width(entry["width"]);
    spec.set_height(entry["height"]);
    spec.set_num_images(entry["num_images"]);
    spec.set_seed(entry["seed"]);
    spec.set_steps(entry["steps"]);
    spec.set_sampler(entry["sampler"]);
    spec.set_sigmas(entry["sigmas"]);
    spec.set_guidance_scale(entry["guidance_scale"]);
    spec.set_guidance_rescale(entry["guidance_rescale"]);
    spec.set_eta(entry["eta"]);
    spec.set_clip_skip(entry.value("clip_skip", 0));
    for (int i = 0; i < spec.num_images(); ++i) {
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
