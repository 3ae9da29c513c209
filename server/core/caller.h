#pragma once

#include <set>
#include <string>

namespace latentd::core {

enum class Role {
  kGenerate,  // make jobs, cancel and delete one's own, send large inputs ahead
  kRead,      // see one's own jobs and their outputs
  kAdmin,     // load and unload models
};

// Who calls. Where nobody is asked who they are, all are one caller of the tenant "" with every role.
struct Caller {
  std::string tenant{};  // whose jobs, inputs and quotas are the caller's
  std::string id{};      // of the key, or the token's subject: for logs
  std::set<Role> roles{};
};

}  // namespace latentd::core
