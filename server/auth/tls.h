#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class ServerCredentials;
}  // namespace grpc

namespace latentd::auth {

// Files that a listener with TLS needs, in PEM.
struct TlsFiles {
  std::string cert{};       // the server's certificate, followed by those up to its authority
  std::string key{};        // that belongs to it
  std::string client_ca{};  // authorities of callers' certificates; empty: callers need none (no mutual TLS)
};

// Credentials with these files, for TLS 1.2 and 1.3. Files that change are read again within about a second, and hold
// for connections that come then; what cannot be read leaves the present ones. Replace certificate and key together,
// as by a link to their folder: with one of each, new connections fail.
//
// Errors: INVALID_ARGUMENT names the file that cannot be read, is no PEM, or the key that is another certificate's.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsCredentials(const TlsFiles& files);

}  // namespace latentd::auth
