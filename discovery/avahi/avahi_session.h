// One connection to the Avahi daemon: the service published there, the browser and its resolvers.
//
// What Avahi 0.8 was seen to do, and what is done about it:
// - A card that changes while a name is being probed leaves the probing count of its entry group
// too
//   high, and the group is never established (avahi issue 234). A group that is not established
//   after a while is thrown away and published anew.
// - A group that was established may be on no card any more. Our own service is among those that
//   the browser finds; while it is not, it is published anew, ever more rarely.
// - A resolver asked for any protocol turns to the peer's link-local IPv6 address when its IPv4
//   address changes, and never comes back. So each service is resolved for the protocol it was
//   found by, and only those that we listen on are browsed and published.
//
// Lives on the discovery thread, inside one AvahiSimplePoll. A session that reports is_broken() is
// destroyed by its owner, outside of Avahi's callbacks, and a new one is made later.
#pragma once

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/simple-watch.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/ids.h"
#include "discovery/avahi/service_record.h"

namespace titan::discovery {

// What a session reports, on its own thread.
struct AvahiEvents {
  std::function<void(const std::string& address, const DeviceId& device)> found;
  std::function<void(const std::string& address)> lost;
  std::function<void(const std::string& name)> published;
  std::function<void(const std::string& reason)> published_again;
  // The daemon lets nobody publish; others are found all the same.
  std::function<void(const std::string& reason)> unpublished;
  // The daemon is not there; the session waits for it.
  std::function<void(const std::string& reason)> waiting;
};

class AvahiSession {
 public:
  AvahiSession(AvahiSimplePoll* poll, const ServiceRecord& own, const AvahiEvents& events);
  ~AvahiSession();
  AvahiSession(const AvahiSession&) = delete;
  AvahiSession& operator=(const AvahiSession&) = delete;

  bool is_broken() const { return broken_; }
  const std::string& reason() const { return reason_; }
  // Does what is due; call at least every second.
  void tick();
  // Browses anew: the daemon asks at once, and every service is resolved again.
  void ask_again();
  void network_changed();

  static constexpr std::size_t services_max = 512;
  static constexpr int name_attempts_max = 16;
  static constexpr std::chrono::seconds resolve_again_after{5};
  // Probing and announcing take 2 s in all where nothing disturbs them.
  static constexpr std::chrono::milliseconds publish_again_min{2500};
  static constexpr std::chrono::milliseconds publish_again_max{300'000};
  // A daemon whose settings forbid it is asked again: it may have been started with others.
  static constexpr std::chrono::milliseconds ask_permission_again{60'000};

 private:
  using Clock = std::chrono::steady_clock;
  // A service is seen once per card and protocol.
  using ServiceKey = std::tuple<AvahiIfIndex, AvahiProtocol, std::string, std::string>;
  struct Service {
    AvahiServiceResolver* resolver = nullptr;
    std::string address;  // last resolved; empty: none
    Clock::time_point retry_at = Clock::time_point::max();
    bool is_confirmed = true;  // by the present browser
  };

  void on_client(AvahiClient* client, AvahiClientState state);
  void on_group(AvahiEntryGroup* group, AvahiEntryGroupState state);
  void on_browse(AvahiBrowserEvent event, const ServiceKey& key, AvahiLookupResultFlags flags);
  void on_resolve(const ServiceKey& key, AvahiResolverEvent event, const AvahiAddress* address,
                  std::uint16_t port, AvahiStringList* txt);
  void publish(AvahiClient* client);
  void on_publish_error(const std::string& what, int error);
  void check_published();
  void retry_resolvers();
  void forget_unconfirmed();
  int add_service();
  void take_another_name();
  void browse(AvahiClient* client);
  void resolve(const ServiceKey& key, Service& service);
  void forget(const ServiceKey& key);
  void fail(const std::string& what, int error);

  static void client_callback(AvahiClient* client, AvahiClientState state, void* self);
  static void group_callback(AvahiEntryGroup* group, AvahiEntryGroupState state, void* self);
  static void browse_callback(AvahiServiceBrowser* browser, AvahiIfIndex card,
                              AvahiProtocol protocol, AvahiBrowserEvent event, const char* name,
                              const char* type, const char* domain, AvahiLookupResultFlags flags,
                              void* self);
  static void resolve_callback(AvahiServiceResolver* resolver, AvahiIfIndex card,
                               AvahiProtocol protocol, AvahiResolverEvent event, const char* name,
                               const char* type, const char* domain, const char* host,
                               const AvahiAddress* address, std::uint16_t port,
                               AvahiStringList* txt, AvahiLookupResultFlags flags, void* self);

  const ServiceRecord& own_;
  const AvahiEvents& events_;
  std::string name_;
  int names_tried_ = 1;
  AvahiClient* client_ = nullptr;
  AvahiEntryGroup* group_ = nullptr;
  AvahiServiceBrowser* browser_ = nullptr;
  std::map<ServiceKey, Service> services_;
  std::set<ServiceKey> own_seen_;  // our own service, as the browser finds it
  bool is_running_ = false;        // the daemon, with its host name settled
  bool is_established_ = false;
  Clock::time_point publish_again_at_ = Clock::time_point::max();
  std::chrono::milliseconds publish_again_pause_ = publish_again_min;
  bool broken_ = false;
  std::string reason_;
};

}  // namespace titan::discovery
