#include "tests/server/auth/tokens.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace latentd::auth {
namespace {

constexpr int kCoordinateBytes = 32;  // of a point of P-256

std::string Number(EVP_PKEY* key, const char* name, int bytes = 0) {
  BIGNUM* number = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &number), 1) << name;
  std::string out(bytes > 0 ? bytes : BN_num_bytes(number), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(number);
  return Base64Url(out);
}

std::string Octets(EVP_PKEY* key, int (*get)(const EVP_PKEY*, unsigned char*, size_t*)) {
  std::string out(32, '\0');
  size_t size = out.size();
  EXPECT_EQ(get(key, reinterpret_cast<unsigned char*>(out.data()), &size), 1);
  return out;
}

// Two numbers in a row, as JWS has it, of the DER that OpenSSL makes.
std::string RawSignature(const std::string& der) {
  const auto* place = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &place, static_cast<int64_t>(der.size()));
  std::string out(2 * kCoordinateBytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), bytes, kCoordinateBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), bytes + kCoordinateBytes, kCoordinateBytes);
  ECDSA_SIG_free(signature);
  return out;
}

EVP_PKEY* NewKey(const std::string& algorithm, int rsa_bits) {
  if (algorithm == "RS256") return EVP_RSA_gen(static_cast<size_t>(rsa_bits));
  if (algorithm == "ES256") return EVP_EC_gen("P-256");
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
}

}  // namespace

TokenSigner::TokenSigner(std::string algorithm, std::string key_id, int rsa_bits)
    : algorithm_(std::move(algorithm)), key_id_(std::move(key_id)), key_(NewKey(algorithm_, rsa_bits), EVP_PKEY_free) {
  EXPECT_NE(key_, nullptr);
}

std::string TokenSigner::Jwk() const {
  std::string key = absl::StrCat(R"({"use": "sig", "kid": ")", key_id_, R"(", "alg": ")", algorithm_, R"(", )");
  if (algorithm_ == "RS256") {
    return absl::StrCat(key, R"("kty": "RSA", "n": ")", Number(key_.get(), OSSL_PKEY_PARAM_RSA_N), R"(", "e": ")",
                        Number(key_.get(), OSSL_PKEY_PARAM_RSA_E), R"("})");
  }
  if (algorithm_ == "ES256") {
    return absl::StrCat(key, R"("kty": "EC", "crv": "P-256", "x": ")",
                        Number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, kCoordinateBytes), R"(", "y": ")",
                        Number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinateBytes), R"("})");
  }
  return absl::StrCat(key, R"("kty": "OKP", "crv": "Ed25519", "x": ")", Base64Url(PublicKey()), R"("})");
}

std::string TokenSigner::PrivateJwk() const {
  std::string key = Jwk();
  key.pop_back();
  EXPECT_EQ(algorithm_, "EdDSA");
  return absl::StrCat(key, R"(, "d": ")", Base64Url(Octets(key_.get(), EVP_PKEY_get_raw_private_key)), R"("})");
}

std::string TokenSigner::PublicKey() const { return Octets(key_.get(), EVP_PKEY_get_raw_public_key); }

std::string TokenSigner::Sign(const std::string& claims) const {
  return SignWithHeader(absl::StrCat(R"({"typ": "JWT", "alg": ")", algorithm_, R"(", "kid": ")", key_id_, R"("})"),
                        claims);
}

std::string TokenSigner::SignWithHeader(const std::string& header, const std::string& claims) const {
  const std::string text = absl::StrCat(Base64Url(header), ".", Base64Url(claims));
  return absl::StrCat(text, ".", Base64Url(Signature(text)));
}

std::string TokenSigner::Signature(const std::string& text) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const EVP_MD* const hash = algorithm_ == "EdDSA" ? nullptr : EVP_sha256();
  EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key_.get()), 1);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  EXPECT_EQ(EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()), 1);
  std::string signature(size, '\0');
  EXPECT_EQ(
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, text.size()), 1);
  signature.resize(size);
  return algorithm_ == "ES256" ? RawSignature(signature) : signature;
}

std::string Jwks(const std::string& keys) { return absl::StrCat(R"({"keys": [)", keys, "]}"); }

std::string HmacSha256(const std::string& secret, const std::string& text) {
  std::string code(32, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), reinterpret_cast<unsigned char*>(code.data()),
       &size);
  return code;
}

std::string Base64Url(const std::string& bytes) { return absl::WebSafeBase64Escape(bytes); }

}  // namespace latentd::auth
