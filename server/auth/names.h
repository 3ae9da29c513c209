#pragma once

#include <optional>
#include <string_view>

#include "server/core/caller.h"

namespace latentd::auth {

// "generate", "read" or "admin", as key files and tokens have them.
std::optional<core::Role> RoleNamed(std::string_view name);
std::string_view NameOf(core::Role role);

// Whether this may name a tenant: 1 to 64 letters, digits, '-', '_' and '.'.
bool IsTenantName(std::string_view name);
constexpr char kTenantForm[] = "must be 1 to 64 letters, digits, '-', '_' or '.'";

}  // namespace latentd::auth
