#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace latentd::rpc {

// "127.0.0.1:50051", "[::1]:50051", "localhost:0" taken apart.
struct Address {
  std::string host;  // without brackets
  int port = 0;
};

// INVALID_ARGUMENT: not of that form.
absl::StatusOr<Address> ParseAddress(const std::string& text);

// Whether only programs of this machine can reach it: "localhost", 127.0.0.0/8 or ::1. Other names are not looked up.
bool IsLoopback(const Address& address);

// Why nobody can listen there now, by trying it: FAILED_PRECONDITION naming the address.
absl::Status ExplainBindFailure(const Address& address);

}  // namespace latentd::rpc
