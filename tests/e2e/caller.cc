// A caller in a process of its own, to be killed: asks for a long picture and writes a byte for each step that it hears
// of.
//
//   latentd_e2e_caller ADDRESS MODEL

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cstdio>

#include "latentd/v1/image_generation.grpc.pb.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto stub =
      latentd::v1::ImageGeneration::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  latentd::v1::GenerateRequest request;
  request.mutable_spec()->set_model(argv[2]);
  request.mutable_spec()->set_steps(999);
  const auto stream = stub->Generate(&context, request);
  latentd::v1::Event event;
  while (stream->Read(&event)) {
    if (!event.has_progress()) continue;
    std::fputc('p', stdout);
    std::fflush(stdout);
  }
  return 1;
}
