#include "server/imaging/clip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/imaging/test_picture.h"

namespace latentd::imaging {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What the files hold is read back by other programs: read_back.py.
class ClipInEveryFormat : public testing::TestWithParam<core::ClipFormat> {
 protected:
  static absl::StatusOr<std::string> Encode(const std::vector<Picture>& frames, int fps = 8, int quality = 90,
                                            const Metadata& metadata = TestMetadata()) {
    return EncodeClip(frames, {.format = GetParam(), .fps = fps, .quality = quality}, metadata);
  }

  static void ExpectRefused(const absl::StatusOr<std::string>& file, const std::string& words) {
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(file.status().message()), HasSubstr(words));
  }
};
INSTANTIATE_TEST_SUITE_P(Formats, ClipInEveryFormat,
                         testing::Values(core::ClipFormat::kWebp, core::ClipFormat::kGif, core::ClipFormat::kMp4));

TEST_P(ClipInEveryFormat, IsTheSameBytesEachTime) {
  const auto file = Encode(TestClip(32, 18, 5));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(*file, *Encode(TestClip(32, 18, 5)));
}

TEST_P(ClipInEveryFormat, OfOneFrameIsAFileLikeTheOthers) {
  const auto file = Encode(TestClip(32, 18, 1));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(*file, HasSubstr("trainedAlgorithmicMedia"));
}

TEST_P(ClipInEveryFormat, TakesTheFastestPace) {
  const int fps = GetParam() == core::ClipFormat::kGif ? core::kMaxGifFps : core::kMaxFps;
  EXPECT_TRUE(Encode(TestClip(32, 18, 5), fps).ok());
  ExpectRefused(Encode(TestClip(32, 18, 5), fps + 1), "frames a second");
  ExpectRefused(Encode(TestClip(32, 18, 5), 0), "frames a second");
}

TEST_P(ClipInEveryFormat, OmittedPromptsAreNowhereInTheFile) {
  Metadata metadata = TestMetadata("secret");
  metadata.fields.omit_prompts = true;
  const std::string file = *Encode(TestClip(32, 18, 2), 8, 90, metadata);
  EXPECT_THAT(file, Not(HasSubstr("secret")));
  EXPECT_THAT(file, Not(HasSubstr(std::string("s\0e\0c", 5))));
}

TEST_P(ClipInEveryFormat, KeepsTheLongestPrompts) {
  std::string prompt;
  for (int i = 0; i < 8192; ++i) prompt += "\xF0\x9F\x8D\x8E";
  Metadata metadata = TestMetadata(prompt);
  metadata.fields.negative_prompt = prompt;
  const auto file = Encode(TestClip(32, 18, 2), 8, 90, metadata);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_GT(file->size(), 2 * prompt.size());
}

TEST_P(ClipInEveryFormat, RefusesWhatIsNoClip) {
  ExpectRefused(Encode({}), "without frames");
  ExpectRefused(Encode({TestPicture(32, 18), TestPicture(18, 32)}), "32x18 and 18x32");
  ExpectRefused(Encode({TestPicture(32, 18), Picture{.width = 32, .height = 18, .rgb = {}}}), "do not agree");
  ExpectRefused(Encode(TestClip(32, 18, 2), 8, 101), "quality");
}

TEST(Clip, RefusesEdgesThatTheFormatDoesNotTake) {
  const std::vector<Picture> odd = {TestPicture(33, 18)}, wide = {TestPicture(16384, 2)},
                             wider = {TestPicture(65536, 2)};
  EXPECT_EQ(EncodeClip(odd, {.format = core::ClipFormat::kMp4}, TestMetadata()).status().message(),
            "MP4 takes even edges only, not 33x18");
  EXPECT_TRUE(EncodeClip(odd, {.format = core::ClipFormat::kGif}, TestMetadata()).ok());
  EXPECT_FALSE(EncodeClip(wide, {.format = core::ClipFormat::kWebp}, TestMetadata()).ok());
  EXPECT_FALSE(EncodeClip(wider, {.format = core::ClipFormat::kGif}, TestMetadata()).ok());
}

TEST(Clip, BetterQualityTakesMoreBytes) {
  for (const auto format : {core::ClipFormat::kWebp, core::ClipFormat::kMp4}) {
    const auto size = [&](int quality) {
      return EncodeClip(TestClip(128, 96, 6), {.format = format, .quality = quality}, TestMetadata())->size();
    };
    EXPECT_LT(size(10), size(60));
    EXPECT_LT(size(60), size(98));
  }
}

TEST(Clip, MediaTypesAreTheRegisteredOnes) {
  EXPECT_EQ(MediaType(core::ClipFormat::kWebp), "image/webp");
  EXPECT_EQ(MediaType(core::ClipFormat::kGif), "image/gif");
  EXPECT_EQ(MediaType(core::ClipFormat::kMp4), "video/mp4");
}

}  // namespace
}  // namespace latentd::imaging
