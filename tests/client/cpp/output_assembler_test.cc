#include "client/cpp/output_assembler.h"

#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace latentd::client {
namespace {

v1::Output Info(int index, const std::string& data) { return Announce(1, index, data).output(); }

v1::OutputChunk Part(int index, int64_t offset, const std::string& data) {
  return Chunk(1, index, offset, data).output_chunk();
}

TEST(OutputAssemblerTest, ChunksOfSeveralOutputsMayMix) {
  OutputAssembler assembler(false);
  ASSERT_EQ(*assembler.Announce(Info(1, "pear")), nullptr);
  ASSERT_EQ(*assembler.Announce(Info(0, "apple")), nullptr);
  ASSERT_EQ(*assembler.Add(Part(0, 0, "app")), nullptr);
  const Output* pear = *assembler.Add(Part(1, 0, "pear"));
  ASSERT_NE(pear, nullptr);
  EXPECT_EQ(pear->data, "pear");
  ASSERT_NE(*assembler.Add(Part(0, 3, "le")), nullptr);
  const std::vector<Output> outputs = *assembler.Finish();
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0].data, "apple");
  EXPECT_EQ(outputs[1].data, "pear");
}

TEST(OutputAssemblerTest, AnOutputWithoutBytesIsWholeAtOnce) {
  OutputAssembler assembler(false);
  v1::Output withheld;
  withheld.set_state(v1::Output::STATE_WITHHELD);
  EXPECT_NE(*assembler.Announce(withheld), nullptr);
  EXPECT_TRUE(assembler.Finish().ok());
}

TEST(OutputAssemblerTest, AGapIsDataLoss) {
  OutputAssembler assembler(false);
  ASSERT_TRUE(assembler.Announce(Info(0, "apple")).ok());
  EXPECT_TRUE(absl::IsDataLoss(assembler.Add(Part(0, 2, "ple")).status()));
}

TEST(OutputAssemblerTest, ARepeatedChunkIsDataLoss) {
  OutputAssembler assembler(false);
  ASSERT_TRUE(assembler.Announce(Info(0, "apple")).ok());
  ASSERT_TRUE(assembler.Add(Part(0, 0, "ap")).ok());
  EXPECT_TRUE(absl::IsDataLoss(assembler.Add(Part(0, 0, "ap")).status()));
}

TEST(OutputAssemblerTest, MoreBytesThanAnnouncedAreDataLoss) {
  OutputAssembler assembler(false);
  ASSERT_TRUE(assembler.Announce(Info(0, "apple")).ok());
  EXPECT_TRUE(absl::IsDataLoss(assembler.Add(Part(0, 0, "apples")).status()));
}

TEST(OutputAssemblerTest, AnotherHashIsDataLoss) {
  OutputAssembler assembler(false);
  ASSERT_TRUE(assembler.Announce(Info(0, "apple")).ok());
  const absl::Status status = assembler.Add(Part(0, 0, "appls")).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(status.message(), "output 0 arrived damaged: its SHA-256 is not the announced one");
}

TEST(OutputAssemblerTest, CompletedWithBytesMissingIsDataLoss) {
  OutputAssembler assembler(false);
  ASSERT_TRUE(assembler.Announce(Info(0, "apple")).ok());
  ASSERT_TRUE(assembler.Add(Part(0, 0, "app")).ok());
  EXPECT_TRUE(absl::IsDataLoss(assembler.Finish().status()));
}

TEST(OutputAssemblerTest, AnImpossibleSizeIsNotBelieved) {
  OutputAssembler assembler(false);
  v1::Output huge = Info(0, "apple");
  huge.set_size(int64_t{1} << 60);
  EXPECT_TRUE(assembler.Announce(huge).ok());
  EXPECT_TRUE(absl::IsDataLoss(assembler.Finish().status()));
}

TEST(OutputAssemblerTest, ChunksWithoutAnnouncementArePassedOverOnlyWhenJoinedLate) {
  EXPECT_TRUE(OutputAssembler(true).Add(Part(0, 0, "app")).ok());
  EXPECT_TRUE(absl::IsDataLoss(OutputAssembler(false).Add(Part(0, 0, "app")).status()));
}

}  // namespace
}  // namespace latentd::client
