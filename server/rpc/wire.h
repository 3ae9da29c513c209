#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "absl/status/status.h"
#include "server/core/blob.h"

namespace latentd::rpc {

// Messages from and to the bytes that gRPC carries. Every RPC is served with raw bytes, since gRPC answers a request
// that protobuf cannot read with a bare UNIMPLEMENTED.

// INVALID_ARGUMENT: texts that are not UTF-8 are named by their fields; else the bytes are no such message.
absl::Status Parse(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);

grpc::ByteBuffer Serialize(const google::protobuf::Message& message);

// A google.api.HttpBody whose data is not copied: a reader who takes his time, or many of one file, hold it once.
struct FileBody {
  std::string content_type;
  core::Blob data;  // not null
};
grpc::ByteBuffer Serialize(const FileBody& body);

}  // namespace latentd::rpc
