#include "model/text/clip_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/text/clip_tokenizer.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;

TEST(ClipVocabularyTest, HasClipsOwnTokens) {
  const TokenizerFiles files = ClipVocabulary(ClipPadding::kEndMark);
  EXPECT_EQ(files.vocab.size(), 49408);
  EXPECT_EQ(files.merges.size(), 48894);
  // Ids as openai/clip-vit-large-patch14 has them.
  EXPECT_EQ(files.vocab.at("!"), 0);
  EXPECT_EQ(files.vocab.at("!</w>"), 256);
  EXPECT_EQ(files.vocab.at("a</w>"), 320);
  EXPECT_EQ(files.vocab.at("photo</w>"), 1125);
  EXPECT_EQ(files.vocab.at("cat</w>"), 2368);
  EXPECT_EQ(files.bos, 49406);
  EXPECT_EQ(files.eos, 49407);
  EXPECT_EQ(files.pad, 49407);
  EXPECT_EQ(files.window, 77);
  for (const auto& [left, right] : files.merges) ASSERT_TRUE(files.vocab.contains(left + right)) << left << right;
}

TEST(ClipVocabularyTest, TokenizesAsClipDoes) {
  const ClipTokenizer tokenizer(ClipVocabulary(ClipPadding::kEndMark));
  const Tokenized tokens = tokenizer.Encode("a photo of a cat");
  EXPECT_EQ(tokens.ids.size(), 77);
  EXPECT_THAT(std::vector(tokens.ids.begin(), tokens.ids.begin() + 8),
              ElementsAre(49406, 320, 1125, 539, 320, 2368, 49407, 49407));
}

TEST(ClipVocabularyTest, OpenClipPadsWithExclamationMarks) {
  const ClipTokenizer tokenizer(ClipVocabulary(ClipPadding::kExclamationMark));
  const Tokenized tokens = tokenizer.Encode("a cat!");
  // An exclamation mark in the text is the padding's token, as in the reference.
  EXPECT_THAT(std::vector(tokens.ids.begin(), tokens.ids.begin() + 7), ElementsAre(49406, 320, 2368, 0, 49407, 0, 0));
}

}  // namespace
}  // namespace latentd::model
