#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace latentd::imaging {

// The SHA-256 of bytes that come one after another. Not thread-safe.
//
//   Sha256 hash;
//   hash.Update("ab");
//   hash.Update("c");
//   hash.Hex();
class Sha256 {
 public:
  Sha256();

  void Update(std::string_view data);

  // In lower-case hex, of what has come. REQUIRES: called once, last.
  std::string Hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// SHA-256 of `data` in lower-case hex.
std::string Sha256Hex(std::string_view data);

}  // namespace latentd::imaging
