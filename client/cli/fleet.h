#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "client/cli/addresses.h"
#include "client/cli/name_lookup.h"
#include "client/cli/replica.h"
#include "client/cpp/client.h"

namespace latentd::cli {

struct FleetOptions {
  client::ClientOptions client = {};
  Resolver resolver = Resolve;
  absl::Duration lookup_timeout = absl::Seconds(2);
};

// The replicas behind the servers that a user names. They come and go with the addresses of the names, and are known by
// those. Not thread-safe.
class Fleet {
 public:
  Fleet(const std::vector<std::string>& servers, FleetOptions options);

  // Those that there are now, in the servers' order: never none, as a name without addresses is one that is away. Good
  // until the next call.
  std::vector<Replica*> Find(const std::stop_token& stop);

 private:
  struct Server {
    std::string name;
    std::optional<NameLookup> lookup;  // none: it is an address
    std::vector<std::string> addresses;
    std::map<std::string, std::unique_ptr<Replica>> replicas;  // by what they are connected by
  };

  void SetAddresses(Server& server, std::vector<std::string> addresses) const;
  void SetTargets(Server& server, const std::vector<std::string>& targets) const;

  const FleetOptions options_;
  std::vector<Server> servers_;
};

}  // namespace latentd::cli
