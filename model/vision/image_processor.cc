#include "model/vision/image_processor.h"

#include <ATen/ops/tensor.h>

#include <string>
#include <vector>

namespace latentd::model {
namespace {

constexpr int64_t kLargestEdge = 4096;
constexpr int kLastFilter = 4;  // Image.Resampling.BOX

int64_t Checked(ConfigReader& reader, const std::string& key, const nlohmann::json& value, int64_t fallback) {
  if (value.is_number_unsigned() && value >= 1 && value <= kLargestEdge) return value.get<int64_t>();
  reader.AddProblem(key, value.dump() + " is not a number of pixels from 1 to " + std::to_string(kLargestEdge));
  return fallback;
}

// size: a number, or {"shortest_edge": a number}.
int64_t ReadShortestEdge(ConfigReader& reader, int64_t fallback) {
  const nlohmann::json& size = reader.Raw("size");
  if (size.is_null()) return fallback;
  if (!size.is_object()) return Checked(reader, "size", size, fallback);
  if (size.size() != 1 || !size.contains("shortest_edge")) {
    reader.AddProblem("size", size.dump() + R"( is not supported (supported: {"shortest_edge": pixels}))");
    return fallback;
  }
  return Checked(reader, "size", size["shortest_edge"], fallback);
}

// crop_size: a number, or {"height": a number, "width": the same}.
int64_t ReadCrop(ConfigReader& reader, int64_t fallback) {
  const nlohmann::json& size = reader.Raw("crop_size");
  if (size.is_null()) return fallback;
  if (!size.is_object()) return Checked(reader, "crop_size", size, fallback);
  if (size.size() != 2 || !size.contains("height") || !size.contains("width") || size["height"] != size["width"]) {
    reader.AddProblem("crop_size", size.dump() + " is not supported (supported: equal height and width)");
    return fallback;
  }
  return Checked(reader, "crop_size", size["height"], fallback);
}

void ReadChannels(ConfigReader& reader, const std::string& key, std::array<double, 3>& values) {
  const auto read = reader.Get<std::vector<double>>(key, {values.begin(), values.end()});
  if (read.size() != values.size()) {
    reader.AddProblem(key, "has " + std::to_string(read.size()) + " entries instead of 3");
    return;
  }
  std::copy(read.begin(), read.end(), values.begin());
}

}  // namespace

ImageProcessorConfig ReadImageProcessorConfig(ConfigReader reader) {
  ImageProcessorConfig config;
  config.shortest_edge = ReadShortestEdge(reader, config.shortest_edge);
  config.crop_size = ReadCrop(reader, config.crop_size);
  if (config.crop_size > config.shortest_edge) reader.AddProblem("crop_size", "must be at most size");
  config.resample = reader.Get("resample", config.resample);
  if (config.resample < 0 || config.resample > kLastFilter) {
    reader.AddProblem("resample", std::to_string(config.resample) + " is not one of Pillow's filters 0 to 4");
  }
  config.rescale_factor = reader.Get("rescale_factor", config.rescale_factor);
  ReadChannels(reader, "image_mean", config.mean);
  ReadChannels(reader, "image_std", config.deviation);
  for (const double deviation : config.deviation) {
    if (!(deviation > 0)) reader.AddProblem("image_std", "must be above 0");
  }
  for (const char* step : {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"}) {
    reader.Only(step, true);
  }
  reader.Only("do_pad", nullptr);
  reader.Ignore({"feature_extractor_type", "image_processor_type", "processor_class", "data_format",
                 "default_to_square", "device", "disable_grouping", "input_data_format", "pad_size", "return_tensors"});
  reader.Finish();
  return config;
}

at::Tensor Normalise(const at::Tensor& pictures, const ImageProcessorConfig& config) {
  const auto channels = [](const std::array<double, 3>& values) {
    return at::tensor(std::vector<double>(values.begin(), values.end()), at::kFloat);
  };
  const at::Tensor scaled = (pictures.to(at::kDouble) * config.rescale_factor).to(at::kFloat);  // [B, S, S, 3]
  return ((scaled - channels(config.mean)) / channels(config.deviation)).permute({0, 3, 1, 2});
}

}  // namespace latentd::model
