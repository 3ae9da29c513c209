#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/store/redis/connection.h"

namespace latentd::store {

// The Lua scripts of scripts/, by their names there. Every one takes the prefix of all keys, and arguments that its
// first lines tell.

// Loads all of them, for RedisConnection::Options::greeting: a Redis that was restarted has forgotten them.
std::vector<RedisCommand> LoadScripts();

// Calls one that is loaded. REQUIRES: there is one of that name.
RedisCommand CallScript(std::string_view name, const std::string& prefix, std::vector<std::string> arguments);

}  // namespace latentd::store
