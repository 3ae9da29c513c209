#include "model/config/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

ConfigReader Reader(const char* text) { return ConfigReader("x", nlohmann::json::parse(text)); }

std::vector<std::string> Problems(ConfigReader& reader) {
  return ProblemsOf([&] { reader.Finish(); });
}

TEST(ConfigReaderTest, GivesTheDefaultWhereAFieldIsAbsentOrNull) {
  ConfigReader reader = Reader(R"({"a": 3, "b": null})");
  EXPECT_EQ(reader.Get("a", 1), 3);
  EXPECT_EQ(reader.Get("b", 1), 1);
  EXPECT_EQ(reader.Get("c", 1), 1);
  EXPECT_EQ(reader.GetOptional<int>("b"), std::nullopt);
  EXPECT_TRUE(reader.Has("a"));
  EXPECT_FALSE(reader.Has("b"));
  EXPECT_FALSE(reader.Has("c"));
  EXPECT_TRUE(reader.IsNull("b"));
  EXPECT_FALSE(reader.IsNull("a"));
  EXPECT_FALSE(reader.IsNull("c"));
  reader.Finish();
}

TEST(ConfigReaderTest, ReadsEveryTypeThatConfigurationsHave) {
  ConfigReader reader = Reader(R"({"i": -7, "d": 0.5, "w": 2, "b": true, "s": "x", "l": [1, 2]})");
  EXPECT_EQ(reader.Get("i", 0), -7);
  EXPECT_EQ(reader.Get("d", 0.0), 0.5);
  EXPECT_EQ(reader.Get("w", 0.0), 2.0);  // a whole number is a fine floating-point value
  EXPECT_TRUE(reader.Get("b", false));
  EXPECT_EQ(reader.Get<std::string>("s", ""), "x");
  EXPECT_THAT(reader.Get<std::vector<int>>("l", {}), ElementsAre(1, 2));
  reader.Finish();
}

TEST(ConfigReaderTest, CountsAreFromOneTo65536) {
  ConfigReader reader = Reader(R"({"fine": 65536, "none": 0, "many": 65537})");
  EXPECT_EQ(reader.GetCount("fine", 3), 65536);
  EXPECT_EQ(reader.GetCount("absent", 3), 3);
  EXPECT_EQ(reader.GetCount("none", 3), 1);
  EXPECT_EQ(reader.GetCount("many", 3), 1);
  EXPECT_THAT(Problems(reader), ElementsAre("none: must be between 1 and 65536", "many: must be between 1 and 65536"));
}

TEST(ConfigReaderTest, TakesNoTypeForAnother) {
  ConfigReader reader = Reader(R"({"fraction": 1.5, "flag": 1, "number": true, "text": 4, "list": "x"})");
  EXPECT_EQ(reader.Get("fraction", 9), 9);
  EXPECT_EQ(reader.Get("flag", true), true);
  EXPECT_EQ(reader.Get("number", 9), 9);
  EXPECT_EQ(reader.Get<std::string>("text", "default"), "default");
  EXPECT_THAT(reader.Get<std::vector<int>>("list", {9}), ElementsAre(9));
  EXPECT_THAT(Problems(reader), ElementsAre("fraction: has the wrong type: 1.5", "flag: has the wrong type: 1",
                                            "number: has the wrong type: true", "text: has the wrong type: 4",
                                            "list: has the wrong type: \"x\""));
}

TEST(ConfigReaderTest, TakesNoNumberThatDoesNotFit) {
  ConfigReader reader = Reader(R"({"large": 4294967296, "huge": 18446744073709551615, "negative": -1})");
  EXPECT_EQ(reader.Get<int32_t>("large", 9), 9);
  EXPECT_EQ(reader.Get<int64_t>("large", 9), 4294967296);
  EXPECT_EQ(reader.Get<int64_t>("huge", 9), 9);
  EXPECT_EQ(reader.Get<uint32_t>("negative", 9), 9);
  EXPECT_THAT(Problems(reader), testing::SizeIs(3));
}

TEST(ConfigReaderTest, ChecksTheElementsOfLists) {
  ConfigReader reader = Reader(R"({"a": [1, 2.5], "b": [true], "c": [1, true], "d": [[1, 2], [3]], "e": [1, 2.5]})");
  EXPECT_THAT(reader.Get<std::vector<int>>("a", {}), ElementsAre());
  EXPECT_THAT(reader.Get<std::vector<int>>("b", {}), ElementsAre());
  EXPECT_THAT(reader.Get<std::vector<bool>>("c", {}), ElementsAre());
  EXPECT_THAT(reader.Get<std::vector<std::vector<int>>>("d", {}), ElementsAre(ElementsAre(1, 2), ElementsAre(3)));
  EXPECT_THAT(reader.Get<std::vector<double>>("e", {}), ElementsAre(1, 2.5));
  EXPECT_THAT(Problems(reader), testing::SizeIs(3));
}

