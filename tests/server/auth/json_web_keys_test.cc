#include "server/auth/json_web_keys.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "tests/server/auth/tokens.h"

namespace latentd::auth {
namespace {

using core::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

// Claims that are right, with others in their place or beside them.
std::string Claims(const std::string& others = "", const std::string& exp = R"("exp": 1000600)") {
  return absl::StrCat("{", exp, R"(, "aud": "latentd", "sub": "ann", "tenant": "shop", "roles": ["generate", "read"])",
                      others.empty() ? "" : ", ", others, "}");
}

absl::StatusOr<core::Caller> Verify(const std::string& jwks, const std::string& token, const TokenRules& rules = {}) {
  const auto keys = JsonWebKeys::Parse(jwks);
  EXPECT_TRUE(keys.ok()) << keys.status();
  return keys->Verify(token, rules, kNow);
}

void ExpectRefused(const absl::StatusOr<core::Caller>& caller, const std::string& why,
                   const std::string& reason = "TOKEN_INVALID") {
  EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(core::GetErrorDetails(caller.status()).reason, reason);
  EXPECT_THAT(std::string(caller.status().message()), HasSubstr(why));
}

class EachAlgorithm : public testing::TestWithParam<std::string> {
 protected:
  const TokenSigner signer_{GetParam(), "k1"};
  const std::string jwks_ = Jwks(signer_.Jwk());
};

INSTANTIATE_TEST_SUITE_P(JsonWebKeysTest, EachAlgorithm, testing::Values("RS256", "ES256", "EdDSA"),
                         [](const auto& test) { return test.param; });

TEST_P(EachAlgorithm, TokensSayWhoCalls) {
  const auto caller = Verify(jwks_, signer_.Sign(Claims()));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->tenant, "shop");
  EXPECT_EQ(caller->id, "ann");
  EXPECT_THAT(caller->roles, ElementsAre(Role::kGenerate, Role::kRead));
}

TEST_P(EachAlgorithm, AnotherKeyOfTheSameNameIsNotTaken) {
  ExpectRefused(Verify(jwks_, TokenSigner(GetParam(), "k1").Sign(Claims())), "signature");
}

TEST_P(EachAlgorithm, AnyChangedByteBreaksTheSignature) {
  std::string token = signer_.Sign(Claims());
  const size_t claims = token.find('.') + 1;
  const size_t signature = token.rfind('.') + 1;
  for (const size_t place : {claims + 5, signature + 5}) {
    std::string changed = token;
    changed[place] = changed[place] == 'A' ? 'B' : 'A';
    ExpectRefused(Verify(jwks_, changed), "");
  }
  const std::string other_claims = Base64Url(Claims(R"("roles2": ["admin"])"));
  ExpectRefused(Verify(jwks_, absl::StrCat(token.substr(0, claims), other_claims, token.substr(signature - 1))), "");
}

TEST_P(EachAlgorithm, TokensWithoutAKeyNameAreTriedWithEachKey) {
  const std::string other = TokenSigner(GetParam(), "k0").Jwk();
  const std::string header = absl::StrCat(R"({"alg": ")", GetParam(), R"("})");
  EXPECT_TRUE(Verify(Jwks(absl::StrCat(other, ",", signer_.Jwk())), signer_.SignWithHeader(header, Claims())).ok());
}

class JsonWebKeysTest : public testing::Test {
 protected:
  absl::StatusOr<core::Caller> VerifySigned(const std::string& claims, const TokenRules& rules = {}) {
    return Verify(jwks_, signer_.Sign(claims), rules);
  }

