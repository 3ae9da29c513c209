#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace latentd::cli {

struct HostPort {
  std::string host;
  std::string port;
};

// The name that a server is given by; none for literal addresses and whatever else only gRPC understands ("unix:…").
std::optional<HostPort> NameOf(const std::string& server);

// All addresses of a name, each as "ADDRESS:PORT", the one to be tried first in front. Thread-safe; may block for long.
// NOT_FOUND: it has none; other errors: nobody could tell.
using Resolver = std::function<absl::StatusOr<std::vector<std::string>>(const HostPort& name)>;

// By the system.
absl::StatusOr<std::vector<std::string>> Resolve(const HostPort& name);

// What to connect to for each of the servers that a name with these addresses stands for: its address, or the name
// where that has one server, whose addresses gRPC tries in turn, or none.
std::vector<std::string> TargetsOf(const std::string& name, const std::vector<std::string>& addresses);

}  // namespace latentd::cli
