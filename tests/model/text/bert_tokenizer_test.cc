#include "model/text/bert_tokenizer.h"

#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/weights/safetensors_file.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kWindow = 77;

std::filesystem::path Golden() { return std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/text"; }

// The lists that make_bert_golden.py packed under `name`.
template <typename Stored, typename Value>
std::vector<std::vector<Value>> Unpack(const TensorSource& source, const std::string& name) {
  const at::Tensor values = source.Get(name);
  const at::Tensor ends = source.Get(name + ".ends");
  std::vector<std::vector<Value>> lists;
  int32_t begin = 0;
  for (int64_t i = 0; i < ends.numel(); ++i) {
    const int32_t end = ends.const_data_ptr<int32_t>()[i];
    lists.emplace_back(values.const_data_ptr<Stored>() + begin, values.const_data_ptr<Stored>() + end);
    begin = end;
  }
  return lists;
}

class BertTokenizerGolden : public testing::TestWithParam<std::string> {};

TEST_P(BertTokenizerGolden, GivesTheReferencesTokensAndWindows) {
  const auto golden = SafetensorsFile::Open(Golden() / "bert_tokens.safetensors");
  const auto tokenizer = BertTokenizer::FromFolder(Golden() / GetParam(), kWindow);
  const auto texts = Unpack<uint8_t, char>(*golden, "texts");
  const auto tokens = Unpack<int16_t, int64_t>(*golden, GetParam() + ".tokens");
  const auto windows = Unpack<int16_t, int64_t>(*golden, GetParam() + ".windows");
  ASSERT_GT(tokens.size(), 1000);
  int cut = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string text(texts[i].begin(), texts[i].end());
    EXPECT_EQ(tokenizer.EncodeTokens(text), tokens[i]) << i << ": " << text;
    if (i >= windows.size()) continue;
    const Tokenized result = tokenizer.Encode(text);
    EXPECT_EQ(result.ids, windows[i]) << text;
    EXPECT_EQ(result.token_count, static_cast<int64_t>(tokens[i].size()));
    EXPECT_EQ(result.truncated.empty(), tokens[i].size() <= kWindow - 2) << text;
    cut += !result.truncated.empty();
  }
  EXPECT_GT(cut, 3);
}

INSTANTIATE_TEST_SUITE_P(Folders, BertTokenizerGolden, testing::Values("bert", "bert_cased", "bert_saved"),
                         [](const auto& test) { return test.param; });

TEST(BertTokenizerTest, TellsWhatItCut) {
  const auto tokenizer = BertTokenizer::FromFolder(Golden() / "bert", 6);
  const Tokenized result = tokenizer.Encode("the Red, GREEN houses");
  EXPECT_EQ(result.ids.size(), 6);
  EXPECT_EQ(result.ids.front(), tokenizer.cls());
  EXPECT_EQ(result.ids.back(), tokenizer.sep());
  EXPECT_EQ(result.truncated, "houses");
}

TEST(BertTokenizerTest, LeavesInvalidUtf8Out) {
  const auto tokenizer = BertTokenizer::FromFolder(Golden() / "bert", kWindow);
  EXPECT_EQ(tokenizer.EncodeTokens("re\xff\xfe"
                                   "d"),
            tokenizer.EncodeTokens("red"));
}

class BertTokenizerFilesTest : public testing::Test {
 protected:
  void WriteVocab(const std::string& tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n") {
    folder_.Write("vocab.txt", tokens);
  }
  std::vector<std::string> Problems() {
    return ProblemsOf([&] { ReadBertTokenizerFiles(folder_.path()); });
  }

  const TestFolder folder_;
};

TEST_F(BertTokenizerFilesTest, NeedsNoMoreThanTheVocabulary) {
  WriteVocab("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\na\r\n##b");
  const BertTokenizer tokenizer = BertTokenizer::FromFolder(folder_.path(), 5);
  EXPECT_EQ(tokenizer.vocab_size(), 7);
  EXPECT_THAT(tokenizer.Encode("AB").ids, ElementsAre(2, 5, 6, 3, 0));
}

TEST_F(BertTokenizerFilesTest, StripsAccentsWithTheLowerCaseUnlessToldOtherwise) {
  WriteVocab();
  EXPECT_TRUE(ReadBertTokenizerFiles(folder_.path()).strip_accents);
  folder_.Write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_FALSE(ReadBertTokenizerFiles(folder_.path()).strip_accents);
  folder_.Write("tokenizer_config.json", R"({"do_lower_case": false, "strip_accents": true})");
  EXPECT_TRUE(ReadBertTokenizerFiles(folder_.path()).strip_accents);
}

TEST_F(BertTokenizerFilesTest, SaysWhatIsWrong) {
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("neither tokenizer.json nor vocab.txt")));
  WriteVocab("");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("vocab.txt: holds no vocabulary")));
  WriteVocab("[PAD]\n[UNK]\n[CLS]\na\n");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("lacks [SEP]")));
  WriteVocab();
  folder_.Write("tokenizer_config.json",
                R"({"tokenizer_class": "CLIPTokenizer", "cls_token": "<s>", "new_field": 1, "do_lower_case": "yes"})");
  folder_.Write("special_tokens_map.json", R"({"mask_token": {"content": "<mask>"}})");
  EXPECT_THAT(Problems(), testing::UnorderedElementsAre(HasSubstr("tokenizer_class"), HasSubstr("cls_token"),
                                                        HasSubstr("new_field"), HasSubstr("do_lower_case"),
                                                        HasSubstr("special_tokens_map.json: mask_token")));
}

TEST_F(BertTokenizerFilesTest, RefusesTokenizersOfOtherKinds) {
  folder_.Write("tokenizer.json", R"({"model": {"type": "BPE", "vocab": {"a": 0}}})");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("not BERT's WordPiece")));
  folder_.Write("tokenizer.json", R"({"model": {"type": "WordPiece", "vocab": {"a": -1}}})");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("the id of 'a'")));
  folder_.Write("tokenizer.json", R"({"model": {"type": "WordPiece", "vocab": {}}})");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("no vocabulary")));
  folder_.Write("tokenizer.json", "{");
  EXPECT_THAT(Problems(), ElementsAre(HasSubstr("tokenizer.json")));
}

}  // namespace
}  // namespace latentd::model
