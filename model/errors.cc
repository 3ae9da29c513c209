#include "model/errors.h"

#include <utility>

namespace latentd::model {
namespace {

std::string Describe(const std::string& where, const std::vector<std::string>& problems) {
  std::string text = where + ":";
  for (const std::string& problem : problems) {
    text += problems.size() == 1 ? " " : "\n  ";
    text += problem;
  }
  return text;
}

}  // namespace

ModelError::ModelError(std::string where, std::vector<std::string> problems)
    : std::runtime_error(Describe(where, problems)), where_(std::move(where)), problems_(std::move(problems)) {}

}  // namespace latentd::model
