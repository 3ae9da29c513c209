#include "server/imaging/orient.h"

#include <gtest/gtest.h>

namespace latentd::imaging {
namespace {

// The pixels 1 to 6, in two rows of three.
Picture Numbered() {
  Picture picture{.width = 3, .height = 2, .rgb = {}};
  for (uint8_t i = 1; i <= 6; ++i) picture.rgb.insert(picture.rgb.end(), 3, i);
  return picture;
}

std::string Shown(int orientation) {
  const Picture picture = Orient(Numbered(), orientation);
  std::string text;
  for (size_t i = 0; i < picture.rgb.size(); i += 3) {
    if (i > 0 && i / 3 % static_cast<size_t>(picture.width) == 0) text += ' ';
    text += static_cast<char>('0' + picture.rgb[i]);
  }
  return text;
}

TEST(Orient, TurnsAndMirrorsAsExifSays) {
  EXPECT_EQ(Shown(1), "123 456");
  EXPECT_EQ(Shown(2), "321 654");
  EXPECT_EQ(Shown(3), "654 321");
  EXPECT_EQ(Shown(4), "456 123");
  EXPECT_EQ(Shown(5), "14 25 36");
  EXPECT_EQ(Shown(6), "41 52 63");
  EXPECT_EQ(Shown(7), "63 52 41");
  EXPECT_EQ(Shown(8), "36 25 14");
  EXPECT_EQ(Shown(0), "123 456");
  EXPECT_EQ(Shown(9), "123 456");
}

std::string Tiff(const std::string& directory) { return std::string("MM\0\x2a\0\0\0\x08", 8) + directory; }

TEST(OrientationFromExif, ReadsTheFirstDirectory) {
  const std::string entry("\0\1\1\x12\0\3\0\0\0\1\0\6\0\0", 14);
  EXPECT_EQ(OrientationFromExif(Tiff(entry)), 6);
  EXPECT_EQ(OrientationFromExif(std::string("Exif\0\0", 6) + Tiff(entry)), 6);
  EXPECT_EQ(OrientationFromExif(std::string("II\x2a\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\5\0\0\0", 22)), 5);
}

TEST(OrientationFromExif, IsNothingInBlocksThatAreBroken) {
  const std::string block = Tiff(std::string("\0\1\1\x12\0\3\0\0\0\1\0\6\0\0", 14));
  for (size_t length = 0; length < block.size(); ++length) {
    EXPECT_EQ(OrientationFromExif(block.substr(0, length)), std::nullopt) << length;
  }
  EXPECT_EQ(OrientationFromExif(std::string("MM\0\x2a\xff\xff\xff\xff", 8)), std::nullopt);
  EXPECT_EQ(OrientationFromExif(Tiff(std::string("\xff\xff", 2))), std::nullopt);
  EXPECT_EQ(OrientationFromExif("nonsense"), std::nullopt);
}

TEST(OrientationFromExif, IsUprightWhenTheValueMeansNothing) {
  EXPECT_EQ(OrientationFromExif(Tiff(std::string("\0\1\1\x12\0\3\0\0\0\1\0\x09\0\0", 14))), 1);
  EXPECT_EQ(OrientationFromExif(Tiff(std::string("\0\1\1\x12\0\3\0\0\0\2\0\6\0\6", 14))), 1);
  EXPECT_EQ(OrientationFromExif(Tiff(std::string("\0\1\1\x12\0\2\0\0\0\1\6\0\0\0", 14))), 1);
}

TEST(OrientationFromXmp, ReadsAttributesAndElements) {
  EXPECT_EQ(OrientationFromXmp("<a tiff:Orientation=\"8\"/>"), 8);
  EXPECT_EQ(OrientationFromXmp("<tiff:Orientation>3</tiff:Orientation>"), 3);
  EXPECT_EQ(OrientationFromXmp("tiff:Orientation tiff:Orientation=\"x tiff:Orientation>2"), 2);
  EXPECT_EQ(OrientationFromXmp("tiff:Orientation"), std::nullopt);
  EXPECT_EQ(OrientationFromXmp("tiff:Orientation=\""), std::nullopt);
  EXPECT_EQ(OrientationFromXmp(""), std::nullopt);
}

}  // namespace
}  // namespace latentd::imaging
