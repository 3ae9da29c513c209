#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace latentd::auth {

// What is wrong with a YAML file, and where. Thrown by those who read its nodes, and caught by ReadYaml.
struct YamlProblem {
  YAML::Mark mark;
  std::string what;
};

// Gives the root of `text` to `read`. INVALID_ARGUMENT: "line 3: …", when the text is no YAML or `read` throws a
// YamlProblem.
absl::Status ReadYaml(const std::string& text, const std::function<void(const YAML::Node&)>& read);

// A text that is not empty. Throws YamlProblem, which calls it `what`.
std::string YamlText(const YAML::Node& node, const std::string& what);

}  // namespace latentd::auth
