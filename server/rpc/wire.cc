#include "server/rpc/wire.h"

#include <google/api/httpbody.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/core/utf8.h"

namespace latentd::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

constexpr size_t kEnough = 100;  // of what is wrong with a message that has room for millions

// Reads the bytes of a `type` without protobuf's own check of texts, and lists those that are not UTF-8 by their paths.
// Messages inside that cannot be read are passed over: the caller only wants names.
void FindInvalidTexts(const std::string& bytes, const Descriptor& type, const std::string& prefix,
                      std::vector<core::FieldViolation>& found) {
  UnknownFieldSet fields;
  if (!fields.ParseFromString(bytes)) return;
  std::map<int, int> seen;  // how many of each repeated field
  for (int i = 0; i < fields.field_count() && found.size() < kEnough; ++i) {
    const UnknownField& field = fields.field(i);
    const FieldDescriptor* descriptor = type.FindFieldByNumber(field.number());
    if (descriptor == nullptr || field.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    std::string path = prefix + descriptor->name();
    if (descriptor->is_repeated()) absl::StrAppend(&path, "[", seen[field.number()]++, "]");
    if (descriptor->type() == FieldDescriptor::TYPE_MESSAGE) {
      FindInvalidTexts(field.length_delimited(), *descriptor->message_type(), path + ".", found);
    } else if (descriptor->type() == FieldDescriptor::TYPE_STRING && !core::CountCharacters(field.length_delimited())) {
      found.push_back({path, "must be valid UTF-8"});
    }
  }
}

}  // namespace

absl::Status Parse(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  grpc::ByteBuffer copy = bytes;  // shares the memory; the reader consumes its buffer
  {
    grpc::ProtoBufferReader reader(&copy);
    if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  }
  std::vector<grpc::Slice> slices;
  std::string flat;
  if (bytes.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) flat.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  std::vector<core::FieldViolation> violations;
  FindInvalidTexts(flat, *message.GetDescriptor(), "", violations);
  if (violations.empty()) {
    return core::MakeError(
        absl::StatusCode::kInvalidArgument,
        absl::StrCat("the request is not a valid message of the type ", message.GetDescriptor()->full_name()),
        {.reason = "MALFORMED_MESSAGE"});
  }
  return core::MakeError(absl::StatusCode::kInvalidArgument,
                         absl::StrCat(violations.front().field, " is not valid UTF-8"),
                         {.reason = "INVALID_UTF8", .violations = violations});
}

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  grpc::ByteBuffer bytes;
  const size_t size = message.ByteSizeLong();
  constexpr int kBlock = 1 << 20;
  grpc::ProtoBufferWriter writer(&bytes, kBlock, static_cast<int>(size));
  message.SerializeToZeroCopyStream(&writer);
  return bytes;
}

grpc::ByteBuffer Serialize(const FileBody& body) {
  google::api::HttpBody head;
  head.set_content_type(body.content_type);
  std::string begin = head.SerializeAsString();
  // The next field, up to its content.
  {
    google::protobuf::io::StringOutputStream stream(&begin);
    google::protobuf::io::CodedOutputStream coded(&stream);
    constexpr int kLengthDelimited = 2;  // as protobuf's encoding calls it
    coded.WriteTag(google::api::HttpBody::kDataFieldNumber << 3 | kLengthDelimited);
    coded.WriteVarint64(body.data->size());
  }
  auto* const held = new core::Blob(body.data);
  const grpc::Slice slices[] = {grpc::Slice(begin),
                                grpc::Slice(
                                    const_cast<char*>((*held)->data()), (*held)->size(),
                                    [](void* blob) { delete static_cast<core::Blob*>(blob); }, held)};
  return {slices, std::size(slices)};
}

}  // namespace latentd::rpc
