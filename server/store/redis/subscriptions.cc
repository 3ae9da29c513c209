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
    channels_[channel].insert(id);
    changed_channels_.insert(channel);
    entries_.emplace(id, Entry{.channel = std::move(channel), .listener = std::move(listener)});
  }
  Wake();
  return id;
}

void Subscriptions::Remove(Id id) {
  {
    core::MutexLock lock(mutex_);
    if (const auto entry = entries_.find(id); entry != entries_.end()) {
      const auto channel = channels_.find(entry->second.channel);
      channel->second.erase(id);
      changed_channels_.insert(channel->first);
      if (channel->second.empty()) channels_.erase(channel);
      entries_.erase(entry);
    }
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
    Forget();
    retry_.RingBy(options_.clock->Now() + options_.retry_after);
  }
}

void Subscriptions::Forget() {
  subscribed_.clear();
  core::MutexLock lock(mutex_);
  for (const auto& [channel, ids] : channels_) changed_channels_.insert(channel);
  waiting_to_retry_ = true;
}

bool Subscriptions::Subscribe() {
  if (!redis_.Connect().ok()) return false;
  std::map<std::string, bool> changed;  // whether anybody listens
  {
    core::MutexLock lock(mutex_);
    for (const std::string& channel : changed_channels_) changed[channel] = channels_.contains(channel);
    changed_channels_.clear();
  }
  for (const auto& [channel, is_wanted] : changed) {
    const auto known = subscribed_.find(channel);
    if (!is_wanted && known == subscribed_.end()) continue;
    if (is_wanted && known != subscribed_.end()) {
      // Those that came to it after the others.
      if (known->second) Tell(channel, "", /*only_new=*/true);
      continue;
    }
    if (!redis_.Send({is_wanted ? "SUBSCRIBE" : "UNSUBSCRIBE", channel}).ok()) return false;
    if (is_wanted) {
      subscribed_.emplace(channel, false);
    } else {
      subscribed_.erase(known);
    }
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
  std::set<Id> ids;
  {
    core::MutexLock lock(mutex_);
    if (const auto listeners = channels_.find(channel); listeners != channels_.end()) ids = listeners->second;
  }
  for (const Id id : ids) {
    Listener listener;
    {
      core::MutexLock lock(mutex_);
      const auto entry = entries_.find(id);
      if (entry == entries_.end() || (only_new && !entry->second.is_new)) continue;
      calling_ = id;
      entry->second.is_new = false;
      listener = entry->second.listener;
    }
    const bool heard = listener(message);
    {
      core::MutexLock lock(mutex_);
      calling_ = 0;
      if (const auto entry = entries_.find(id); !heard && entry != entries_.end()) {
        entry->second.is_new = true;
        changed_channels_.insert(channel);
      }
    }
    changed_.NotifyAll();
    if (!heard) retry_.RingBy(options_.clock->Now() + options_.retry_after);
  }
}

}  // namespace latentd::store
