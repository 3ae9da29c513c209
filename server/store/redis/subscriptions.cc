#include "server/store/redis/subscriptions.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <set>
#include <utility>

namespace latentd::store {

Subscriptions::Subscriptions(Options options)
    : options_(std::move(options)),
      redis_(options_.connection),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      retry_(options_.clock,
             [this] {
               {
                 core::MutexLock lock(mutex_);
                 waiting_to_retry_ = false;
               }
               changed_.NotifyAll();
               Wake();
             }),
      thread_([this] { Run(); }) {}

Subscriptions::~Subscriptions() {
  {
    core::MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.NotifyAll();
  Wake();
  thread_.join();
  close(wake_);
}

Subscriptions::Id Subscriptions::Add(std::string channel, Listener listener) {
  Id id = 0;
  {
    core::MutexLock lock(mutex_);
    id = ++last_;
    entries_.emplace(id, Entry{.channel = std::move(channel), .listener = std::move(listener)});
  }
  Wake();
  return id;
}

void Subscriptions::Remove(Id id) {
  {
    core::MutexLock lock(mutex_);
    entries_.erase(id);
    while (calling_ == id && std::this_thread::get_id() != thread_.get_id()) changed_.Wait(mutex_);
  }
  Wake();
}

void Subscriptions::Wake() { eventfd_write(wake_, 1); }

void Subscriptions::Run() {
  while (true) {
    {
      core::MutexLock lock(mutex_);
      while (!stopped_ && waiting_to_retry_) changed_.Wait(mutex_);
      if (stopped_) return;
    }
    if (Subscribe()) {
      Listen();
      if (redis_.connected()) continue;
    }
    subscribed_.clear();
    {
      core::MutexLock lock(mutex_);
      waiting_to_retry_ = true;
    }
    retry_.RingBy(options_.clock->Now() + options_.retry_after);
  }
}

bool Subscriptions::Subscribe() {
  if (!redis_.Connect().ok()) return false;
  std::set<std::string> wanted;
  {
    core::MutexLock lock(mutex_);
    for (const auto& [id, entry] : entries_) wanted.insert(entry.channel);
  }
  std::vector<RedisCommand> commands;
  for (const std::string& channel : wanted) {
    if (subscribed_.try_emplace(channel, false).second) commands.push_back({"SUBSCRIBE", channel});
  }
  for (auto next = subscribed_.begin(); next != subscribed_.end();) {
    const auto channel = next++;
    if (wanted.contains(channel->first)) continue;
    commands.push_back({"UNSUBSCRIBE", channel->first});
    subscribed_.erase(channel);
  }
  for (const RedisCommand& command : commands) {
    if (!redis_.Send(command).ok()) return false;
  }
  // Those that came to a channel which is listened to already.
  for (const auto& [channel, is_told] : subscribed_) {
    if (is_told) Tell(channel, "", /*only_new=*/true);
  }
  return true;
}

// Until something has come, or the channels have changed.
void Subscriptions::Listen() {
  pollfd waits[] = {{.fd = redis_.fd(), .events = POLLIN, .revents = 0}, {.fd = wake_, .events = POLLIN, .revents = 0}};
  poll(waits, 2, -1);
  eventfd_t ignored = 0;
  eventfd_read(wake_, &ignored);
  if (waits[0].revents == 0 || !redis_.Receive().ok()) return;
  while (true) {
    const absl::StatusOr<std::optional<RedisReply>> reply = redis_.Next();
    if (absl::IsUnavailable(reply.status())) return redis_.Close();  // and again from the beginning
    if (!reply.ok()) {
      if (options_.on_refused) options_.on_refused(reply.status());
      continue;
    }
    if (!reply->has_value()) return;
    const std::vector<RedisReply>& words = (*reply)->list();
    if (words.size() != 3) continue;
    const std::string& channel = words[1].text();
    if (words[0].text() == "message") Tell(channel, words[2].text(), /*only_new=*/false);
    if (words[0].text() != "subscribe") continue;
    if (const auto known = subscribed_.find(channel); known != subscribed_.end()) known->second = true;
    Tell(channel, "", /*only_new=*/false);
  }
}

void Subscriptions::Tell(const std::string& channel, const std::string& message, bool only_new) {
  Id after = 0;
  while (true) {
    Listener listener;
    {
      core::MutexLock lock(mutex_);
      auto next = entries_.upper_bound(after);
      while (next != entries_.end() && (next->second.channel != channel || (only_new && !next->second.is_new))) ++next;
      if (next == entries_.end()) return;
      after = calling_ = next->first;
      next->second.is_new = false;
      listener = next->second.listener;
    }
    const bool heard = listener(message);
    {
      core::MutexLock lock(mutex_);
      calling_ = 0;
      if (const auto entry = entries_.find(after); !heard && entry != entries_.end()) entry->second.is_new = true;
    }
    changed_.NotifyAll();
    if (!heard) retry_.RingBy(options_.clock->Now() + options_.retry_after);
  }
}

}  // namespace latentd::store
