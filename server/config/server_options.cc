#include "server/config/server_options.h"

#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/config/flags.h"
#include "server/config/values.h"
#include "server/store/redis/address.h"

namespace latentd::config {
namespace {

constexpr char kConfig[] = "config";

// ", did you mean X?" or nothing.
std::string Suggestion(absl::string_view name, absl::string_view dashes) {
  std::vector<std::string> names;
  for (const Flag& flag : Flags()) names.push_back(flag.name);
  if (!dashes.empty()) names.insert(names.end(), {kConfig, "help", "version"});
  const std::string nearest = Nearest(name, names);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", dashes, nearest, "?");
}

const Flag* FindFlag(absl::string_view name) {
  for (const Flag& flag : Flags()) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

// A scalar as it is, a list of scalars with commas between; anything else is an error.
absl::StatusOr<std::string> ValueText(const YAML::Node& node) {
  if (node.IsScalar()) return node.Scalar();
  if (node.IsSequence()) {
    std::vector<std::string> parts;
    for (const YAML::Node& part : node) {
      if (!part.IsScalar()) return absl::InvalidArgumentError("lists hold plain values only");
      parts.push_back(part.Scalar());
    }
    return absl::StrJoin(parts, ",");
  }
  return absl::InvalidArgumentError(node.IsNull() ? "has no value" : "takes a plain value");
}

absl::Status ReadFile(const std::string& path, ServerOptions& options) {
  const auto error = [&](const YAML::Mark& mark, absl::string_view text) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", mark.line + 1, ": ", text));
  };
  std::ifstream file(path);
  if (!file) return absl::InvalidArgumentError(absl::StrCat("--config: cannot read ", path));
  try {
    const YAML::Node root = YAML::Load(file);
    if (root.IsNull()) return absl::OkStatus();
    if (!root.IsMap()) return error(root.Mark(), "the file is not a list of lines 'key: value'");
    std::set<std::string> seen;
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) return error(entry.first.Mark(), "a key is a plain word");
      const std::string& key = entry.first.Scalar();
      const Flag* flag = FindFlag(key);
      if (flag == nullptr) {
        return error(entry.first.Mark(), absl::StrCat("unknown key '", key, "'", Suggestion(key, "")));
      }
      if (!seen.insert(key).second) return error(entry.first.Mark(), absl::StrCat("'", key, "' is there twice"));
      const absl::StatusOr<std::string> value = ValueText(entry.second);
      const absl::Status set = value.ok() ? flag->set(options, *value) : value.status();
      if (!set.ok()) return error(entry.first.Mark(), absl::StrCat(key, ": ", set.message()));
    }
  } catch (const YAML::Exception& exception) {
    return error(exception.mark, exception.msg);
  }
  return absl::OkStatus();
}

absl::Status UnknownArgument(const std::vector<std::string>& extras) {
  for (const std::string& extra : extras) {
    if (!absl::StartsWith(extra, "-")) continue;
    const std::string flag = extra.substr(0, extra.find('='));
    const std::string name(absl::StripPrefix(absl::StripPrefix(flag, "-"), "-"));
    return absl::InvalidArgumentError(absl::StrCat("unknown flag ", flag, Suggestion(name, "--")));
  }
  return absl::InvalidArgumentError(absl::StrCat("'", extras.front(), "' does not belong to a flag"));
}

absl::Status CheckJobStore(const ServerOptions& options) {
  const bool is_redis = options.job_store != "memory";
  const bool has_file = !options.job_store_password.empty();
  if (has_file && !is_redis) {
    return absl::InvalidArgumentError("--job-store-password-file goes with a Redis in --job-store");
  }
  if (!is_redis) return absl::OkStatus();
  store::RedisAddress address = *store::ParseRedisAddress(options.job_store);
  if (has_file && !address.password.empty()) {
    return absl::InvalidArgumentError("--job-store has a password already: leave --job-store-password-file out");
  }
  address.password_file = options.job_store_password;
  if (const auto password = store::PasswordOf(address); !password.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--job-store-password-file: ", password.status().message()));
  }
  if (!has_file && !address.user.empty() && address.password.empty()) {
    return absl::InvalidArgumentError("--job-store has a user without a password");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerOptions> ParseServerOptions(int argc, const char* const* argv, const std::string& version) {
  CLI::App app("Serves latent diffusion models over gRPC.", "latentd");
  app.footer("Every flag is also a key of the file that --config names, without the dashes; flags win.");
  app.set_version_flag("--version", absl::StrCat("latentd ", version), "Print the version");
  app.allow_extras();
  std::string config;
  app.add_option(absl::StrCat("--", kConfig), config, "Configuration file")
      ->option_text("FILE.yaml")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  // Every value is taken as text and read by the flag's own reader, so that both sources give the same errors.
  std::map<std::string, std::string> texts;
  std::map<std::string, const CLI::Option*> switches;
  for (const Flag& flag : Flags()) {
    const std::string option = absl::StrCat("--", flag.name);
    if (flag.value.empty()) {
      switches[flag.name] = app.add_flag(option, flag.help);
    } else {
      app.add_option_function<std::string>(
             option, [&texts, &flag](const std::string& text) { texts[flag.name] = text; }, flag.help)
          ->option_text(flag.value)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }

  ServerOptions options;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    std::ostringstream out;
    app.exit(asked, out, out);
    options.information = out.str();
    return options;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  if (const std::vector<std::string> extras = app.remaining(); !extras.empty()) return UnknownArgument(extras);
  for (const auto& [name, option] : switches) {
    if (option->count() > 0) texts[name] = option->results().back();
  }

  if (!config.empty()) {
    if (absl::Status read = ReadFile(config, options); !read.ok()) return read;
  }
  for (const Flag& flag : Flags()) {
    const auto text = texts.find(flag.name);
    if (text == texts.end()) continue;
    if (absl::Status set = flag.set(options, text->second); !set.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag.name, ": ", set.message()));
    }
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key go together");
  }
  if (!options.tls_client_ca.empty() && options.tls_cert.empty()) {
    return absl::InvalidArgumentError("--tls-client-ca goes with --tls-cert and --tls-key");
  }
  if (const absl::Status checked = CheckJobStore(options); !checked.ok()) return checked;
  return options;
}

}  // namespace latentd::config
