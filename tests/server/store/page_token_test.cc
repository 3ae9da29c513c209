#include "server/store/page_token.h"

#include <gtest/gtest.h>

#include "server/core/errors.h"

namespace latentd::store {
namespace {

TEST(PageTokenTest, ComesBackAsItWentIn) {
  core::ListOptions options{.states = {core::JobState::kFailed}, .labels = {{"team", "a"}}};
  options.page_token = MakePageToken(42, options);
  options.page_size = 3;
  EXPECT_EQ(*ReadPageToken(options), 42) << "another page size is fine";
}

TEST(PageTokenTest, IsGoodForItsOwnFiltersOnly) {
  core::ListOptions options{.labels = {{"team", "a"}}};
  options.page_token = MakePageToken(42, options);
  options.labels = {{"team", "b"}};
  EXPECT_EQ(ReadPageToken(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.labels = {{"team", "a"}};
  options.tenant = "shop";
  EXPECT_EQ(ReadPageToken(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.tenant = "";
  options.states = {core::JobState::kQueued};
  EXPECT_EQ(ReadPageToken(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PageTokenTest, NonsenseIsRefusedAndNamed) {
  for (const char* token : {"x", "42", "NDI", "....", "\xff", "NDIuMA"}) {
    const absl::Status status = ReadPageToken({.page_token = token}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << token;
    EXPECT_EQ(core::GetErrorDetails(status).violations.at(0).field, "page_token");
  }
}

}  // namespace
}  // namespace latentd::store
