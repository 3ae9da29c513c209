#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"

namespace latentd::rpc {

// Messages from and to the bytes that gRPC carries. Every RPC is served with raw bytes, since gRPC answers a request
// that protobuf cannot read with a bare UNIMPLEMENTED.

// INVALID_ARGUMENT: texts that are not UTF-8 are named by their fields; else the bytes are no such message.
absl::Status Parse(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);

grpc::ByteBuffer Serialize(const google::protobuf::Message& message);

}  // namespace latentd::rpc
