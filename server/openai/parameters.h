#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/core/generation_request.h"

namespace latentd::openai {

// The parameters of one call by name. From a body of JSON or from a form, whose texts become numbers and flags where
// the parameter is one. A null is as good as nothing.
struct Parameters {
  nlohmann::json values = nlohmann::json::object();
  std::vector<absl::string_view> images{};  // of a form: files, parts of the body
  std::vector<absl::string_view> masks{};
};

// INVALID_ARGUMENT: not of that form; a parameter that is there twice; one that the call has not (all of these are
// named; reason UNSUPPORTED_PARAMETER).
absl::StatusOr<Parameters> ReadJson(absl::string_view content_type, absl::string_view body);
absl::StatusOr<Parameters> ReadForm(absl::string_view content_type, absl::string_view body);

// Looks parameters up, and collects what is wrong with them.
class ParameterReader {
 public:
  // REQUIRES: `values` outlives the reader.
  explicit ParameterReader(const nlohmann::json& values) : values_(values) {}

  // What is not there is wrong, too.
  std::string RequiredText(const char* name);

  // Empty when it is not there, or is wrong.
  std::optional<std::string> Text(const char* name);
  std::optional<int64_t> Integer(const char* name, int64_t min, int64_t max);
  std::optional<bool> Flag(const char* name);
  std::optional<std::string> Choice(const char* name, const std::vector<std::string>& choices);

  void Violate(const char* name, std::string description) { violations_.push_back({name, std::move(description)}); }

  // INVALID_ARGUMENT when something was wrong.
  absl::Status status() const;

 private:
  const nlohmann::json* Find(const char* name) const;

  const nlohmann::json& values_;
  std::vector<core::FieldViolation> violations_;
};

}  // namespace latentd::openai
