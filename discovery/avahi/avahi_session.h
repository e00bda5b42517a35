// One connection to the Avahi daemon: the service published there, the browser and its resolvers.
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
  // Starts resolvers that failed once more; call now and then.
  void retry_resolvers();

  static constexpr std::size_t services_max = 512;
  static constexpr int name_attempts_max = 16;
  static constexpr std::chrono::seconds resolve_again_after{5};

 private:
  // A service is seen once per card and protocol.
  using ServiceKey = std::tuple<AvahiIfIndex, AvahiProtocol, std::string, std::string>;
  struct Service {
    AvahiServiceResolver* resolver = nullptr;
    std::string address;  // last resolved; empty: none
    std::chrono::steady_clock::time_point retry_at = std::chrono::steady_clock::time_point::max();
  };

  void on_client(AvahiClient* client, AvahiClientState state);
  void on_group(AvahiEntryGroup* group, AvahiEntryGroupState state);
  void on_browse(AvahiBrowserEvent event, const ServiceKey& key, AvahiLookupResultFlags flags);
  void on_resolve(const ServiceKey& key, AvahiResolverEvent event, const AvahiAddress* address,
                  std::uint16_t port, AvahiStringList* txt);
  void publish(AvahiClient* client);
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
  bool broken_ = false;
  std::string reason_;
};

}  // namespace titan::discovery
