#include "server/auth/api_keys.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/auth/names.h"
#include "server/auth/yaml_lines.h"
#include "server/core/blob_store.h"
#include "server/imaging/sha256.h"

namespace latentd::auth {
namespace {

std::set<core::Role> ReadRoles(const YAML::Node& node) {
  if (!node.IsSequence() || node.size() == 0) {
    throw YamlProblem{node.Mark(), "roles must be a list such as [generate, read]"};
  }
  std::set<core::Role> roles;
  for (const YAML::Node& each : node) {
    const auto role = each.IsScalar() ? RoleNamed(each.Scalar()) : std::nullopt;
    if (!role) throw YamlProblem{each.Mark(), "a role is generate, read or admin"};
    roles.insert(*role);
  }
  return roles;
}

struct Entry {
  std::string sha256;
  core::Caller caller{.roles = {core::Role::kGenerate, core::Role::kRead}};
};

Entry ReadEntry(const YAML::Node& node) {
  if (!node.IsMap()) throw YamlProblem{node.Mark(), "a key has the lines id, sha256, tenant and roles"};
  Entry entry;
  for (const auto& line : node) {
    const std::string key = YamlText(line.first, "what stands before the colon");
    if (key == "id") {
      entry.caller.id = YamlText(line.second, "id");
    } else if (key == "sha256") {
      entry.sha256 = YamlText(line.second, "sha256");
      if (!core::IsSha256(entry.sha256)) {
        throw YamlProblem{line.second.Mark(), absl::StrCat("sha256 ", core::kSha256Form)};
      }
    } else if (key == "tenant") {
      entry.caller.tenant = YamlText(line.second, "tenant");
      if (!IsTenantName(entry.caller.tenant)) {
        throw YamlProblem{line.second.Mark(), absl::StrCat("tenant ", kTenantForm)};
      }
    } else if (key == "roles") {
      entry.caller.roles = ReadRoles(line.second);
    } else {
      throw YamlProblem{line.first.Mark(),
                        absl::StrCat("unknown line '", key, "': there are id, sha256, tenant and roles")};
    }
  }
  for (const auto& [name, value] :
       {std::pair("id", entry.caller.id), {"sha256", entry.sha256}, {"tenant", entry.caller.tenant}}) {
    if (value.empty()) throw YamlProblem{node.Mark(), absl::StrCat("this key has no ", name)};
  }
  return entry;
}

}  // namespace

absl::StatusOr<ApiKeys> ApiKeys::Parse(const std::string& text) {
  ApiKeys keys;
  const absl::Status read = ReadYaml(text, [&](const YAML::Node& root) {
    if (!root.IsSequence() && !root.IsNull()) throw YamlProblem{root.Mark(), "the file is a list of keys"};
    std::set<std::string> ids;
    for (const YAML::Node& node : root) {
      Entry entry = ReadEntry(node);
      if (!ids.insert(entry.caller.id).second) {
        throw YamlProblem{node.Mark(), absl::StrCat("id ", entry.caller.id, " is there twice")};
      }
      if (!keys.by_hash_.emplace(entry.sha256, std::move(entry.caller)).second) {
        throw YamlProblem{node.Mark(), absl::StrCat("sha256 ", entry.sha256, " is there twice")};
      }
    }
  });
  if (!read.ok()) return read;
  return keys;
}

const core::Caller* ApiKeys::Find(std::string_view key) const {
  const auto found = by_hash_.find(imaging::Sha256Hex(key));
  return found == by_hash_.end() ? nullptr : &found->second;
}

}  // namespace latentd::auth
