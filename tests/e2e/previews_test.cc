// Progress shows the picture as it becomes clear.

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <set>
#include <string>
#include <vector>

#include "client/cpp/client.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/server_process.h"

namespace latentd::e2e {
namespace {

v1::GenerationSpec Spec(v1::PreviewOptions::Kind kind) {
  v1::GenerationSpec spec;
  spec.set_model("pictograms");
  spec.set_prompt("a red apple");
  spec.set_seed(7);
  spec.set_steps(12);
  spec.mutable_preview()->set_kind(kind);
  spec.mutable_preview()->set_format(v1::IMAGE_FORMAT_PNG);
  return spec;
}

// A job's previews, and its picture.
struct Watched {
  std::vector<v1::Preview> previews;
  Pixels picture;
};

Watched Watch(const ServerProcess& server, const v1::GenerationSpec& spec) {
  Watched watched;
  const client::Callbacks callbacks = {.event = [&](const v1::Event& event) {
    if (event.progress().has_preview()) watched.previews.push_back(event.progress().preview());
    return client::Next::kGoOn;
  }};
  const auto result = client::Client::Connect(server.address())->Generate(spec, {}, callbacks);
  EXPECT_TRUE(result.ok()) << result.status();
  if (result.ok()) watched.picture = Decode(result->outputs[0].data);
  return watched;
}

class Previews : public testing::Test {
 protected:
  void SetUp() override {
    server_ = ServerProcess::Start({.models = {}, .arguments = {}});
    ASSERT_NE(server_, nullptr);
  }

  Watched Run(const v1::GenerationSpec& spec) const { return Watch(*server_, spec); }

  std::unique_ptr<ServerProcess> server_;
};

// The mean difference between a preview and the means of the picture's pixels that each of its own stands for.
double Distance(const Pixels& preview, const Pixels& picture) {
  const cv::Mat small(preview.height, preview.width, CV_8UC3, const_cast<uint8_t*>(preview.rgb.data()));
  const cv::Mat large(picture.height, picture.width, CV_8UC3, const_cast<uint8_t*>(picture.rgb.data()));
  cv::Mat averaged;
  cv::resize(large, averaged, small.size(), 0, 0, cv::INTER_AREA);
  return cv::norm(averaged, small, cv::NORM_L1) / static_cast<double>(small.total() * 3);
}

TEST_F(Previews, TheLastImageIsNearThePictureAndNearerThanTheFirst) {
  const Watched watched = Run(Spec(v1::PreviewOptions::KIND_IMAGE));
  ASSERT_GE(watched.previews.size(), 2u);
  const Pixels first = Decode(watched.previews.front().image().data());
  const Pixels last = Decode(watched.previews.back().image().data());
  ASSERT_EQ(last.width, watched.previews.back().image().width());
  ASSERT_EQ(last.height, watched.previews.back().image().height());
  ASSERT_EQ(watched.picture.width % last.width, 0);
  std::printf("mean difference from the picture: first preview %.1f, last %.1f grey levels\n",
              Distance(first, watched.picture), Distance(last, watched.picture));
  EXPECT_LT(Distance(last, watched.picture), 30);  // a linear map of the latent knows no edges
  EXPECT_LT(Distance(last, watched.picture), Distance(first, watched.picture));
}

TEST_F(Previews, ALatentIsWhatTheDecoderTakesTimesItsFactor) {
  v1::GenerationSpec spec = Spec(v1::PreviewOptions::KIND_LATENT);
  spec.set_guidance_scale(1);
  const Watched watched = Run(spec);
  ASSERT_FALSE(watched.previews.empty());
  const v1::LatentTensor& latent = watched.previews.back().latent();
  EXPECT_THAT(latent.shape(), testing::ElementsAre(8, 16, 16));
  EXPECT_EQ(latent.dtype(), "float32");
  ASSERT_EQ(latent.data().size(), 8 * 16 * 16 * sizeof(float));
  // A latent times its factor has a deviation of about 1.
  const auto* values = reinterpret_cast<const float*>(latent.data().data());
  double squares = 0;
  for (int i = 0; i < 8 * 16 * 16; ++i) squares += static_cast<double>(values[i]) * values[i];
  EXPECT_NEAR(std::sqrt(squares / (8 * 16 * 16)), 1, 0.5);
  EXPECT_GT(latent.scaling_factor(), 0);
}

TEST(LatentPreviews, TellTheFactorOfTheModelsOwnDecoder) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  v1::GenerationSpec spec = Spec(v1::PreviewOptions::KIND_LATENT);
  spec.set_model("tiny-v");
  const Watched watched = Watch(*server, spec);
  ASSERT_FALSE(watched.previews.empty());
  EXPECT_DOUBLE_EQ(watched.previews.back().latent().scaling_factor(), 0.18215);
}

TEST_F(Previews, OfLatentsBringTheMapThatThePicturesAreMadeWith) {
  v1::GenerationSpec spec = Spec(v1::PreviewOptions::KIND_IMAGE);
  const Watched shown = Run(spec);
  spec.mutable_preview()->set_kind(v1::PreviewOptions::KIND_LATENT);
  const Watched raw = Run(spec);
  ASSERT_FALSE(shown.previews.empty());
  ASSERT_FALSE(raw.previews.empty());
  // The last of each job is of the last step.
  const Pixels picture = Decode(shown.previews.back().image().data());
  const v1::LatentTensor& latent = raw.previews.back().latent();
  const int channels = latent.shape(0);
  const int places = latent.shape(1) * latent.shape(2);
  ASSERT_EQ(latent.rgb_map_size(), (channels + 1) * 3);
  ASSERT_EQ(picture.rgb.size(), static_cast<size_t>(places) * 3);
  const auto* values = reinterpret_cast<const float*>(latent.data().data());
  for (int place = 0; place < places; ++place) {
    for (int colour = 0; colour < 3; ++colour) {
      double sum = latent.rgb_map(channels * 3 + colour);
      for (int channel = 0; channel < channels; ++channel) {
        sum += values[channel * places + place] * latent.rgb_map(channel * 3 + colour);
      }
      EXPECT_NEAR(std::clamp((sum + 1) * 127.5, 0.0, 255.0), picture.rgb[static_cast<size_t>(place) * 3 + colour], 1);
    }
  }
}

TEST(TinyDecoderPreviews, OfLatentsHaveNoMap) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  v1::GenerationSpec spec = Spec(v1::PreviewOptions::KIND_LATENT);
  spec.set_model("tiny-lcm");
  spec.set_steps(4);
  const Watched watched = Watch(*server, spec);
  ASSERT_FALSE(watched.previews.empty());
  EXPECT_EQ(watched.previews.back().latent().rgb_map_size(), 0);
}

