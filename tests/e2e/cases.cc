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

namespace {

void SetTask(const nlohmann::json& entry, v1::GenerationSpec& spec) {
  const std::string task = entry.value("task", "");
  const auto read = [&](const std::string& suffix) {
    return ReadFile(GoldenFolder() + "/inputs/" + entry["image"].get<std::string>() + suffix + ".png");
  };
  if (task == "unconditional") {
    spec.mutable_unconditional();
  } else if (task == "image_to_image") {
    spec.mutable_image_to_image()->mutable_image()->set_data(read(""));
    spec.mutable_image_to_image()->set_strength(entry["strength"]);
  } else if (task == "inpaint") {
    spec.mutable_inpaint()->mutable_image()->set_data(read(""));
    spec.mutable_inpaint()->mutable_mask()->set_data(read("-mask"));
    spec.mutable_inpaint()->set_strength(entry["strength"]);
  } else if (task == "outpaint") {
    v1::Outpaint& outpaint = *spec.mutable_outpaint();
    outpaint.mutable_image()->set_data(read(""));
    outpaint.set_left(entry["left"]);
    outpaint.set_right(entry["right"]);
    outpaint.set_top(entry["top"]);
    outpaint.set_bottom(entry["bottom"]);
  }
}

}  // namespace

std::string GoldenFolder() { return LATENTD_SOURCE_DIR "/tests/golden/pipelines"; }
std::string GoldenModels() { return GoldenFolder() + "/models"; }

std::vector<GoldenCase> GoldenCases() {
  const nlohmann::json document = nlohmann::json::parse(ReadFile(GoldenFolder() + "/cases.json"));
  std::vector<GoldenCase> cases;
  for (const nlohmann::json& entry : document) {
    GoldenCase golden{.name = entry["name"], .spec = {}, .pictures = {}};
    v1::GenerationSpec& spec = golden.spec;
    spec.set_model(entry["model"]);
    SetTask(entry, spec);
    spec.set_prompt(entry.value("prompt", ""));
    spec.set_negative_prompt(entry.value("negative_prompt", ""));
    spec.set_width(entry["width"]);
    spec.set_height(entry["height"]);
    spec.set_num_images(entry["num_images"]);
    spec.set_seed(entry["seed"]);
    spec.set_steps(entry["steps"]);
    spec.set_sampler(entry["sampler"]);
    spec.set_sigmas(entry["sigmas"]);
    if (entry.contains("guidance_scale")) spec.set_guidance_scale(entry["guidance_scale"]);
    spec.set_guidance_rescale(entry.value("guidance_rescale", 0.0));
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
