#include "server/openai/multipart.h"

#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/core/errors.h"

namespace latentd::openai {
namespace {

constexpr size_t kMaxParts = 64;
constexpr size_t kMaxHeaderBytes = 4096;
constexpr size_t kMaxBoundaryBytes = 70;  // RFC 2046, section 5.1.1

absl::Status Malformed(absl::string_view what) {
  return core::MakeError(absl::StatusCode::kInvalidArgument,
                         absl::StrCat("the body is no valid multipart/form-data: ", what),
                         {.reason = "MALFORMED_BODY"});
}

// A header's value with parameters: form-data; name="image".
struct HeaderValue {
  std::string value;                              // in lower case
  std::map<std::string, std::string> parameters;  // names in lower case
};

bool IsTokenCharacter(char c) {
  return absl::ascii_isgraph(static_cast<unsigned char>(c)) && !absl::StrContains("()<>@,;:\\\"/[]?=", c);
}

// Reads a value and its parameters, from left to right (RFC 2045, section 5.1).
class HeaderValueReader {
 public:
  explicit HeaderValueReader(absl::string_view text) : rest_(text) {}

  std::optional<HeaderValue> Read() {
    HeaderValue read;
    const size_t end = rest_.find(';');
    read.value = absl::AsciiStrToLower(absl::StripAsciiWhitespace(Take(end)));
    while (!rest_.empty()) {
      rest_.remove_prefix(1);  // the semicolon
      SkipBlanks();
      if (rest_.empty()) break;  // one at the end is harmless
      std::string name = absl::AsciiStrToLower(Token());
      if (name.empty() || rest_.empty() || rest_.front() != '=') return std::nullopt;
      rest_.remove_prefix(1);
      std::optional<std::string> value = Value();
      if (!value || !read.parameters.emplace(std::move(name), *std::move(value)).second) return std::nullopt;
      SkipBlanks();
      if (!rest_.empty() && rest_.front() != ';') return std::nullopt;
    }
    return read;
  }

 private:
  std::string Take(size_t bytes) {
    std::string taken(rest_.substr(0, bytes));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  void SkipBlanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }

  std::string Token() {
    size_t end = 0;
    while (end < rest_.size() && IsTokenCharacter(rest_[end])) ++end;
    return Take(end);
  }

  std::optional<std::string> Value() {
    if (rest_.empty() || rest_.front() != '"') {
      std::string token = Token();
      if (token.empty()) return std::nullopt;
      return token;
    }
    std::string text;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return text;
      }
      if (rest_[i] == '\\' && ++i == rest_.size()) break;
      text += rest_[i];
    }
    return std::nullopt;  // it does not end
  }

  absl::string_view rest_;
};

absl::StatusOr<std::string> ReadBoundary(absl::string_view content_type) {
  const std::optional<HeaderValue> header = HeaderValueReader(content_type).Read();
  if (!header || header->value != "multipart/form-data") {
    return core::MakeError(absl::StatusCode::kInvalidArgument, "the body must be multipart/form-data",
                           {.reason = "UNSUPPORTED_CONTENT_TYPE"});
  }
  const auto boundary = header->parameters.find("boundary");
  if (boundary == header->parameters.end()) return Malformed("the content type names no boundary");
  if (boundary->second.empty() || boundary->second.size() > kMaxBoundaryBytes) {
    return Malformed(absl::StrCat("the boundary must have 1 to ", kMaxBoundaryBytes, " characters"));
  }
  return boundary->second;
}

class FormReader {
 public:
  FormReader(absl::string_view body, const std::string& boundary)
      : rest_(body), delimiter_(absl::StrCat("\r\n--", boundary)) {}

  absl::StatusOr<std::vector<FormPart>> Read() {
    std::vector<FormPart> parts;
    if (!Skip(absl::string_view(delimiter_).substr(2))) return Malformed("it does not begin with the boundary");
    while (!Skip("--")) {
      SkipBlanks();
      if (!Skip("\r\n")) return Malformed("a boundary's line goes on");
      if (parts.size() == kMaxParts) return Malformed(absl::StrCat("it has more than ", kMaxParts, " parts"));
      absl::StatusOr<std::string> name = ReadHeaders();
      if (!name.ok()) return name.status();
      const size_t end = rest_.find(delimiter_);
      if (end == absl::string_view::npos) return Malformed("the last boundary is missing");
      parts.push_back({.name = *std::move(name), .data = rest_.substr(0, end)});
      rest_.remove_prefix(end + delimiter_.size());
    }
    SkipBlanks();
    Skip("\r\n");
    if (!rest_.empty()) return Malformed("something follows the last boundary");
    return parts;
  }

 private:
  bool Skip(absl::string_view text) {
    if (rest_.substr(0, text.size()) != text) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  void SkipBlanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }

  // The part's name; up to its content.
  absl::StatusOr<std::string> ReadHeaders() {
    std::optional<std::string> name;
    size_t left = kMaxHeaderBytes;
    while (!Skip("\r\n")) {
      const size_t end = rest_.substr(0, left).find("\r\n");
      if (end == absl::string_view::npos) {
        return Malformed(absl::StrCat("a part's headers do not end, or have more than ", kMaxHeaderBytes, " bytes"));
      }
      const absl::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(end + 2);
      left -= end;
      if (absl::Status read = ReadHeader(line, name); !read.ok()) return read;
    }
    if (!name) return Malformed("a part has no name");
    return *std::move(name);
  }

  static absl::Status ReadHeader(absl::string_view line, std::optional<std::string>& name) {
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) return Malformed("a part's header has no colon");
    const std::string field = absl::AsciiStrToLower(std::string(line.substr(0, colon)));
    if (field == "content-transfer-encoding") {  // RFC 7578, section 4.7: not to be used; some name one that is none
      const std::string encoding = absl::AsciiStrToLower(absl::StripAsciiWhitespace(line.substr(colon + 1)));
      if (encoding == "binary" || encoding == "8bit" || encoding == "7bit") return absl::OkStatus();
      return Malformed("a part has a transfer encoding");
    }
    if (field != "content-disposition") return absl::OkStatus();  // a file is known by its content
    if (name) return Malformed("a part has two dispositions");
    std::optional<HeaderValue> header = HeaderValueReader(line.substr(colon + 1)).Read();
    if (!header || header->value != "form-data" || header->parameters.count("name") == 0) {
      return Malformed("a part's disposition is not form-data with a name");
    }
    name = std::move(header->parameters["name"]);
    return absl::OkStatus();
  }

  absl::string_view rest_;
  const std::string delimiter_;
};

}  // namespace

absl::StatusOr<std::vector<FormPart>> ParseForm(absl::string_view content_type, absl::string_view body) {
  const absl::StatusOr<std::string> boundary = ReadBoundary(content_type);
  if (!boundary.ok()) return boundary.status();
  return FormReader(body, *boundary).Read();
}

}  // namespace latentd::openai
