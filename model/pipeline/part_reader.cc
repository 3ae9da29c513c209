#include "model/pipeline/part_reader.h"

#include "model/errors.h"

namespace latentd::model {

bool PartReader::Part(const std::function<void()>& read, const std::string& about) {
  try {
    read();
    return true;
  } catch (const ModelError& error) {
    const std::string where =
        about.empty() ? std::filesystem::path(error.where()).lexically_relative(path_).string() : about;
    for (const std::string& problem : error.problems()) AddProblem(std::string(where).append(": ").append(problem));
    return false;
  }
}

void PartReader::Finish() {
  if (!problems_.empty()) throw ModelError(path_.string(), std::exchange(problems_, {}));
}

}  // namespace latentd::model
