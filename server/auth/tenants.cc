#include "server/auth/tenants.h"

#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/auth/names.h"
#include "server/auth/yaml_lines.h"

namespace latentd::auth {
namespace {

// Weights differ by less than this much from 1, or tenants would wait for days.
constexpr double kMostWeight = 1000;

int64_t ReadLimit(const YAML::Node& node, const std::string& name, int64_t most) {
  int64_t limit = 0;
  if (!node.IsScalar() || !absl::SimpleAtoi(node.Scalar(), &limit) || limit < 1 || limit > most) {
    throw YamlProblem{node.Mark(), absl::StrCat(name, " must be a whole number from 1 to ", most)};
  }
  return limit;
}

double ReadWeight(const YAML::Node& node) {
  double weight = 0;
  if (!node.IsScalar() || !absl::SimpleAtod(node.Scalar(), &weight) ||
      !(weight >= 1 / kMostWeight && weight <= kMostWeight)) {
    throw YamlProblem{node.Mark(), absl::StrCat("weight must be a number from 0.001 to ", kMostWeight)};
  }
  return weight;
}

core::TenantLimits ReadLimits(const YAML::Node& node) {
  if (!node.IsMap()) throw YamlProblem{node.Mark(), "limits are lines such as max_jobs: 10"};
  core::TenantLimits limits;
  for (const auto& line : node) {
    const std::string name = YamlText(line.first, "what stands before the colon");
    constexpr int kMostJobs = std::numeric_limits<int>::max();
    if (name == "max_jobs") {
      limits.max_jobs = static_cast<int>(ReadLimit(line.second, name, kMostJobs));
    } else if (name == "max_queued_jobs") {
      limits.max_queued_jobs = static_cast<int>(ReadLimit(line.second, name, kMostJobs));
    } else if (name == "pixel_steps_per_minute") {
      limits.pixel_steps_per_minute = ReadLimit(line.second, name, int64_t{1} << 53);
    } else if (name == "weight") {
      limits.weight = ReadWeight(line.second);
    } else {
      throw YamlProblem{line.first.Mark(),
                        absl::StrCat("unknown limit '", name,
                                     "': there are max_jobs, max_queued_jobs, pixel_steps_per_minute and weight")};
    }
  }
  return limits;
}

}  // namespace

absl::StatusOr<Tenants> Tenants::Parse(const std::string& text) {
  Tenants tenants;
  const absl::Status read = ReadYaml(text, [&](const YAML::Node& root) {
    if (!root.IsMap() && !root.IsNull()) throw YamlProblem{root.Mark(), "the file has the parts default and tenants"};
    for (const auto& part : root) {
      const std::string name = YamlText(part.first, "what stands before the colon");
      if (name == "default") {
        tenants.others_ = ReadLimits(part.second);
      } else if (name != "tenants" || !part.second.IsMap()) {
        throw YamlProblem{part.first.Mark(), "the file has the parts default and tenants, each with lines of its own"};
      } else {
        for (const auto& entry : part.second) {
          const std::string tenant = YamlText(entry.first, "a tenant's name");
          if (!IsTenantName(tenant)) throw YamlProblem{entry.first.Mark(), absl::StrCat("a tenant ", kTenantForm)};
          if (!tenants.named_.emplace(tenant, ReadLimits(entry.second)).second) {
            throw YamlProblem{entry.first.Mark(), absl::StrCat("tenant ", tenant, " is there twice")};
          }
        }
      }
    }
  });
  if (!read.ok()) return read;
  return tenants;
}

core::TenantLimits Tenants::LimitsOf(const std::string& tenant) const {
  const auto found = named_.find(tenant);
  return found == named_.end() ? others_ : found->second;
}

}  // namespace latentd::auth
