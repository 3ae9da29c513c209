#include "client/cli/addresses.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace latentd::cli {
namespace {

absl::Status ErrorOf(int code, const HostPort& name) {
  const std::string text = absl::StrCat(name.host, ": ", ::gai_strerror(code));
  const bool none = code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY;
  return none ? absl::NotFoundError(text) : absl::UnavailableError(text);
}

}  // namespace

std::optional<HostPort> NameOf(const std::string& server) {
  const size_t colon = server.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  HostPort name{server.substr(0, colon), server.substr(colon + 1)};
  in_addr address{};
  // With a colon or slash it is an address of IPv6 or begins with a scheme.
  if (name.host.empty() || name.port.empty() || name.host == "unix" || name.host == "unix-abstract" ||
      name.host.find_first_of(":/[") != std::string::npos || absl::StrContains(name.port, '/') ||
      ::inet_pton(AF_INET, name.host.c_str(), &address) == 1) {
    return std::nullopt;
  }
  return name;
}

absl::StatusOr<std::vector<std::string>> Resolve(const HostPort& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int code = ::getaddrinfo(name.host.c_str(), name.port.c_str(), &hints, &list); code != 0) {
    return ErrorOf(code, name);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (const int code = ::getnameinfo(each->ai_addr, each->ai_addrlen, host.data(), host.size(), port.data(),
                                       port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
        code != 0) {
      return ErrorOf(code, name);
    }
    const bool six = each->ai_family == AF_INET6;
    std::string address = absl::StrCat(six ? "[" : "", host.data(), six ? "]:" : ":", port.data());
    // The hosts file may have one twice.
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      addresses.push_back(std::move(address));
    }
  }
  return addresses;
}

std::vector<std::string> TargetsOf(const std::string& name, const std::vector<std::string>& addresses) {
  // A server with an address of each family is one server: the family counts that has more, or else is to be tried
  // first.
  std::vector<std::string> first, second;
  for (const std::string& address : addresses) {
    const bool same = first.empty() || (first[0][0] == '[') == (address[0] == '[');
    (same ? first : second).push_back(address);
  }
  std::vector<std::string>& targets = second.size() > first.size() ? second : first;
  if (targets.size() < 2) return {name};
  std::sort(targets.begin(), targets.end());  // name servers tell them in any order
  return targets;
}

}  // namespace latentd::cli