TEST_F(Previews, ComeEveryFewStepsAndNoLargerThanAsked) {
  v1::GenerationSpec spec = Spec(v1::PreviewOptions::KIND_IMAGE);
  spec.mutable_preview()->set_every_steps(6);
  spec.mutable_preview()->set_max_edge(8);
  const Watched watched = Run(spec);
  EXPECT_GE(watched.previews.size(), 1u);
  EXPECT_LE(watched.previews.size(), 2u);
  for (const v1::Preview& preview : watched.previews) EXPECT_EQ(preview.image().width(), 8);
}

// tests/golden/pipelines/previews: what AutoencoderTiny.decode makes of each step's predicted clean latent.
TEST(TinyDecoderPreviews, EqualTheReferenceAtEveryStepAndAreAsLargeAsThePicture) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  const auto client = client::Client::Connect(server->address());
  v1::GenerationSpec spec = Spec(v1::PreviewOptions::KIND_IMAGE);
  spec.set_model("tiny-lcm");
  spec.set_width(72);
  spec.set_height(56);
  spec.set_steps(4);
  spec.set_seed(77);
  spec.set_guidance_scale(8.5);
  std::set<int> seen;
  // Readers that are slow miss some: asked for every third step, the newest is always there.
  for (const int every : {1, 2, 3, 4}) {
    spec.mutable_preview()->set_every_steps(every);
    const client::Callbacks callbacks = {.event = [&](const v1::Event& event) {
      if (!event.progress().has_preview()) return client::Next::kGoOn;
      const int step = event.progress().step();
      const Pixels preview = Decode(event.progress().preview().image().data());
      EXPECT_EQ(preview.width, 72);
      EXPECT_EQ(preview.height, 56);
      const Pixels golden = Decode(ReadFile(GoldenFolder() + "/previews/lcm-" + std::to_string(step) + ".png"));
      EXPECT_LE(LargestDifference(preview, golden), 1) << step;
      seen.insert(step);
      return client::Next::kGoOn;
    }};
    const auto result = client->Generate(spec, {}, callbacks);
    ASSERT_TRUE(result.ok()) << result.status();
  }
  EXPECT_THAT(seen, testing::IsSupersetOf({3, 4}));

  spec.mutable_preview()->set_every_steps(4);
  spec.mutable_preview()->set_max_edge(36);
  const Watched small = Watch(*server, spec);
  ASSERT_EQ(small.previews.size(), 1u);
  EXPECT_EQ(small.previews[0].image().width(), 36);
  EXPECT_EQ(small.previews[0].image().height(), 28);
}

TEST(TinyDecoderPreviews, OfAModelWhoseCodecIsTinyAreItsPictures) {
  const auto server = ServerProcess::Start({.models = GoldenModels(), .arguments = {}});
  ASSERT_NE(server, nullptr);
  v1::GenerationSpec spec = Spec(v1::PreviewOptions::KIND_IMAGE);
  spec.set_model("tiny-lcm-sd");
  spec.set_steps(3);
  spec.mutable_preview()->set_every_steps(3);
  const Watched watched = Watch(*server, spec);
  ASSERT_EQ(watched.previews.size(), 1u);
  // The last step of lcm ends at the clean latent that it predicts.
  EXPECT_EQ(LargestDifference(Decode(watched.previews[0].image().data()), watched.picture), 0);
}

}  // namespace
}  // namespace latentd::e2e
