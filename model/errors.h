#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace latentd::model {

// What is wrong with a model's files. One error lists everything that was found, so that a user mends a folder once.
//
//   throw ModelError("unet/config.json", {"act_fn: 'mish' is not supported (silu is)", "foo: unknown field"});
//
// model/ reports bad input by this exception and lets LibTorch's own (c10::Error) pass; server/engine is the one place
// that turns both into absl::Status.
class ModelError : public std::runtime_error {
 public:
  // `where` names the file or folder; `problems` is not empty.
  ModelError(std::string where, std::vector<std::string> problems);

  const std::string& where() const { return where_; }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::string where_;
  std::vector<std::string> problems_;
};

}  // namespace latentd::model
