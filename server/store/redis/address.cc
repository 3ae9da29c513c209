#include "server/store/redis/address.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace latentd::store {
namespace {

constexpr absl::string_view kScheme = "redis://";

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("a Redis is named as redis://[user[:password]@]host[:port][/database]: ", what));
}

absl::StatusOr<std::string> Decoded(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const absl::string_view digits = text.substr(i + 1, 2);
    if (digits.size() != 2 || !absl::ascii_isxdigit(digits[0]) || !absl::ascii_isxdigit(digits[1])) {
      return Bad("user or password has a % without two hexadecimal digits");
    }
    decoded += absl::HexStringToBytes(digits);
    i += 2;
  }
  return decoded;
}

}  // namespace

absl::StatusOr<RedisAddress> ParseRedisAddress(const std::string& url) {
  absl::string_view rest = url;
  if (!absl::ConsumePrefix(&rest, kScheme)) return Bad("it must begin with redis://");
  RedisAddress address;
  if (const size_t slash = rest.find('/', rest.rfind('@') == absl::string_view::npos ? 0 : rest.rfind('@'));
      slash != absl::string_view::npos) {
    const absl::string_view database = rest.substr(slash + 1);
    if (!database.empty() && (!absl::SimpleAtoi(database, &address.database) || address.database < 0)) {
      return Bad("the database must be a number");
    }
    rest = rest.substr(0, slash);
  }
  if (const size_t at = rest.rfind('@'); at != absl::string_view::npos) {
    const absl::string_view credentials = rest.substr(0, at);
    const size_t colon = std::min(credentials.find(':'), credentials.size());
    absl::StatusOr<std::string> user = Decoded(credentials.substr(0, colon));
    absl::StatusOr<std::string> password = Decoded(credentials.substr(std::min(colon + 1, credentials.size())));
    if (!user.ok()) return user.status();
    if (!password.ok()) return password.status();
    address.user = *std::move(user);
    address.password = *std::move(password);
    rest = rest.substr(at + 1);
  }
  if (absl::ConsumePrefix(&rest, "[")) {
    const size_t end = rest.find(']');
    if (end == absl::string_view::npos) return Bad("the host has a [ without a ]");
    address.host = std::string(rest.substr(0, end));
    rest = rest.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') return Bad("there is something between the host and the port");
  } else {
    address.host = std::string(rest.substr(0, rest.find(':')));
    rest = rest.substr(address.host.size());
  }
  if (address.host.empty()) return Bad("there is no host");
  if (absl::ConsumePrefix(&rest, ":") &&
      (!absl::SimpleAtoi(rest, &address.port) || address.port < 1 || address.port > 65535)) {
    return Bad("the port must be a number from 1 to 65535");
  }
  return address;
}

absl::StatusOr<std::string> PasswordOf(const RedisAddress& address) {
  if (address.password_file.empty()) return address.password;
  const std::ifstream file(address.password_file);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || !text) {
    return absl::InvalidArgumentError(
        absl::StrCat("the password of Redis cannot be read from ", address.password_file, ", or is empty"));
  }
  std::string password = text.str();
  password.erase(password.find_last_not_of("\r\n") + 1);
  return password;
}

}  // namespace latentd::store
