#include "server/store/redis/output_reader.h"

#include <algorithm>
#include <utility>

namespace latentd::store {

OutputReader::OutputReader(Options options)
    : options_(options),
      retry_(options_.clock,
             [this] {
               {
                 core::MutexLock lock(mutex_);
                 waiting_to_retry_ = false;
               }
               changed_.NotifyAll();
             }),
      thread_([this] { Run(); }) {}

OutputReader::~OutputReader() {
  {
    core::MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

OutputReader::Id OutputReader::Read(std::string key, Done done) {
  Id id = 0;
  {
    core::MutexLock lock(mutex_);
    id = ++last_;
    wishes_.push_back({.id = id, .key = std::move(key), .done = std::move(done)});
  }
  changed_.NotifyAll();
  return id;
}

void OutputReader::Withdraw(Id id) {
  core::MutexLock lock(mutex_);
  while (calling_ == id && id != 0 && std::this_thread::get_id() != thread_.get_id()) changed_.Wait(mutex_);
  std::erase_if(wishes_, [id](const Wish& wish) { return wish.id == id; });
}

void OutputReader::Run() {
  while (true) {
    Wish wish;
    {
      core::MutexLock lock(mutex_);
      while (!stopped_ && (wishes_.empty() || waiting_to_retry_)) changed_.Wait(mutex_);
      if (stopped_) return;
      wish = std::move(wishes_.front());
      wishes_.pop_front();
      calling_ = wish.id;
    }
    absl::StatusOr<core::Blob> bytes = Get(wish.key);
    const bool again = absl::IsUnavailable(bytes.status());
    if (!again) wish.done(std::move(bytes));
    {
      core::MutexLock lock(mutex_);
      calling_ = 0;
      waiting_to_retry_ = again;
      if (again) wishes_.push_front(std::move(wish));
    }
    changed_.NotifyAll();
    if (again) retry_.RingBy(options_.clock->Now() + options_.retry_after);
  }
}

absl::StatusOr<core::Blob> OutputReader::Get(const std::string& key) {
  std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
  if (const auto held = held_.find(key); held != held_.end()) {
    if (core::Blob bytes = held->second.lock(); bytes != nullptr) return bytes;
  }
  absl::StatusOr<RedisReply> reply = options_.pool->Run({"GET", key});
  if (!reply.ok()) return reply.status();
  if (reply->is_nil()) return nullptr;
  auto bytes = std::make_shared<const std::string>(std::move(*reply).text());
  held_[key] = bytes;
  return bytes;
}

}  // namespace latentd::store
