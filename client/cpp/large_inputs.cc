#include "client/cpp/large_inputs.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "client/cpp/sha256.h"
#include "google/protobuf/message.h"

namespace latentd::client {
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

std::vector<std::string> TakeLargeInputs(v1::GenerationSpec& spec) {
  std::vector<v1::InputImage*> images;
  FindImages(spec, images);
  std::stable_sort(images.begin(), images.end(), [](const v1::InputImage* a, const v1::InputImage* b) {
    return a->data().size() > b->data().size();
  });
  std::vector<std::string> files;
  for (v1::InputImage* image : images) {
    const size_t size = image->data().size();
    if (size == 0 || (size <= kMaxInlineBytes && spec.ByteSizeLong() <= kMaxSpecBytes)) {
      break;
    }
    const std::unique_ptr<std::string> data(image->release_data());
    image->set_blob_sha256(Sha256Hex(*data));
    files.push_back(std::move(*data));
  }
  return files;
}

}  // namespace latentd::client
