#include "model/text/weighted_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/text/json_file.h"

namespace latentd::model {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string FaultOf(const std::string& prompt) {
  const WeightedPrompt parsed = ParseWeightedPrompt(prompt);
  EXPECT_TRUE(parsed.fault.empty() || parsed.pieces.empty()) << prompt;
  return parsed.fault;
}

// The text of a prompt without weights or breaks.
std::string PlainText(const std::string& prompt) {
  const WeightedPrompt parsed = ParseWeightedPrompt(prompt);
  EXPECT_EQ(parsed.fault, "") << prompt;
  EXPECT_EQ(parsed.pieces.size(), 1u) << prompt;
  if (parsed.pieces.size() != 1) return "";
  EXPECT_EQ(parsed.pieces[0].weight, 1) << prompt;
  EXPECT_FALSE(parsed.pieces[0].is_break) << prompt;
  return parsed.pieces[0].text;
}

TEST(WeightedPromptTest, ReadsWhatTheReferenceReads) {
  const nlohmann::json cases =
      ReadJsonObject(std::string(LATENTD_SOURCE_DIR) + "/tests/golden/text/prompts.json")["cases"];
  ASSERT_GT(cases.size(), 20u);
  for (const nlohmann::json& golden : cases) {
    const auto prompt = golden["prompt"].get<std::string>();
    SCOPED_TRACE(prompt);
    const WeightedPrompt parsed = ParseWeightedPrompt(prompt);
    EXPECT_EQ(parsed.fault, "");
    ASSERT_EQ(parsed.pieces.size(), golden["pieces"].size());
    for (size_t i = 0; i < parsed.pieces.size(); ++i) {
      const nlohmann::json& piece = golden["pieces"][i];
      EXPECT_EQ(parsed.pieces[i].is_break, piece.is_null()) << i;
      if (piece.is_null()) continue;
      EXPECT_EQ(parsed.pieces[i].text, piece[0].get<std::string>()) << i;
      EXPECT_EQ(parsed.pieces[i].weight, piece[1].get<double>()) << i;  // to the last bit
    }
  }
}

TEST(WeightedPromptTest, NamesTheBracketThatHasNoPartnerByItsCharacter) {
  EXPECT_THAT(FaultOf("a (red apple"), StartsWith(R"(the "(" at character 3 is not closed)"));
  EXPECT_THAT(FaultOf("日本 ((a) b"), StartsWith(R"(the "(" at character 4 is not closed)"));
  EXPECT_THAT(FaultOf("[a"), StartsWith(R"(the "[" at character 1 is not closed)"));
  EXPECT_THAT(FaultOf("a)"), StartsWith("the \")\" at character 2 closes nothing"));
  EXPECT_THAT(FaultOf("(a)]"), StartsWith(R"(the "]" at character 4 closes nothing)"));
  EXPECT_THAT(FaultOf("([a)]"), AllOf(HasSubstr("\")\" at character 4"), HasSubstr("\"[\" at character 2")));
  EXPECT_THAT(FaultOf("a:1.3)"), StartsWith("the \")\" at character 6 closes nothing"));
  EXPECT_THAT(FaultOf(R"(\(a))"), StartsWith("the \")\" at character 4 closes nothing"));
}

TEST(WeightedPromptTest, EveryFaultSaysHowToWriteTheCharacterItself) {
  for (const char* prompt : {"(", ")", "([)]", "(a:b)", "[a:1]", "(a:11)", "((a:10):10)"}) {
    EXPECT_THAT(FaultOf(prompt), HasSubstr("a backslash before")) << prompt;
  }
}

TEST(WeightedPromptTest, RefusesWeightsThatAreNoNumbers) {
  for (const char* weight : {"abc", "", " ", "nan", "inf", "-inf", "1e1", "0x1", "1,3", "1.2.3", "--1", "+-1", "+", ".",
                             "1 2", "１", "1٣"}) {
    const std::string prompt = std::string("a (word:") + weight + ")";
    EXPECT_THAT(FaultOf(prompt), StartsWith("a number must stand between the \":\" at character 8")) << prompt;
  }
}

TEST(WeightedPromptTest, RefusesWeightsOutOfBounds) {
  EXPECT_EQ(FaultOf("(a:10) (b:-10)"), "");
  for (const char* weight : {"10.001", "-10.001", "1000000"}) {
    EXPECT_THAT(FaultOf(std::string("(a:") + weight + ")"), HasSubstr("character 3 must be from -10 to 10")) << weight;
  }
  std::string nines = "(a:";
  nines.append(5000, '9').append(")");
  EXPECT_THAT(FaultOf(nines), HasSubstr("must be from -10 to 10"));
  EXPECT_THAT(FaultOf("b ((a:5):-3)"), StartsWith("the weights at character 5 multiply to more than 10"));
  EXPECT_EQ(FaultOf("((a:8):0.5)"), "");
}

TEST(WeightedPromptTest, RefusesNumbersInSquareBracketsWhichMeanAnotherThing) {
  EXPECT_THAT(FaultOf("[cat:0.5]"),
              StartsWith(R"(square brackets take no number, and one follows the ":" at character 5)"));
  EXPECT_THAT(FaultOf("[cat:dog:10]"), HasSubstr("character 9"));
  EXPECT_EQ(FaultOf("[cat: dog]"), "");
}

TEST(WeightedPromptTest, RefusesDeepNestingBothBalancedAndNot) {
  const auto nested = [](size_t depth, const char* open, const char* close) {
    std::string prompt;
    for (size_t i = 0; i < depth; ++i) prompt += open;
    prompt += "a";
    for (size_t i = 0; i < depth; ++i) prompt += close;
    return prompt;
  };
  EXPECT_EQ(FaultOf(nested(16, "([", "])")), "");
  EXPECT_THAT(FaultOf(nested(17, "([", "])")), StartsWith("more than 32 brackets are open at character 33"));
  EXPECT_THAT(FaultOf(nested(4000, "(", ")")), HasSubstr("character 33"));
  EXPECT_THAT(FaultOf(std::string(8000, '(')), HasSubstr("character 33"));
  EXPECT_THAT(FaultOf(std::string(8000, '[')), HasSubstr("character 33"));
  EXPECT_THAT(FaultOf(std::string(8000, ')')), HasSubstr("character 1 closes nothing"));
  EXPECT_THAT(FaultOf(nested(30, "(", ")")), HasSubstr("multiply to more than 10"));  // 1.1^30 = 17.4
}

TEST(WeightedPromptTest, EscapesAndColonsAreText) {
  EXPECT_EQ(PlainText(R"(\(\)\[\]\:\\)"), R"(()[]:\)");
  EXPECT_EQ(PlainText("ratio 4:3, at 12:30"), "ratio 4:3, at 12:30");
  EXPECT_EQ(PlainText("trailing\\"), "trailing");
  const auto weighted = ParseWeightedPrompt(R"((at 12\:30))").pieces;
  ASSERT_EQ(weighted.size(), 1u);
  EXPECT_EQ(weighted[0].text, "at 12:30");
  EXPECT_EQ(weighted[0].weight, 1.1);
}

TEST(WeightedPromptTest, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(PlainText("a\xff"
                      "b"),
            "a\uFFFD"
            "b");
}

}  // namespace
}  // namespace latentd::model
