#include "model/text/tokenizer_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kBos = "<|startoftext|>";
constexpr const char* kEos = "<|endoftext|>";

const json kVocab = {{"!", 0}, {"a", 1}, {"b</w>", 2}, {"ab</w>", 3}, {kBos, 4}, {kEos, 5}};

class TokenizerFilesTest : public testing::Test {
 protected:
  void WriteVocab() {
    Write("vocab.json", kVocab);
    folder_.Write("merges.txt", "#version: 0.2\na b</w>\n");
  }
  void Write(const std::string& name, const json& content) { folder_.Write(name, content.dump()); }
  TokenizerFiles Read() { return ReadTokenizerFiles(folder_.path()); }
  std::vector<std::string> Problems() {
    return ProblemsOf([&] { Read(); });
  }

  // Whether the text of an added token is looked for after the clean-up; -1 when it is no added token.
  int Normalized(const std::string& content) {
    for (const AddedToken& token : Read().added) {
      if (token.content == content) return token.normalized;
    }
    return -1;
  }

  const TestFolder folder_;
};

TEST_F(TokenizerFilesTest, NeedsNoMoreThanVocabularyAndMerges) {
  WriteVocab();
  const TokenizerFiles files = Read();
  EXPECT_EQ(files.vocab.size(), 6);
  EXPECT_THAT(files.merges, ElementsAre(testing::Pair("a", "b</w>")));
  EXPECT_EQ(files.bos, 4);
  EXPECT_EQ(files.eos, 5);
  EXPECT_EQ(files.pad, 5);
  EXPECT_EQ(files.unknown, 5);
  EXPECT_EQ(files.window, 77);
  EXPECT_EQ(Normalized(kBos), 0);
  EXPECT_EQ(Normalized(kEos), 0);
}

TEST_F(TokenizerFilesTest, ReadsTokenizerJsonAloneInBothFormsOfMerges) {
  for (const json& merge : {json("a b</w>"), json({"a", "b</w>"})}) {
    Write("tokenizer.json",
          {{"added_tokens", {{{"id", 4}, {"content", kBos}, {"normalized", true}, {"special", true}}}},
           {"model",
            {{"type", "BPE"}, {"end_of_word_suffix", "</w>"}, {"vocab", kVocab}, {"merges", json::array({merge})}}}});
    EXPECT_THAT(Read().merges, ElementsAre(testing::Pair("a", "b</w>")));
    EXPECT_EQ(Normalized(kBos), 1);
    EXPECT_EQ(Normalized(kEos), 0);
  }
}

TEST_F(TokenizerFilesTest, LetsTheMapReplaceTheConfiguration) {
  WriteVocab();
  const json token = {{"__type", "AddedToken"}, {"content", kEos}, {"normalized", true}, {"lstrip", false}};
  Write("tokenizer_config.json", {{"eos_token", token}, {"unk_token", token}, {"pad_token", kEos}});
  EXPECT_EQ(Read().pad, 5);
  EXPECT_EQ(Normalized(kEos), 0);  // the last declaration, of the padding, is only a string
  Write("special_tokens_map.json", {{"pad_token", "!"}});
  EXPECT_EQ(Read().pad, 0);
  EXPECT_EQ(Normalized(kEos), 1);
  EXPECT_EQ(Normalized("!"), 0);
}

TEST_F(TokenizerFilesTest, LetsTheConfigurationsOwnListReplaceTheOtherFiles) {
  WriteVocab();
  Write("special_tokens_map.json", {{"pad_token", "!"}});
  Write("tokenizer_config.json", {{"added_tokens_decoder", {{"5", {{"content", kEos}, {"normalized", true}}}}}});
  EXPECT_EQ(Read().pad, 5);
  EXPECT_EQ(Normalized(kEos), 1);
}

