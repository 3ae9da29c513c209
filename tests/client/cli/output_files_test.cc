#include "client/cli/output_files.h"

#include "gmock/gmock.h"
#include "tests/client/cli/latentctl_test_base.h"

namespace latentd::cli {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class OutputFilesTest : public LatentctlTest {};

TEST_F(OutputFilesTest, OneImageIsTheNameItselfSeveralAreNumbered) {
  EXPECT_EQ(OutputFiles("a.b/x.y.png", 1).PicturePath(0), "a.b/x.y.png");
  EXPECT_EQ(OutputFiles("a.b/x.y.png", 12).PicturePath(10), "a.b/x.y-10.png");
}

TEST_F(OutputFilesTest, OnlyTheNewestPreviewStandsBesideThePictureUntilItIsThere) {
  OutputFiles files(Path("x.png"), 1);
  EXPECT_TRUE(files.WritePreview(0, "first").ok());
  EXPECT_TRUE(files.WritePreview(0, "second").ok());
  EXPECT_THAT(Files(), ElementsAre("x.preview.jpg"));
  EXPECT_EQ(Contents("x.preview.jpg"), "second");
  EXPECT_TRUE(files.WritePicture(0, "whole").ok());
  EXPECT_THAT(Files(), ElementsAre("x.png"));
}

TEST_F(OutputFilesTest, PreviewsGoWithTheObject) {
  {
    OutputFiles files(Path("x.png"), 2);
    EXPECT_TRUE(files.WritePreview(0, "a").ok());
    EXPECT_TRUE(files.WritePreview(1, "b").ok());
    EXPECT_THAT(Files(), UnorderedElementsAre("x-0.preview.jpg", "x-1.preview.jpg"));
  }
  EXPECT_THAT(Files(), ElementsAre());
}

TEST_F(OutputFilesTest, AnOldPictureIsReplaced) {
  OutputFiles files(Path("x.png"), 1);
  EXPECT_TRUE(files.WritePicture(0, "old and longer").ok());
  EXPECT_TRUE(files.WritePicture(0, "new").ok());
  EXPECT_EQ(Contents("x.png"), "new");
}

TEST_F(OutputFilesTest, AFailedWriteLeavesNothing) {
  std::filesystem::create_directory(Path("x.png"));
  OutputFiles files(Path("x.png"), 1);
  EXPECT_FALSE(files.WritePicture(0, "p").ok());
  EXPECT_THAT(Files(), ElementsAre("x.png"));
}

TEST_F(OutputFilesTest, TheFolderIsCheckedBeforehand) {
  EXPECT_TRUE(OutputFiles(Path("x.png"), 1).CheckFolder().ok());
  EXPECT_TRUE(OutputFiles("x.png", 1).CheckFolder().ok());
  EXPECT_TRUE(absl::IsNotFound(OutputFiles(Path("no/x.png"), 1).CheckFolder()));
}

}  // namespace
}  // namespace latentd::cli
