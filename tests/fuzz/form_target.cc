#include <functional>

#include "server/openai/images_request.h"
#include "server/openai/multipart.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/require.h"

namespace latentd::openai {

using model::Require;

namespace {

void RequireReason(const absl::Status& status) {
  if (status.ok()) return;
  Require(status.code() == absl::StatusCode::kInvalidArgument, "a bad body is the caller's fault");
  Require(!status.message().empty(), "an error says what is wrong");
}

}  // namespace

void FuzzForm(std::string_view bytes) {
  // The first line is the content type, so that boundaries are tried as well.
  const size_t line = bytes.find('\n');
  const absl::string_view type(bytes.data(), line == bytes.npos ? 0 : line);
  const std::string_view rest = line == bytes.npos ? bytes : bytes.substr(line + 1);
  const absl::string_view body(rest.data(), rest.size());

  const auto parts = ParseForm(type, body);
  RequireReason(parts.status());
  if (parts.ok()) {
    Require(parts->size() <= 64, "there are few parts");
    const char* end = body.data();
    const std::less_equal<const char*> before;
    for (const FormPart& part : *parts) {
      Require(before(end, part.data.data()), "parts are in the body, in their order");
      end = part.data.data() + part.data.size();
      Require(before(end, body.data() + body.size()), "parts end within the body");
    }
  }
  const auto edit = ReadEdit(type, body);
  RequireReason(edit.status());
  if (edit.ok()) {
    Require(parts.ok(), "an edit is a form");
    Require(edit->spec.num_images() >= 1 && edit->spec.num_images() <= 10, "an edit makes 1 to 10 pictures");
    Require(edit->spec.has_inpaint() != edit->spec.has_image_to_image(), "an edit has a picture");
  }
  RequireReason(ReadGeneration("application/json", body).status());
}

}  // namespace latentd::openai
