#include "server/auth/yaml_lines.h"

#include "absl/strings/str_cat.h"

namespace latentd::auth {

absl::Status ReadYaml(const std::string& text, const std::function<void(const YAML::Node&)>& read) {
  const auto wrong = [](const YAML::Mark& mark, const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat("line ", mark.line + 1, ": ", what));
  };
  try {
    read(YAML::Load(text));
  } catch (const YamlProblem& problem) {
    return wrong(problem.mark, problem.what);
  } catch (const YAML::Exception& exception) {
    return wrong(exception.mark, exception.msg);
  }
  return absl::OkStatus();
}

std::string YamlText(const YAML::Node& node, const std::string& what) {
  if (!node.IsScalar() || node.Scalar().empty()) throw YamlProblem{node.Mark(), absl::StrCat(what, " must be a text")};
  return node.Scalar();
}

}  // namespace latentd::auth
