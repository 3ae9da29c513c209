#include "client/cli/fleet.h"

#include <chrono>
#include <utility>

namespace latentd::cli {

Fleet::Fleet(const std::vector<std::string>& servers, FleetOptions options) : options_(std::move(options)) {
  servers_.reserve(servers.size());
  for (const std::string& name : servers) {
    Server& server = servers_.emplace_back();
    server.name = name;
    if (std::optional<HostPort> parts = NameOf(name)) server.lookup.emplace(*std::move(parts), options_.resolver);
    SetTargets(server, {name});
  }
}

std::vector<Replica*> Fleet::Find(const std::stop_token& stop) {
  for (Server& server : servers_) {
    if (server.lookup.has_value()) server.lookup->Begin();
  }
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(options_.lookup_timeout);
  std::vector<Replica*> replicas;
  for (Server& server : servers_) {
    if (server.lookup.has_value()) SetAddresses(server, server.lookup->Wait(deadline, stop));
    for (const auto& [target, replica] : server.replicas) replicas.push_back(replica.get());
  }
  return replicas;
}

void Fleet::SetAddresses(Server& server, std::vector<std::string> addresses) const {
  if (addresses == server.addresses) return;
  server.addresses = std::move(addresses);
  // gRPC would look the name up by itself, but up to two minutes later.
  const auto by_name = server.replicas.find(server.name);
  if (by_name != server.replicas.end() && by_name->second->away()) server.replicas.erase(by_name);
  SetTargets(server, TargetsOf(server.name, server.addresses));
}

void Fleet::SetTargets(Server& server, const std::vector<std::string>& targets) const {
  std::map<std::string, std::unique_ptr<Replica>> former = std::exchange(server.replicas, {});
  for (const std::string& target : targets) {
    std::unique_ptr<Replica>& replica = server.replicas[target];
    if (const auto known = former.find(target); known != former.end()) {
      replica = std::move(known->second);
      continue;
    }
    client::ClientOptions options = options_.client;
    if (target != server.name) options.authority = server.name;
    replica = std::make_unique<Replica>(target, client::Client::Connect(target, std::move(options)));
  }
}

}  // namespace latentd::cli
