#include "server/openai/parameters.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/errors.h"
#include "server/core/utf8.h"
#include "server/openai/multipart.h"

namespace latentd::openai {
namespace {

using nlohmann::json;

enum class Type { kText, kInteger, kFlag, kFile };

struct Parameter {
  absl::string_view name;
  Type type;
};

// Those of both calls, and the files of edits. That API has more (style, svg, input_fidelity, …): they are refused.
constexpr Parameter kParameters[] = {
    {"background", Type::kText},
    {"image", Type::kFile},
    {"mask", Type::kFile},
    {"model", Type::kText},
    {"moderation", Type::kText},
    {"n", Type::kInteger},
    {"output_compression", Type::kInteger},
    {"output_format", Type::kText},
    {"partial_images", Type::kInteger},
    {"prompt", Type::kText},
    {"quality", Type::kText},
    {"response_format", Type::kText},
    {"seed", Type::kInteger},
    {"size", Type::kText},
    {"stream", Type::kFlag},
    {"user", Type::kText},
};

const Parameter* FindParameter(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kParameters), std::end(kParameters),
                                   [&](const Parameter& parameter) { return parameter.name == name; });
  return found == std::end(kParameters) ? nullptr : found;
}

absl::Status Malformed(const char* what) {
  return core::MakeError(absl::StatusCode::kInvalidArgument, what, {.reason = "MALFORMED_BODY"});
}

absl::Status Unsupported(const std::vector<std::string>& names) {
  std::vector<core::FieldViolation> violations;
  violations.reserve(names.size());
  for (const std::string& name : names) violations.push_back({name, "is not supported"});
  const absl::string_view verb = names.size() == 1 ? " is" : " are";
  return core::MakeError(absl::StatusCode::kInvalidArgument,
                         absl::StrCat(absl::StrJoin(names, ", "), verb, " not supported"),
                         {.reason = "UNSUPPORTED_PARAMETER", .violations = std::move(violations)});
}

// A form's text as the type that it is to be; what is none stays a text, which is found out later.
json FromText(Type type, absl::string_view text) {
  if (type == Type::kFlag && (text == "true" || text == "false")) return text == "true";
  int64_t number = 0;
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c) || c == '-'; });
  if (type == Type::kInteger && is_plain && absl::SimpleAtoi(text, &number)) return number;
  return std::string(text);
}

}  // namespace

absl::StatusOr<Parameters> ReadJson(absl::string_view content_type, absl::string_view body) {
  const absl::string_view media_type = content_type.substr(0, content_type.find(';'));
  if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(media_type), "application/json")) {
    return core::MakeError(absl::StatusCode::kInvalidArgument, "the body must be application/json",
                           {.reason = "UNSUPPORTED_CONTENT_TYPE"});
  }
  std::set<std::string> seen;
  std::string twice;
  const auto note_key = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && !seen.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  Parameters parameters;
  parameters.values = json::parse(body.begin(), body.end(), note_key, /*allow_exceptions=*/false);
  if (!parameters.values.is_object()) return Malformed("the body is no JSON object");
  if (!twice.empty()) return core::BadRequest({{twice, "is there twice"}});
  std::vector<std::string> unsupported;
  for (const auto& [name, value] : parameters.values.items()) {
    const Parameter* parameter = FindParameter(name);
    if (parameter == nullptr || parameter->type == Type::kFile) unsupported.push_back(name);
  }
  if (!unsupported.empty()) return Unsupported(unsupported);
  return parameters;
}

absl::StatusOr<Parameters> ReadForm(absl::string_view content_type, absl::string_view body) {
  const absl::StatusOr<std::vector<FormPart>> parts = ParseForm(content_type, body);
  if (!parts.ok()) return parts.status();
  Parameters parameters;
  std::vector<std::string> unsupported;
  for (const FormPart& part : *parts) {
    // Of several images each is named so.
    const std::string name = part.name == "image[]" ? "image" : part.name;
    const Parameter* parameter = FindParameter(name);
    if (parameter == nullptr) {
      unsupported.push_back(name);
    } else if (parameter->type == Type::kFile) {
      (name == "mask" ? parameters.masks : parameters.images).push_back(part.data);
    } else if (!core::CountCharacters(part.data)) {
      return core::BadRequest({{name, "must be valid UTF-8"}});
    } else if (!parameters.values.emplace(name, FromText(parameter->type, part.data)).second) {
      return core::BadRequest({{name, "is there twice"}});
    }
  }
  if (!unsupported.empty()) return Unsupported(unsupported);
  return parameters;
}

const json* ParameterReader::Find(const char* name) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->is_null() ? nullptr : &*found;
}

std::string ParameterReader::RequiredText(const char* name) {
  if (Find(name) == nullptr) Violate(name, "must be set");
  return Text(name).value_or("");
}

std::optional<std::string> ParameterReader::Text(const char* name) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Violate(name, "must be a text");
  return std::nullopt;
}

std::optional<int64_t> ParameterReader::Integer(const char* name, int64_t min, int64_t max) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) {
    Violate(name, "must be an integer");
    return std::nullopt;
  }
  // What is above the largest signed number is so above every limit.
  const bool huge = value->is_number_unsigned() && value->get<uint64_t>() > uint64_t{INT64_MAX};
  const int64_t number = huge ? INT64_MAX : value->get<int64_t>();
  if (!huge && number >= min && number <= max) return number;
  Violate(name, absl::StrCat("must be from ", min, " to ", max, "; got ", value->dump()));
  return std::nullopt;
}

std::optional<bool> ParameterReader::Flag(const char* name) {
  const json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  Violate(name, "must be true or false");
  return std::nullopt;
}

std::optional<std::string> ParameterReader::Choice(const char* name, const std::vector<std::string>& choices) {
  std::optional<std::string> value = Text(name);
  if (!value || std::find(choices.begin(), choices.end(), *value) != choices.end()) return value;
  Violate(name, absl::StrCat("must be ", absl::StrJoin(choices, " or "), "; got ", core::Quote(*value)));
  return std::nullopt;
}

absl::Status ParameterReader::status() const {
  return violations_.empty() ? absl::OkStatus() : core::BadRequest(violations_);
}

}  // namespace latentd::openai
