#include "server/auth/json_web_keys.h"

#include <rhonabwy.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/auth/names.h"
#include "server/core/errors.h"

namespace latentd::auth {
namespace {

using Json = nlohmann::json;

constexpr unsigned int kLeastRsaBits = 2048;  // RFC 7518, section 3.3

struct Free {
  void operator()(jwk_t* key) const { r_jwk_free(key); }
  void operator()(jwt_t* token) const { r_jwt_free(token); }
  void operator()(char* text) const { r_free(text); }
};

template <typename T>
std::unique_ptr<T, Free> New(int (*init)(T**)) {
  T* made = nullptr;
  init(&made);
  return std::unique_ptr<T, Free>(made);
}

absl::Status Invalid(const std::string& what) {
  return core::MakeError(absl::StatusCode::kUnauthenticated, absl::StrCat("The token is not valid: ", what, "."),
                         {.reason = "TOKEN_INVALID"});
}

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<absl::Time> TimeAt(const Json& claims, const char* key) {
  const auto found = claims.find(key);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(found->get<double>());
}

// Texts of a claim that may be one or a list.
std::vector<std::string> TextsAt(const Json& claims, const char* key) {
  const auto found = claims.find(key);
  std::vector<std::string> texts;
  if (found == claims.end()) return texts;
  for (const Json& each : found->is_array() ? *found : Json::array({*found})) {
    if (each.is_string()) texts.push_back(each.get<std::string>());
  }
  return texts;
}

std::set<core::Role> RolesIn(const Json& claims) {
  std::set<core::Role> roles;
  for (const char* claim : {"roles", "scope"}) {
    for (const std::string& words : TextsAt(claims, claim)) {
      for (const std::string& name : std::vector<std::string>(absl::StrSplit(words, ' '))) {
        if (const auto role = RoleNamed(name)) roles.insert(*role);
      }
    }
  }
  return roles;
}

absl::StatusOr<core::Caller> ReadClaims(const Json& claims, const TokenRules& rules, absl::Time now) {
  const auto expires = TimeAt(claims, "exp");
  if (!expires) return Invalid("it has no expiry, exp");
  if (now >= *expires + rules.leeway) {
    return core::MakeError(absl::StatusCode::kUnauthenticated, "The token has expired: get a new one.",
                           {.reason = "TOKEN_EXPIRED"});
  }
  if (claims.contains("nbf")) {
    const auto not_before = TimeAt(claims, "nbf");
    if (!not_before || now < *not_before - rules.leeway) return Invalid("it is not valid yet");
  }
  if (!rules.issuer.empty() && TextAt(claims, "iss") != rules.issuer) return Invalid("it is by another issuer, iss");
  const std::vector<std::string> audience = TextsAt(claims, "aud");
  if (std::find(audience.begin(), audience.end(), rules.audience) == audience.end()) {
    return Invalid("it is for another audience, aud");
  }
  core::Caller caller{.tenant = TextAt(claims, "tenant"), .id = TextAt(claims, "sub"), .roles = RolesIn(claims)};
  if (!IsTenantName(caller.tenant)) return Invalid(absl::StrCat("its tenant ", kTenantForm));
  return caller;
}

}  // namespace

// Kept as texts, and read anew for each token: the library's own objects are not made for many threads.
struct JsonWebKeys::Keys {
  struct Key {
    std::string id;  // "kid"; may be empty
    jwa_alg algorithm;
    std::string json;
  };
  std::vector<Key> keys;
};

absl::StatusOr<JsonWebKeys> JsonWebKeys::Parse(const std::string& text) {
  const Json set = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!set.is_object() || !set.contains("keys") || !set["keys"].is_array()) {
    return absl::InvalidArgumentError(R"(is not a JWKS: an object such as {"keys": [{"kty": "RSA", …}]})");
  }
  auto keys = std::make_shared<Keys>();
  for (size_t i = 0; i < set["keys"].size(); ++i) {
    const Json& json = set["keys"][i];
    const auto wrong = [&](const std::string& what) {
      return absl::InvalidArgumentError(absl::StrCat("keys[", i, "] ", what));
    };
    if (!json.is_object()) return wrong("is not a key");
    // A set may hold keys for other uses.
    if (const std::string use = TextAt(json, "use"); !use.empty() && use != "sig") continue;
    Keys::Key key{.id = TextAt(json, "kid"), .algorithm = R_JWA_ALG_UNKNOWN, .json = json.dump()};
    const auto read = New<jwk_t>(r_jwk_init);
    unsigned int bits = 0;
    // Of a kind that is not known, or damaged: RFC 7517 (section 5) has sets go on without them.
    if (r_jwk_import_from_json_str(read.get(), key.json.c_str()) != RHN_OK) continue;
    const int type = r_jwk_key_type(read.get(), &bits, R_FLAG_IGNORE_REMOTE);
    const std::string algorithm = TextAt(json, "alg");
    if ((type & R_KEY_TYPE_RSA) != 0 && (algorithm.empty() || algorithm == "RS256")) {
      if (bits < kLeastRsaBits) continue;
      key.algorithm = R_JWA_ALG_RS256;
    } else if ((type & R_KEY_TYPE_EDDSA) != 0) {
      key.algorithm = R_JWA_ALG_EDDSA;
    } else if ((type & R_KEY_TYPE_EC) != 0 && TextAt(json, "crv") == "P-256") {
      key.algorithm = R_JWA_ALG_ES256;
    } else {
      continue;
    }
    if ((type & R_KEY_TYPE_PRIVATE) != 0) return wrong("is a private key: only its owner should have it");
    keys->keys.push_back(std::move(key));
  }
  if (keys->keys.empty())
    return absl::InvalidArgumentError("has no public key for RS256 (of 2048 bits or more), ES256 or EdDSA");
  return JsonWebKeys(std::move(keys));
}

