#include "server/auth/api_keys.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace latentd::auth {
namespace {

using core::Role;
using testing::ElementsAre;
using testing::HasSubstr;

// printf %s KEY | sha256sum
constexpr char kHashOfApple[] = "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b";
constexpr char kHashOfPear[] = "97cfbe87531abe0c6bac7b21d616cb422faaa158a9f2ae7e8685c79eb85fc65e";

std::string Problem(const std::string& text) { return std::string(ApiKeys::Parse(text).status().message()); }

std::string Entry(const std::string& id, const std::string& hash, const std::string& more = "") {
  return absl::StrCat("- id: ", id, "\n  sha256: ", hash, "\n  tenant: shop\n", more);
}

TEST(ApiKeysTest, AKeyIsKnownByItsHash) {
  const auto keys =
      ApiKeys::Parse(absl::StrCat(Entry("web", kHashOfApple), Entry("ops", kHashOfPear, "  roles: [admin]\n")));
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_NE(keys->Find("apple"), nullptr);
  EXPECT_EQ(keys->Find("apple")->id, "web");
  EXPECT_EQ(keys->Find("apple")->tenant, "shop");
  EXPECT_THAT(keys->Find("apple")->roles, ElementsAre(Role::kGenerate, Role::kRead));
  ASSERT_NE(keys->Find("pear"), nullptr);
  EXPECT_THAT(keys->Find("pear")->roles, ElementsAre(Role::kAdmin));
}

TEST(ApiKeysTest, OthersAreNot) {
  const auto keys = ApiKeys::Parse(Entry("web", kHashOfApple));
  ASSERT_TRUE(keys.ok());
  for (const char* key : {"", "Apple", "apple ", "pear", kHashOfApple}) EXPECT_EQ(keys->Find(key), nullptr) << key;
}

TEST(ApiKeysTest, AnEmptyFileHasNoKeys) {
  ASSERT_TRUE(ApiKeys::Parse("").ok());
  EXPECT_EQ(ApiKeys::Parse("")->Find(""), nullptr);
}

TEST(ApiKeysTest, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_THAT(Problem("keys: 7"), HasSubstr("list"));
  EXPECT_THAT(Problem("- 7"), HasSubstr("line 1"));
  EXPECT_THAT(Problem("- id: web\n  tenant: shop\n"), HasSubstr("no sha256"));
  EXPECT_THAT(Problem(Entry("web", "abc")), HasSubstr("line 2: sha256 must be"));
  EXPECT_THAT(Problem(Entry("web", kHashOfApple, "  roles: generate\n")), HasSubstr("line 4: roles must be a list"));
  EXPECT_THAT(Problem(Entry("web", kHashOfApple, "  roles: [root]\n")), HasSubstr("generate, read or admin"));
  EXPECT_THAT(Problem(Entry("web", kHashOfApple, "  key: apple\n")), HasSubstr("unknown line 'key'"));
  EXPECT_THAT(Problem(absl::StrCat("- id: web\n  sha256: ", kHashOfApple, "\n  tenant: a/b\n")),
              HasSubstr("line 3: tenant"));
  EXPECT_THAT(Problem(absl::StrCat(Entry("web", kHashOfApple), Entry("web", kHashOfPear))),
              HasSubstr("line 4: id web"));
  EXPECT_THAT(Problem(absl::StrCat(Entry("a", kHashOfApple), Entry("b", kHashOfApple))), HasSubstr("twice"));
  EXPECT_THAT(Problem("- id: [\n"), HasSubstr("line"));
}

}  // namespace
}  // namespace latentd::auth
