#include "server/auth/authenticator.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "tests/model/weights/test_folder.h"
#include "tests/server/auth/tokens.h"
#include "tests/server/core/fake_clock.h"

namespace latentd::auth {
namespace {

using core::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kApple[] =
    "- {id: web, tenant: shop, sha256: 3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b}\n";
constexpr char kPear[] =
    "- {id: app, tenant: shop, sha256: 97cfbe87531abe0c6bac7b21d616cb422faaa158a9f2ae7e8685c79eb85fc65e}\n";

class AuthenticatorTest : public testing::Test {
 protected:
  std::string File(const std::string& name, const std::string& text) {
    // As those who replace files in use do: others see the old one or the new one.
    std::filesystem::rename(folder_.Write(name + ".new", text), folder_.path() / name);
    return folder_.path() / name;
  }

  std::unique_ptr<Authenticator> Make(const std::string& api_keys, const std::string& jwks) {
    auto made = Authenticator::Create(
        {.api_keys = api_keys,
         .jwks = jwks,
         .now = [this] { return clock_.Now(); },
         .on_error = [this](const absl::Status& status) { errors_.emplace_back(status.message()); }});
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }

  static std::string ReasonOf(const absl::StatusOr<core::Caller>& caller) {
    return caller.ok() ? "(is let in)" : core::GetErrorDetails(caller.status()).reason;
  }

  std::string Token(const TokenSigner& signer) {
    return absl::StrCat("Bearer ",
                        signer.Sign(absl::StrCat(R"({"aud": "latentd", "sub": "ann", "tenant": "shop", "exp": )",
                                                 absl::ToUnixSeconds(clock_.Now()) + 60, "}")));
  }

