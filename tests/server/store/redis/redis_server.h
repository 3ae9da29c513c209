#pragma once

#include <string>

#include "server/store/redis/address.h"

namespace latentd::store {

// A real Redis of its own on loopback, ended with the test.
class RedisServer {
 public:
  RedisServer();
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  const RedisAddress& address() const { return address_; }

  void Kill();    // SIGKILL
  void Start();   // again, on the same port, with what it had written down
  void Pause();   // SIGSTOP
  void Resume();  // SIGCONT

 private:
  std::string folder_;
  RedisAddress address_;
  int pid_ = -1;
};

}  // namespace latentd::store
