#include "server/rpc/blobs_service.h"

#include "server/rpc/status.h"

namespace latentd::rpc {
namespace {

grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const char* rpc) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(RpcNotServed(rpc), *context));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* BlobsService::PutChunk(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* /*request*/, grpc::ByteBuffer* /*response*/) {
  return Refuse(context, "latentd.v1.Blobs/PutChunk");
}

grpc::ServerUnaryReactor* BlobsService::Get(grpc::CallbackServerContext* context, const grpc::ByteBuffer* /*request*/,
                                            grpc::ByteBuffer* /*response*/) {
  return Refuse(context, "latentd.v1.Blobs/Get");
}

}  // namespace latentd::rpc