absl::StatusOr<core::Caller> JsonWebKeys::Verify(std::string_view token, const TokenRules& rules,
                                                 absl::Time now) const {
  const auto jwt = New<jwt_t>(r_jwt_init);
  // Unsigned tokens, and keys or addresses of keys that a token brings along, are not taken.
  if (r_jwt_advanced_parsen(jwt.get(), token.data(), token.size(), R_PARSE_NONE, R_FLAG_IGNORE_REMOTE) != RHN_OK ||
      r_jwt_get_type(jwt.get()) != R_JWT_TYPE_SIGN) {
    return Invalid("it is no signed token");
  }
  const std::unique_ptr<char, Free> header_text(r_jwt_get_full_header_str(jwt.get()));
  const Json header = Json::parse(header_text ? header_text.get() : "", nullptr, false);
  if (!header.is_object()) return Invalid("it has no header");
  if (header.contains("crit")) return Invalid("it asks for extensions, crit, that are not known here");

  const std::string id = TextAt(header, "kid");
  const jwa_alg algorithm = r_jwt_get_sign_alg(jwt.get());
  const bool verified = std::any_of(keys_->keys.begin(), keys_->keys.end(), [&](const Keys::Key& key) {
    if (key.algorithm != algorithm || (!id.empty() && key.id != id)) return false;
    const auto read = New<jwk_t>(r_jwk_init);
    return r_jwk_import_from_json_str(read.get(), key.json.c_str()) == RHN_OK &&
           r_jwt_verify_signature(jwt.get(), read.get(), R_FLAG_IGNORE_REMOTE) == RHN_OK;
  });
  if (!verified) return Invalid("its signature is not of a key that is known here");

  const std::unique_ptr<char, Free> text(r_jwt_get_full_claims_str(jwt.get()));
  const Json claims = Json::parse(text ? text.get() : "", nullptr, /*allow_exceptions=*/false);
  if (!claims.is_object()) return Invalid("it has no claims");
  return ReadClaims(claims, rules, now);
}

}  // namespace latentd::auth