  const TokenSigner signer_{"EdDSA", "k1"};
  const std::string jwks_ = Jwks(signer_.Jwk());
};

TEST_F(JsonWebKeysTest, UnsignedTokensAreRefused) {
  for (const char* algorithm : {"none", "None", "NONE", ""}) {
    const std::string header = Base64Url(absl::StrCat(R"({"alg": ")", algorithm, R"("})"));
    for (const char* signature : {"", "AAAA"}) {
      ExpectRefused(Verify(jwks_, absl::StrCat(header, ".", Base64Url(Claims()), ".", signature)), "");
    }
  }
  ExpectRefused(Verify(jwks_, absl::StrCat(Base64Url(R"({"typ": "JWT"})"), ".", Base64Url(Claims()), ".")), "");
}

// The known attack: the public key, which everybody has, as the secret of a symmetric signature.
TEST_F(JsonWebKeysTest, SymmetricSignaturesAreRefused) {
  const std::string text = absl::StrCat(Base64Url(R"({"alg": "HS256", "kid": "k1"})"), ".", Base64Url(Claims()));
  for (const std::string& secret : {signer_.Jwk(), signer_.PublicKey(), Base64Url(signer_.PublicKey())}) {
    ExpectRefused(Verify(jwks_, absl::StrCat(text, ".", Base64Url(HmacSha256(secret, text)))), "signature");
  }
}

TEST_F(JsonWebKeysTest, KeysThatTokensBringAlongAreNotTaken) {
  const TokenSigner thief("EdDSA", "thief");
  for (const std::string& header : {absl::StrCat(R"({"alg": "EdDSA", "jwk": )", thief.Jwk(), "}"),
                                    absl::StrCat(R"({"alg": "EdDSA", "kid": "k1", "jwk": )", thief.Jwk(), "}"),
                                    std::string(R"({"alg": "EdDSA", "jku": "http://127.0.0.1:1/jwks"})"),
                                    std::string(R"({"alg": "EdDSA", "x5u": "http://127.0.0.1:1/cert"})")}) {
    ExpectRefused(Verify(jwks_, thief.SignWithHeader(header, Claims())), "");
  }
}

TEST_F(JsonWebKeysTest, KeysOfOtherNamesAreNotTried) {
  ExpectRefused(Verify(jwks_, signer_.SignWithHeader(R"({"alg": "EdDSA", "kid": "k2"})", Claims())), "signature");
}

TEST_F(JsonWebKeysTest, ExtensionsThatMustBeUnderstoodAreRefused) {
  const std::string header = R"({"alg": "EdDSA", "kid": "k1", "crit": ["b64"], "b64": true})";
  ExpectRefused(Verify(jwks_, signer_.SignWithHeader(header, Claims())), "crit");
}

TEST_F(JsonWebKeysTest, TimesAreHeeded) {
  ExpectRefused(VerifySigned(Claims("", R"("exp": 999969)")), "expired", "TOKEN_EXPIRED");
  EXPECT_TRUE(VerifySigned(Claims("", R"("exp": 999971)")).ok()) << "clocks differ";
  ExpectRefused(VerifySigned(Claims("", R"("x": 0)")), "exp");
  ExpectRefused(VerifySigned(Claims("", R"("exp": "1000600")")), "exp");
  ExpectRefused(VerifySigned(Claims(R"("nbf": 1000031)")), "not valid yet");
  ExpectRefused(VerifySigned(Claims(R"("nbf": "soon")")), "not valid yet");
  EXPECT_TRUE(VerifySigned(Claims(R"("nbf": 1000029)")).ok());
}

TEST_F(JsonWebKeysTest, TokensForOthersAreRefused) {
  ExpectRefused(VerifySigned(Claims(), {.audience = "other"}), "aud");
  ExpectRefused(VerifySigned(R"({"exp": 1000600, "tenant": "shop"})"), "aud");
  EXPECT_TRUE(VerifySigned(R"({"exp": 1000600, "tenant": "shop", "aud": ["a", "latentd"]})").ok());
  ExpectRefused(VerifySigned(Claims(), {.issuer = "https://id.example"}), "iss");
  ExpectRefused(VerifySigned(Claims(R"("iss": "https://other.example")"), {.issuer = "https://id.example"}), "iss");
  EXPECT_TRUE(VerifySigned(Claims(R"("iss": "https://id.example")"), {.issuer = "https://id.example"}).ok());
}

TEST_F(JsonWebKeysTest, ATenantIsNeeded) {
  ExpectRefused(VerifySigned(R"({"exp": 1000600, "aud": "latentd"})"), "tenant");
  ExpectRefused(VerifySigned(R"({"exp": 1000600, "aud": "latentd", "tenant": "a/b"})"), "tenant");
  ExpectRefused(VerifySigned(R"({"exp": 1000600, "aud": "latentd", "tenant": ["shop"]})"), "tenant");
}

TEST_F(JsonWebKeysTest, RolesComeAsAListOrAsScopes) {
  const std::string rest = R"("exp": 1000600, "aud": "latentd", "tenant": "shop"})";
  EXPECT_THAT(VerifySigned(absl::StrCat(R"({"scope": "openid admin read", )", rest))->roles,
              ElementsAre(Role::kRead, Role::kAdmin));
  EXPECT_THAT(VerifySigned(absl::StrCat(R"({"roles": "generate", )", rest))->roles, ElementsAre(Role::kGenerate));
  EXPECT_THAT(VerifySigned(absl::StrCat(R"({"roles": "generate read", )", rest))->roles,
              ElementsAre(Role::kGenerate, Role::kRead));
  EXPECT_THAT(VerifySigned(absl::StrCat(R"({"scope": ["openid", "admin"], )", rest))->roles, ElementsAre(Role::kAdmin));
  EXPECT_THAT(VerifySigned(absl::StrCat(R"({"roles": ["root", 7], )", rest))->roles, IsEmpty());
}

TEST_F(JsonWebKeysTest, TextsThatAreNoTokensAreRefused) {
  for (const char* text : {"", ".", "..", "...", "a.b.c", "e30.e30.", "e30..", "eyJhbGciOiJFZERTQSJ9.e30.AA"}) {
    ExpectRefused(Verify(jwks_, text), "");
  }
}

TEST_F(JsonWebKeysTest, SetsOfNoUseAreRefusedByName) {
  const auto problem = [](const std::string& text) { return std::string(JsonWebKeys::Parse(text).status().message()); };
  EXPECT_THAT(problem("hello"), HasSubstr("JWKS"));
  EXPECT_THAT(problem(R"({"keys": 7})"), HasSubstr("JWKS"));
  EXPECT_THAT(problem(Jwks("")), HasSubstr("no public key"));
  EXPECT_THAT(problem(Jwks("7")), HasSubstr("keys[0]"));
  for (const std::string& key :
       {std::string(R"({"kty": "RSA"})"), std::string(R"({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"})"),
        std::string(R"({"kty": "oct", "k": "c2VjcmV0"})"), TokenSigner("RS256", "short", 1024).Jwk()}) {
    EXPECT_THAT(problem(Jwks(key)), HasSubstr("no public key")) << key;
    const auto others = JsonWebKeys::Parse(Jwks(absl::StrCat(key, ",", signer_.Jwk())));
    ASSERT_TRUE(others.ok()) << others.status() << key;
    EXPECT_TRUE(others->Verify(signer_.Sign(Claims()), {}, kNow).ok()) << "the others hold";
  }
  EXPECT_THAT(problem(Jwks(signer_.PrivateJwk())), HasSubstr("private"));
}

// RFC 7515, appendix A.3: a signature that another implementation made. Its claims are not for us.
TEST_F(JsonWebKeysTest, TheSignatureOfTheStandardsExampleIsRight) {
  const std::string key = R"({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                             "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
  const std::string token =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
      "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  ExpectRefused(Verify(Jwks(key), token), "aud");
  std::string changed = token;
  changed.back() = 'w';
  ExpectRefused(Verify(Jwks(key), changed), "signature");
}

}  // namespace
}  // namespace latentd::auth
