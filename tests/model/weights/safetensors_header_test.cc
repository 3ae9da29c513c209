#include "model/weights/safetensors_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::vector<std::string> Problems(std::string_view header, size_t data_bytes = 0) {
  return ProblemsOf([&] { ParseSafetensorsHeader("x", SafetensorsBytes(header, std::string(data_bytes, '\0'))); });
}

TEST(SafetensorsHeaderTest, GivesTypeShapeAndPlaceOfEveryTensor) {
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},)"
                             R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}   )";
  const auto entries = ParseSafetensorsHeader("x", SafetensorsBytes(header, std::string(26, '\0')));
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries.at("a").info.dtype, at::kFloat);
  EXPECT_THAT(entries.at("a").info.shape, ElementsAre(2, 3));
  EXPECT_EQ(entries.at("a").offset, 8 + header.size());
  EXPECT_EQ(entries.at("a").length, 24);
  EXPECT_EQ(entries.at("b").info.dtype, at::kBFloat16);
  EXPECT_THAT(entries.at("b").info.shape, SizeIs(0));
  EXPECT_EQ(entries.at("b").offset, 8 + header.size() + 24);
}

TEST(SafetensorsHeaderTest, KnowsEveryTypeThatCheckpointsHave) {
  const std::vector<std::pair<std::string, at::ScalarType>> types = {
      {"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf}, {"BF16", at::kBFloat16}, {"I64", at::kLong},
      {"I32", at::kInt},    {"I16", at::kShort}, {"I8", at::kChar},  {"U8", at::kByte},       {"BOOL", at::kBool}};
  for (const auto& [name, type] : types) {
    const size_t bytes = c10::elementSize(type);
    const std::string header =
        R"({"a":{"dtype":")" + name + R"(","shape":[3],"data_offsets":[0,)" + std::to_string(3 * bytes) + "]}}";
    const auto entries = ParseSafetensorsHeader("x", SafetensorsBytes(header, std::string(3 * bytes, '\0')));
    EXPECT_EQ(entries.at("a").info.dtype, type) << name;
  }
}

TEST(SafetensorsHeaderTest, AllowsAnEmptyFileAndTensorsWithoutElements) {
  EXPECT_THAT(ParseSafetensorsHeader("x", SafetensorsBytes("{}", "")), SizeIs(0));
  const auto entries =
      ParseSafetensorsHeader("x", SafetensorsBytes(R"({"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
                                                   R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                                                   R"("c":{"dtype":"F32","shape":[5,0],"data_offsets":[2,2]}})",
                                                   "12"));
  EXPECT_EQ(entries.at("a").length, 0);
  EXPECT_EQ(entries.at("c").length, 0);
}

TEST(SafetensorsHeaderTest, RefusesALengthThatIsMissingTooLargeOrBeyondTheFile) {
  EXPECT_THAT(ProblemsOf([] { ParseSafetensorsHeader("x", "1234567"); }), ElementsAre(HasSubstr("too short")));
  EXPECT_THAT(ProblemsOf([] { ParseSafetensorsHeader("x", ""); }), ElementsAre(HasSubstr("too short")));
  std::string bytes = SafetensorsBytes("{}", "");
  bytes[0] = 3;
  EXPECT_THAT(ProblemsOf([&] { ParseSafetensorsHeader("x", bytes); }), ElementsAre(HasSubstr("more than the file")));
  bytes[3] = 6;  // 100,663,299
  EXPECT_THAT(ProblemsOf([&] { ParseSafetensorsHeader("x", bytes); }), ElementsAre(HasSubstr("limit")));
  bytes.replace(0, 8, 8, '\xff');
  EXPECT_THAT(ProblemsOf([&] { ParseSafetensorsHeader("x", bytes); }), ElementsAre(HasSubstr("limit")));
}

TEST(SafetensorsHeaderTest, RefusesWhatIsNotAJsonObject) {
  EXPECT_THAT(Problems("[]"), ElementsAre(HasSubstr("begin with '{'")));
  EXPECT_THAT(Problems(" {}"), ElementsAre(HasSubstr("begin with '{'")));
  EXPECT_THAT(Problems(""), ElementsAre(HasSubstr("begin with '{'")));
  EXPECT_THAT(Problems("{"), ElementsAre(HasSubstr("not valid JSON")));
  EXPECT_THAT(Problems("{} x"), ElementsAre(HasSubstr("not valid JSON")));
  EXPECT_THAT(Problems("{\"\xff\":1}"), ElementsAre(HasSubstr("not valid JSON")));
}

TEST(SafetensorsHeaderTest, RefusesNestingWithoutFollowingIt) {
  EXPECT_THAT(Problems("{\"a\":" + std::string(1'000'000, '[')), ElementsAre(HasSubstr("a list where none belongs")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":{}}})"), ElementsAre(HasSubstr("nested object")));
  EXPECT_THAT(Problems(R"({"a":{"shape":[[1]]}})"), ElementsAre(HasSubstr("a list where none belongs")));
  EXPECT_THAT(Problems(R"({"a":{"shape":[{}]}})"), ElementsAre(HasSubstr("nested object")));
}

TEST(SafetensorsHeaderTest, RefusesEqualNames) {
  const std::string tensor = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_THAT(Problems("{\"a\":" + tensor + ",\"a\":" + tensor + "}", 1),
              ElementsAre(HasSubstr("\"a\": stands twice")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
              ElementsAre(HasSubstr("\"dtype\" stands twice")));
}

TEST(SafetensorsHeaderTest, RefusesMissingUnknownAndWronglyTypedFields) {
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[1]}})", 1), ElementsAre(HasSubstr("missing")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":1}})", 1),
              ElementsAre(HasSubstr("\"extra\" is an unknown field")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}})", 1),
              ElementsAre(HasSubstr("\"dtype\" has the wrong type")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1),
              ElementsAre(HasSubstr("\"shape\" has the wrong type")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1), ElementsAre(HasSubstr("pair")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 1),
              ElementsAre(HasSubstr("pair")));
  EXPECT_THAT(Problems(R"({"a":7,"b":null})"),
              ElementsAre(HasSubstr("\"a\": is not an object"), HasSubstr("\"b\": is not an object")));
  EXPECT_THAT(Problems(R"({"__metadata__":{"n":1}})"), ElementsAre(HasSubstr("wrong type")));
}