  const model::TestFolder folder_;
  core::FakeClock clock_;
  std::vector<std::string> errors_;
};

TEST_F(AuthenticatorTest, WithoutFilesEverybodyMayCall) {
  const auto everybody = Make("", "");
  EXPECT_FALSE(everybody->required());
  const auto caller = everybody->Authenticate({});
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->tenant, "");
  EXPECT_THAT(caller->roles, ElementsAre(Role::kGenerate, Role::kRead, Role::kAdmin));
}

TEST_F(AuthenticatorTest, AKeyLetsItsCallerIn) {
  const auto known = Make(File("keys.yaml", kApple), "");
  EXPECT_TRUE(known->required());
  EXPECT_EQ(known->Authenticate({"Bearer apple"})->id, "web");
  EXPECT_EQ(known->Authenticate({"bearer apple"})->id, "web") << "the scheme's case does not matter";
}

TEST_F(AuthenticatorTest, NobodyElseIsLetIn) {
  const auto known = Make(File("keys.yaml", kApple), "");
  EXPECT_EQ(ReasonOf(known->Authenticate({})), "CREDENTIALS_MISSING");
  EXPECT_EQ(ReasonOf(known->Authenticate({""})), "CREDENTIALS_MISSING");
  EXPECT_EQ(ReasonOf(known->Authenticate({"apple"})), "CREDENTIALS_MISSING");
  EXPECT_EQ(ReasonOf(known->Authenticate({"Basic apple"})), "CREDENTIALS_MISSING");
  EXPECT_EQ(ReasonOf(known->Authenticate({"Bearer apple", "Bearer apple"})), "CREDENTIALS_MISSING");
  EXPECT_EQ(ReasonOf(known->Authenticate({"Bearer "})), "KEY_UNKNOWN");
  EXPECT_EQ(ReasonOf(known->Authenticate({"Bearer pear"})), "KEY_UNKNOWN");
  EXPECT_EQ(ReasonOf(known->Authenticate({Token(TokenSigner("EdDSA", "k1"))})), "KEY_UNKNOWN") << "no tokens here";
}

TEST_F(AuthenticatorTest, ARevokedKeyIsRefusedFromThenOn) {
  const auto known = Make(File("keys.yaml", absl::StrCat(kApple, kPear)), "");
  EXPECT_TRUE(known->Authenticate({"Bearer apple"}).ok());
  File("keys.yaml", kPear);
  EXPECT_EQ(ReasonOf(known->Authenticate({"Bearer apple"})), "KEY_UNKNOWN");
  EXPECT_TRUE(known->Authenticate({"Bearer pear"}).ok());
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(AuthenticatorTest, AFileThatBecomesUnusableChangesNothingAndIsTold) {
  const auto known = Make(File("keys.yaml", kApple), "");
  File("keys.yaml", "- {id: web}\n");
  EXPECT_TRUE(known->Authenticate({"Bearer apple"}).ok());
  EXPECT_TRUE(known->Authenticate({"Bearer apple"}).ok());
  EXPECT_THAT(errors_, ElementsAre(HasSubstr("keys.yaml: line 1"))) << "told once";
  std::filesystem::remove(folder_.path() / "keys.yaml");
  EXPECT_TRUE(known->Authenticate({"Bearer apple"}).ok());
  EXPECT_THAT(errors_, SizeIs(2));
  File("keys.yaml", "\n");
  EXPECT_TRUE(known->Authenticate({"Bearer apple"}).ok()) << "somebody begins to write";
  EXPECT_THAT(errors_, SizeIs(3));
  File("keys.yaml", kPear);
  EXPECT_EQ(ReasonOf(known->Authenticate({"Bearer apple"})), "KEY_UNKNOWN");
}

TEST_F(AuthenticatorTest, TokensAndKeysLiveSideBySide) {
  const TokenSigner signer("ES256", "k1");
  const auto known = Make(File("keys.yaml", kApple), File("jwks.json", Jwks(signer.Jwk())));
  EXPECT_EQ(known->Authenticate({"Bearer apple"})->id, "web");
  EXPECT_EQ(known->Authenticate({Token(signer)})->id, "ann");
  EXPECT_EQ(ReasonOf(known->Authenticate({"Bearer pear"})), "KEY_UNKNOWN");
  EXPECT_EQ(ReasonOf(known->Authenticate({Token(TokenSigner("ES256", "k1"))})), "TOKEN_INVALID");
}

TEST_F(AuthenticatorTest, KeysOfTokensAreReadAgain) {
  const TokenSigner before("ES256", "k1");
  const TokenSigner after("ES256", "k2");
  const auto known = Make("", File("jwks.json", Jwks(before.Jwk())));
  EXPECT_TRUE(known->Authenticate({Token(before)}).ok());
  EXPECT_EQ(ReasonOf(known->Authenticate({Token(after)})), "TOKEN_INVALID");
  File("jwks.json", Jwks(after.Jwk()));
  EXPECT_TRUE(known->Authenticate({Token(after)}).ok());
  EXPECT_EQ(ReasonOf(known->Authenticate({Token(before)})), "TOKEN_INVALID");
}

TEST_F(AuthenticatorTest, TokensExpireByTheClock) {
  const TokenSigner signer("EdDSA", "k1");
  const auto known = Make("", File("jwks.json", Jwks(signer.Jwk())));
  const std::string token = Token(signer);
  EXPECT_TRUE(known->Authenticate({token}).ok());
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(ReasonOf(known->Authenticate({token})), "TOKEN_EXPIRED");
}

TEST_F(AuthenticatorTest, FilesThatCannotBeUsedAreNamed) {
  for (const auto& [keys, jwks] :
       {std::pair("/nowhere.yaml", std::string()), {"", "/nowhere.yaml"}, {"", File("bad.json", "hello")}}) {
    const auto made = Authenticator::Create({.api_keys = keys, .jwks = jwks});
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(made.status().message()), HasSubstr(*keys == '\0' ? jwks : keys));
  }
}

}  // namespace
}  // namespace latentd::auth
