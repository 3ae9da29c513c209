#include "server/rpc/fingerprint.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <memory>
#include <vector>

#include "latentd/v1/spec.pb.h"
#include "server/imaging/sha256.h"

namespace latentd::rpc {
namespace {

using google::protobuf::FieldDescriptor;

// Puts their hashes in place of all pictures, wherever in the message they are.
void HashPictures(google::protobuf::Message& message) {
  if (auto* const image = dynamic_cast<v1::InputImage*>(&message)) {
    if (image->has_data()) image->set_blob_sha256(imaging::Sha256Hex(image->data()));
    return;
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    if (!field->is_repeated()) {
      HashPictures(*reflection.MutableMessage(&message, field));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      HashPictures(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
}

}  // namespace

std::string Fingerprint(const google::protobuf::Message& message) {
  const std::unique_ptr<google::protobuf::Message> hashed(message.New());
  hashed->CopyFrom(message);
  HashPictures(*hashed);
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    hashed->SerializeToCodedStream(&coded);
  }
  return imaging::Sha256Hex(bytes);
}

}  // namespace latentd::rpc