TEST(ConfigReaderTest, NamesEveryFieldThatWasNotRead) {
  ConfigReader reader = Reader(R"({"known": 1, "ignored": 2, "_class_name": "X", "b": 3, "a": null})");
  reader.Get("known", 0);
  reader.Ignore({"ignored", "absent"});
  EXPECT_THAT(Problems(reader), UnorderedElementsAre("a: unknown field", "b: unknown field"));
}

TEST(ConfigReaderTest, SupportsSomeFieldsWithOneValueOnly) {
  ConfigReader reader = Reader(R"({"same": false, "null": null, "other": true})");
  for (const char* key : {"same", "null", "absent", "other"}) reader.Only(key, false);
  EXPECT_THAT(Problems(reader), ElementsAre("other: true is not supported (only false is)"));
}

TEST(ConfigReaderTest, ListsTheChoices) {
  ConfigReader reader = Reader(R"({"good": "gelu", "bad": "mish", "wrong": 1})");
  EXPECT_EQ(reader.GetChoice("good", "silu", {"silu", "gelu"}), "gelu");
  EXPECT_EQ(reader.GetChoice("absent", "silu", {"silu", "gelu"}), "silu");
  EXPECT_EQ(reader.GetChoice("bad", "silu", {"silu", "gelu"}), "silu");
  EXPECT_EQ(reader.GetChoice("wrong", "silu", {"silu", "gelu"}), "silu");
  EXPECT_THAT(Problems(reader),
              ElementsAre("bad: 'mish' is not supported (supported: silu, gelu)", "wrong: has the wrong type: 1"));
}

TEST(ConfigReaderTest, SpreadsOneValueOverAllLevels) {
  ConfigReader reader = Reader(R"({"one": 5, "many": [1, 2, 3], "few": [1], "wrong": [1, "x", 3]})");
  EXPECT_THAT(reader.GetPerLevel("one", 3, 0), ElementsAre(5, 5, 5));
  EXPECT_THAT(reader.GetPerLevel("many", 3, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(reader.GetPerLevel("absent", 2, 7), ElementsAre(7, 7));
  EXPECT_THAT(reader.GetPerLevel("few", 3, 0), ElementsAre(1, 0, 0));
  EXPECT_EQ(reader.GetPerLevel("wrong", 3, 0).size(), 3);
  EXPECT_THAT(Problems(reader), testing::Contains("few: has 1 entries instead of 3"));
}

TEST(ConfigReaderTest, ReportsAllProblemsAtOnceAndOnlyOnce) {
  ConfigReader reader = Reader(R"({"a": "x", "b": 1})");
  reader.Get("a", 1);
  reader.AddProblem("c", "does not fit a");
  try {
    reader.Finish();
    FAIL();
  } catch (const ModelError& error) {
    EXPECT_EQ(error.where(), "x");
    EXPECT_THAT(error.problems(), ElementsAre(HasSubstr("a: "), "c: does not fit a", "b: unknown field"));
    EXPECT_THAT(error.what(), HasSubstr("x:\n  a: "));
  }
}

TEST(ConfigReaderTest, SaysWhyAFileCannotBeRead) {
  const TestFolder folder;
  const auto problems = [&](const std::string& text) {
    return ProblemsOf([&] { ConfigReader::FromFile(folder.Write("config.json", text)); });
  };
  EXPECT_THAT(ProblemsOf([&] { ConfigReader::FromFile(folder.path() / "none.json"); }),
              ElementsAre(HasSubstr("cannot be read")));
  EXPECT_THAT(problems(""), ElementsAre("is not valid JSON"));
  EXPECT_THAT(problems(R"({"a": 1,})"), ElementsAre("is not valid JSON"));
  EXPECT_THAT(problems("[1]"), ElementsAre("is not a JSON object"));
  EXPECT_THAT(problems(std::string((4 << 20) + 1, ' ')), ElementsAre("is larger than 4 MiB"));
  ConfigReader reader = ConfigReader::FromFile(folder.Write("config.json", R"({"a": 1})"));
  EXPECT_EQ(reader.Raw("a"), 1);
  EXPECT_TRUE(reader.Raw("b").is_null());
  reader.Finish();
}

TEST(ConfigReaderTest, ReadsPythonsInfinitiesAsStrings) {
  const TestFolder folder;
  ConfigReader reader = ConfigReader::FromFile(
      folder.Write("config.json", R"({"low": -Infinity, "high": Infinity, "text": "a \"-Infinity\" b\\"})"));
  EXPECT_EQ(reader.Raw("low"), "-Infinity");
  EXPECT_EQ(reader.Raw("high"), "Infinity");
  EXPECT_EQ(reader.Raw("text"), "a \"-Infinity\" b\\");
  reader.Finish();
}

}  // namespace
}  // namespace latentd::model
