#include "model/vision/image_processor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/errors.h"

namespace latentd::model {
namespace {

ImageProcessorConfig Read(const char* text) {
  return ReadImageProcessorConfig(ConfigReader("preprocessor_config.json", nlohmann::json::parse(text)));
}

// The names of the fields that are refused.
std::vector<std::string> Wrong(const char* text) {
  std::vector<std::string> fields;
  try {
    Read(text);
  } catch (const ModelError& error) {
    for (const std::string& problem : error.problems()) fields.push_back(problem.substr(0, problem.find(':')));
  }
  return fields;
}

TEST(ImageProcessorTest, ReadsFilesOfEveryAge) {
  // As transformers 4.20 wrote it for Stable Diffusion 1.
  EXPECT_EQ(Read(R"({"crop_size": 224, "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true,
                     "do_resize": true, "feature_extractor_type": "CLIPFeatureExtractor",
                     "image_mean": [0.48145466, 0.4578275, 0.40821073],
                     "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224})"),
            ImageProcessorConfig());
  const ImageProcessorConfig config =
      Read(R"({"crop_size": {"height": 20, "width": 20}, "size": {"shortest_edge": 28}, "resample": 2,
               "rescale_factor": 0.5, "image_processor_type": "CLIPImageProcessor", "image_std": [1, 2, 3]})");
  EXPECT_EQ(config.crop_size, 20);
  EXPECT_EQ(config.shortest_edge, 28);
  EXPECT_EQ(config.resample, 2);
  EXPECT_EQ(config.rescale_factor, 0.5);
  EXPECT_EQ(config.deviation[2], 3);
}

TEST(ImageProcessorTest, NamesWhatIsNotSupported) {
  EXPECT_EQ(Wrong(R"({"size": {"height": 224, "width": 224}})"), std::vector<std::string>{"size"});
  EXPECT_EQ(Wrong(R"({"size": -3})"), std::vector<std::string>{"size"});
  EXPECT_EQ(Wrong(R"({"crop_size": {"height": 20, "width": 21}})"), std::vector<std::string>{"crop_size"});
  EXPECT_EQ(Wrong(R"({"crop_size": 225})"), std::vector<std::string>{"crop_size"});
  EXPECT_EQ(Wrong(R"({"resample": 5, "do_normalize": false, "image_mean": [1], "image_std": [1, 0, 1], "sharpen": 1})"),
            (std::vector<std::string>{"resample", "image_mean", "image_std", "do_normalize", "sharpen"}));
}

}  // namespace
}  // namespace latentd::model
