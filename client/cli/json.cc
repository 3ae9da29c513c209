#include "client/cli/json.h"

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"
#include "google/protobuf/util/json_util.h"

namespace latentd::cli {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  // The only failure is an Any of a type that this program does not know.
  return google::protobuf::util::MessageToJsonString(message, &json, options).ok() ? json : "{}";
}

std::string EventJson(v1::Event event) {
  if (event.has_output_chunk()) {
    event.mutable_output_chunk()->clear_data();
  } else if (event.progress().preview().has_image()) {
    event.mutable_progress()->mutable_preview()->mutable_image()->clear_data();
  } else if (event.progress().preview().has_latent()) {
    event.mutable_progress()->mutable_preview()->mutable_latent()->clear_data();
  }
  return ToJson(event);
}

std::string ErrorJson(const absl::Status& status) {
  google::rpc::Status error = client::GetRpcStatus(status).value_or(google::rpc::Status());
  error.set_code(static_cast<int>(status.code()));
  error.set_message(std::string(status.message()));
  std::string json = ToJson(error);
  if (json == "{}") {
    error.clear_details();
    json = ToJson(error);
  }
  return absl::StrCat("{\"error\":", json, "}");
}

}  // namespace latentd::cli
