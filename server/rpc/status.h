#pragma once

#include <google/rpc/status.pb.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace latentd::rpc {

// The one place where statuses become gRPC's. The details (core::ErrorDetails) become an ErrorInfo of the domain
// "latentd", always, and what else they hold: BadRequest, ResourceInfo, QuotaFailure, RetryInfo.
//
// For a field of a message. Texts and lists beyond 64 KiB are cut, and say so.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// The status that a call finishes with: it travels as metadata, of which gRPC's clients take 8 KiB by default, so that
// texts and lists are cut far sooner. A time to try again also goes into the trailing metadata that gRPC's clients
// obey ("grpc-retry-pushback-ms"). REQUIRES: the call was not finished yet.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::CallbackServerContext& context);

}  // namespace latentd::rpc
