#include "client/cli/large_inputs.h"

#include <memory>
#include <utility>

#include "client/cpp/error.h"
#include "client/cpp/sha256.h"
#include "google/protobuf/message.h"

namespace latentd::cli {
namespace {

using google::protobuf::FieldDescriptor;

// Adds every picture that is in the message to `images`.
void FindImages(google::protobuf::Message& message, std::vector<v1::InputImage*>& images) {
  if (auto* const image = dynamic_cast<v1::InputImage*>(&message)) {
    images.push_back(image);
    return;
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) {
      continue;
    }
    if (!field->is_repeated()) {
      FindImages(*reflection.MutableMessage(&message, field), images);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      FindImages(*reflection.MutableRepeatedMessage(&message, field, i), images);
    }
  }
}

}  // namespace

LargeInputs::LargeInputs(v1::GenerationSpec& spec) {
  std::vector<v1::InputImage*> images;
  FindImages(spec, images);
  for (v1::InputImage* image : images) {
    if (image->data().size() <= kMaxInlineBytes) {
      continue;
    }
    const std::unique_ptr<std::string> data(image->release_data());
    image->set_blob_sha256(client::Sha256Hex(*data));
    files_.push_back(std::move(*data));
  }
}

absl::Status LargeInputs::Send(const client::Client& client, const client::CallOptions& options,
                               const std::function<void(const absl::Status&, absl::Duration)>& retry) const {
  for (const std::string& file : files_) {
    if (const absl::StatusOr<std::string> sent = client.PutBlob(file, options, retry); !sent.ok()) {
      return sent.status();
    }
  }
  return absl::OkStatus();
}

bool LargeInputs::LacksBlobs(const absl::Status& status) {
  return absl::IsNotFound(status) && client::GetErrorDetails(status).info.reason() == "BLOB_NOT_FOUND";
}

}  // namespace latentd::cli
