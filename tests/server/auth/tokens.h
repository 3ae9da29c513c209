#pragma once

#include <memory>
#include <string>

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace latentd::auth {

// Signs tokens for a test, by OpenSSL: not by the library that checks them.
class TokenSigner {
 public:
  // `algorithm`: RS256, ES256 or EdDSA; a new key each time.
  TokenSigner(std::string algorithm, std::string key_id, int rsa_bits = 2048);

  // As an entry of a JWKS, public or with the private part.
  std::string Jwk() const;
  std::string PrivateJwk() const;
  // The bytes of an EdDSA key.
  std::string PublicKey() const;

  // The token with these claims, in JSON; its header says what is given, or what is true.
  std::string Sign(const std::string& claims) const;
  std::string SignWithHeader(const std::string& header, const std::string& claims) const;

 private:
  std::string Signature(const std::string& text) const;

  const std::string algorithm_;
  const std::string key_id_;
  std::shared_ptr<evp_pkey_st> key_;
};

// {"keys": […]} of one or several Jwk().
std::string Jwks(const std::string& keys);

std::string HmacSha256(const std::string& secret, const std::string& text);

std::string Base64Url(const std::string& bytes);

}  // namespace latentd::auth