TEST_F(TokenizerFilesTest, GivesNewTokensTheIdsBehindTheVocabulary) {
  WriteVocab();
  Write("added_tokens.json", {{"<dog>", 7}, {"<cat>", 6}});
  const TokenizerFiles files = Read();
  EXPECT_EQ(files.added[0].content, "<cat>");
  EXPECT_EQ(files.added[0].id, 6);
  EXPECT_EQ(files.added[1].id, 7);
  EXPECT_EQ(Normalized("<cat>"), 1);
  Write("added_tokens.json", {{"<cat>", 9}});
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("declared as 9 but has the id 6")));
}

TEST_F(TokenizerFilesTest, TakesWhatFastTokenizersSaveOfTheirLastCall) {
  WriteVocab();
  Write("tokenizer_config.json", {{"max_length", 77},
                                  {"stride", 0},
                                  {"truncation_strategy", "longest_first"},
                                  {"pad_to_multiple_of", nullptr},
                                  {"pad_token_type_id", 0}});
  EXPECT_EQ(Read().window, 77);
}

TEST_F(TokenizerFilesTest, TakesTheWindowFromTheConfiguration) {
  WriteVocab();
  Write("tokenizer_config.json", {{"model_max_length", 32}});
  EXPECT_EQ(Read().window, 32);
  folder_.Write("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
  EXPECT_EQ(Read().window, 77);
  Write("tokenizer_config.json", {{"model_max_length", 2}});
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("model_max_length: 2 is not")));
}

TEST_F(TokenizerFilesTest, NamesWhatIsMissingOrBroken) {
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("neither tokenizer.json nor vocab.json")));
  Write("vocab.json", kVocab);
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("merges.txt: cannot be read")));
  folder_.Write("merges.txt", "#version: 0.2\na b</w>\n\n");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("merges.txt: line 3")));
  folder_.Write("merges.txt", "a x\n");
  EXPECT_THAT(Problems(), UnorderedElementsAre(HasSubstr("'x' is not in"), HasSubstr("'ax' is not in")));
  folder_.Write("merges.txt", "");
  folder_.Write("tokenizer_config.json", "{");
  folder_.Write("added_tokens.json", "[]");
  EXPECT_THAT(Problems(), UnorderedElementsAre("tokenizer_config.json: is not a JSON object",
                                               "added_tokens.json: is not a JSON object"));
}

TEST_F(TokenizerFilesTest, RefusesVocabulariesThatAreNone) {
  folder_.Write("merges.txt", "");
  for (const char* vocab : {"{}", R"({"a":-1})", R"({"a":1.5})", R"({"a":"1"})", R"({"a":4294967296})"}) {
    folder_.Write("vocab.json", vocab);
    EXPECT_THAT(Problems(), ElementsAre(HasSubstr("vocab.json: "))) << vocab;
  }
}

TEST_F(TokenizerFilesTest, RefusesATokenizerOfAnotherKind) {
  Write("tokenizer.json", {{"model", {{"type", "Unigram"}, {"vocab", kVocab}}}});
  EXPECT_THAT(Problems(), UnorderedElementsAre(HasSubstr("not BPE"), HasSubstr("end_of_word_suffix")));
  Write("tokenizer.json", {{"model", "x"}});
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("model is not an object")));
}

TEST_F(TokenizerFilesTest, NamesFieldsThatItDoesNotKnow) {
  WriteVocab();
  Write("tokenizer_config.json",
        {{"do_lower_case", true}, {"mystery", 1}, {"padding_side", "left"}, {"tokenizer_class", "T5Tokenizer"}});
  EXPECT_THAT(Problems(), UnorderedElementsAre(HasSubstr("mystery: unknown field"), HasSubstr("padding_side: \"left\""),
                                               HasSubstr("'T5Tokenizer' is not supported")));
  Write("tokenizer_config.json",
        {{"bos_token", {{"content", kBos}, {"lstrip", true}}}, {"pad_token", 3}, {"cls_token", "[CLS]"}});
  EXPECT_THAT(Problems(), UnorderedElementsAre(HasSubstr("lstrip is not supported"), HasSubstr("pad_token: is neither"),
                                               HasSubstr("cls_token")));
  Write("tokenizer_config.json", json::object());
  EXPECT_THAT(Read().added, testing::SizeIs(2));
}

}  // namespace
}  // namespace latentd::model