TEST(SafetensorsHeaderTest, RefusesNumbersThatAreNotSizes) {
  for (const char* number : {"-1", "1.0", "1e0", "18446744073709551616", "\"1\"", "true", "null"}) {
    EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[)" + std::string(number) + R"(],"data_offsets":[0,1]}})", 1),
                ElementsAre(HasSubstr("\"shape\" has the wrong type")))
        << number;
  }
}

TEST(SafetensorsHeaderTest, RefusesShapesWhoseSizeOverflows) {
  for (const char* shape : {"9223372036854775808", "4294967296,4294967296", "9223372036854775807,0,3",
                            "2305843009213693952,2", "0,18446744073709551615"}) {
    EXPECT_THAT(Problems(R"({"a":{"dtype":"F32","shape":[)" + std::string(shape) + R"(],"data_offsets":[0,0]}})"),
                ElementsAre(HasSubstr("shape is too large")))
        << shape;
  }
}

TEST(SafetensorsHeaderTest, RefusesMoreDimensionsThanAnyTensorHas) {
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[)" + ones + R"(],"data_offsets":[0,1]}})", 1),
              ElementsAre(HasSubstr("more than 64 entries")));
}

TEST(SafetensorsHeaderTest, NamesTheTensorWhoseTypeIsNotSupported) {
  EXPECT_THAT(Problems(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1),
              ElementsAre("\"a\": dtype \"F8_E4M3\" is not supported"));
}

TEST(SafetensorsHeaderTest, RefusesASizeThatIsNotThatOfShapeAndType) {
  EXPECT_THAT(Problems(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
              ElementsAre(HasSubstr("hold 4 bytes, but shape and dtype need 8")));
}

TEST(SafetensorsHeaderTest, RefusesOffsetsBeyondTheFileReversedOverlappingOrWithHoles) {
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}})", 4),
              ElementsAre(HasSubstr("truncated")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551615,0]}})", 4),
              ElementsAre(HasSubstr("end before they begin")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                       R"("b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}})",
                       5),
              ElementsAre(HasSubstr("\"b\": overlaps")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                       R"("b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})",
                       3),
              ElementsAre(HasSubstr("\"b\": overlaps")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})",
                       4),
              ElementsAre(HasSubstr("\"b\": leaves a hole of 2 bytes")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2),
              ElementsAre(HasSubstr("hole of 1")));
  EXPECT_THAT(Problems(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3),
              ElementsAre(HasSubstr("last 2 bytes of the file belong to no tensor")));
  EXPECT_THAT(Problems("{}", 1), ElementsAre(HasSubstr("last 1 bytes")));
}

TEST(SafetensorsHeaderTest, ListsEverythingThatIsWrongAtOnce) {
  EXPECT_THAT(Problems(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]},)"
                       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,1]},)"
                       R"("c":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]},)"
                       R"("d":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})",
                       1),
              SizeIs(4));
}

TEST(SafetensorsHeaderTest, KeepsTheMessageReadableWhateverTheHeaderHolds) {
  std::string header = "{";
  for (int i = 0; i < 1000; ++i) header += "\"t" + std::to_string(i) + "\":0,";
  header += "\"\\n" + std::string(10'000, 'n') + "\":0}";
  const std::vector<std::string> problems = Problems(header);
  EXPECT_THAT(problems, SizeIs(101));
  EXPECT_EQ(problems.back(), "and 901 more");
  EXPECT_LT(Problems("{\"\\n" + std::string(10'000, 'n') + "\":0}").front().size(), 300);
}

}  // namespace
}  // namespace latentd::model
