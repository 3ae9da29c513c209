#include "server/auth/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace latentd::auth {

std::optional<core::Role> RoleNamed(std::string_view name) {
  for (const core::Role role : {core::Role::kGenerate, core::Role::kRead, core::Role::kAdmin}) {
    if (NameOf(role) == name) return role;
  }
  return std::nullopt;
}

std::string_view NameOf(core::Role role) {
  switch (role) {
    case core::Role::kGenerate:
      return "generate";
    case core::Role::kRead:
      return "read";
    case core::Role::kAdmin:
      return "admin";
  }
  return "";
}

bool IsTenantName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace latentd::auth
