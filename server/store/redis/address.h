#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace latentd::store {

// Where a Redis is.
struct RedisAddress {
  std::string host{};
  int port = 6379;
  std::string user{};
  std::string password{};
  std::string password_file{};  // holds it instead; read for each connection, so that it may change
  int database = 0;
};

// Reads redis://[user[:password]@]host[:port][/database]. User and password may be percent-encoded. INVALID_ARGUMENT
// says what is wrong, never the password.
absl::StatusOr<RedisAddress> ParseRedisAddress(const std::string& url);

// Its password, from where it is, without the end of the line; empty: it needs none. INVALID_ARGUMENT: the file cannot
// be read, or is empty.
absl::StatusOr<std::string> PasswordOf(const RedisAddress& address);

}  // namespace latentd::store
