#include "discovery/avahi/avahi_session.h"

#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <net/if.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "discovery/own_addresses.h"

namespace titan::discovery {
namespace {

AvahiProtocol protocol_of(const Protocols& protocols) {
  if (protocols.ipv4 && protocols.ipv6) return AVAHI_PROTO_UNSPEC;
  return protocols.ipv6 ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET;
}

std::map<std::string, std::string> txt_map(AvahiStringList* list) {
  std::map<std::string, std::string> txt;
  for (; list != nullptr; list = avahi_string_list_get_next(list)) {
    char* key = nullptr;
    char* value = nullptr;
    std::size_t size = 0;
    if (avahi_string_list_get_pair(list, &key, &value, &size) != 0) continue;
    txt[key] = value == nullptr ? std::string() : std::string(value, size);
    avahi_free(key);
    avahi_free(value);
  }
  return txt;
}

std::string host_of(const AvahiAddress& address, AvahiIfIndex card) {
  char text[AVAHI_ADDRESS_STR_MAX] = {};
  avahi_address_snprint(text, sizeof(text), &address);
  std::string host = text;
  const bool is_link_local = address.proto == AVAHI_PROTO_INET6 &&
                             address.data.ipv6.address[0] == 0xfe &&
                             (address.data.ipv6.address[1] & 0xc0) == 0x80;
  char name[IF_NAMESIZE] = {};
  if (is_link_local && card > 0 && if_indextoname(static_cast<unsigned>(card), name) != nullptr) {
    host += std::string("%") + name;
  }
  return host;
}

}  // namespace

AvahiSession::AvahiSession(AvahiSimplePoll* poll, const ServiceRecord& own,
                           const AvahiEvents& events)
    : own_(own), events_(events), name_(own.service_name()) {
  int error = 0;
  // With NO_FAIL the client waits for a daemon that is not there yet; D-Bus itself must be.
  AvahiClient* client = avahi_client_new(avahi_simple_poll_get(poll), AVAHI_CLIENT_NO_FAIL,
                                         &AvahiSession::client_callback, this, &error);
  if (client == nullptr) {
    client_ = nullptr;
    fail("D-Bus", error);
  } else {
    client_ = client;
  }
}

AvahiSession::~AvahiSession() {
  // Frees group, browser and resolvers too, and closes the D-Bus connection, at which the daemon
  // withdraws what was published through it.
  if (client_ != nullptr) avahi_client_free(client_);
}

void AvahiSession::fail(const std::string& what, int error) {
  broken_ = true;
  reason_ = what + ": " + avahi_strerror(error);
}

void AvahiSession::on_client(AvahiClient* client, AvahiClientState state) {
  client_ = client;
  is_running_ = state == AVAHI_CLIENT_S_RUNNING;
  switch (state) {
    case AVAHI_CLIENT_S_RUNNING:
      if (browser_ == nullptr) browse(client);
      publish(client);
      break;
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_COLLISION:
      // The host's own name changes; the service is published anew when it is settled.
      if (group_ != nullptr) avahi_entry_group_reset(group_);
      break;
    case AVAHI_CLIENT_FAILURE:
      fail("Avahi daemon", avahi_client_errno(client));
      break;
    case AVAHI_CLIENT_CONNECTING:
      events_.waiting(
          "no Avahi daemon is on the system bus: it does not run, or its "
          "/etc/avahi/avahi-daemon.conf says enable-dbus=no");
      break;
  }
}

void AvahiSession::publish(AvahiClient* client) {
  if (group_ == nullptr) {
    group_ = avahi_entry_group_new(client, &AvahiSession::group_callback, this);
    if (group_ == nullptr) return on_publish_error("Avahi entry group", avahi_client_errno(client));
  }
  if (avahi_entry_group_is_empty(group_) == 0) return;
  int error = add_service();
  while (error == AVAHI_ERR_COLLISION && names_tried_ < name_attempts_max) {
    take_another_name();
    error = add_service();
  }
  if (error < 0) return on_publish_error("Avahi service", error);
  error = avahi_entry_group_commit(group_);
  if (error < 0) return on_publish_error("Avahi commit", error);
  is_established_ = false;
  publish_again_at_ = Clock::now() + publish_again_pause_;
}

// What the daemon does not permit is no reason to end the session: a new one would be refused the
// same, and meanwhile nobody would be found.
void AvahiSession::on_publish_error(const std::string& what, int error) {
  if (error != AVAHI_ERR_NOT_PERMITTED && error != AVAHI_ERR_ACCESS_DENIED)
    return fail(what, error);
  if (group_ != nullptr) avahi_entry_group_free(std::exchange(group_, nullptr));
  publish_again_at_ = Clock::now() + ask_permission_again;
  events_.unpublished(
      std::string("the Avahi daemon lets no program publish a service (") + avahi_strerror(error) +
      "), so other tills do not find this one by mDNS; set disable-publishing and "
      "disable-user-service-publishing to no in /etc/avahi/avahi-daemon.conf and restart "
      "avahi-daemon");
}

void AvahiSession::check_published() {
  if (!is_running_) return;
  const auto now = Clock::now();
  if (group_ == nullptr) {
    if (now >= publish_again_at_) publish(client_);
    return;
  }
  if (is_established_ && !own_seen_.empty()) {
    // All is well, and what goes wrong from here on is looked into soon.
    publish_again_pause_ = publish_again_min;
    publish_again_at_ = now + publish_again_pause_;
    return;
  }
  if (now < publish_again_at_) return;
  publish_again_pause_ = std::min(2 * publish_again_pause_, publish_again_max);
  // A group that is reset keeps what it counted.
  avahi_entry_group_free(std::exchange(group_, nullptr));
  events_.published_again(is_established_ ? "it is not to be seen on any network card"
                                          : "the daemon never confirmed it");
  publish(client_);
}

void AvahiSession::network_changed() {
  publish_again_pause_ = publish_again_min;
  publish_again_at_ = std::min(publish_again_at_, Clock::now() + publish_again_pause_);
  ask_again();
}

void AvahiSession::tick() {
  if (broken_) return;
  check_published();
  if (!broken_) retry_resolvers();
}

int AvahiSession::add_service() {
  const AvahiProtocol protocol = protocol_of(own_.protocols);
  AvahiStringList* txt = nullptr;
  for (const auto& [key, value] : own_.txt()) {
    txt = avahi_string_list_add_pair(txt, key.c_str(), value.c_str());
  }
  avahi_entry_group_reset(group_);
  int error = avahi_entry_group_add_service_strlst(group_, AVAHI_IF_UNSPEC, protocol,
                                                   AvahiPublishFlags{}, name_.c_str(), service_type,
                                                   nullptr, nullptr, own_.port, txt);
  avahi_string_list_free(txt);
  if (error < 0) return error;
  return avahi_entry_group_add_service_subtype(group_, AVAHI_IF_UNSPEC, protocol,
                                               AvahiPublishFlags{}, name_.c_str(), service_type,
                                               nullptr, own_.store_type().c_str());
}

void AvahiSession::take_another_name() {
  const std::unique_ptr<char, decltype(&avahi_free)> other(
      avahi_alternative_service_name(name_.c_str()), avahi_free);
  name_ = other.get();
  ++names_tried_;
}

void AvahiSession::on_group(AvahiEntryGroup* group, AvahiEntryGroupState state) {
  group_ = group;
  switch (state) {
    case AVAHI_ENTRY_GROUP_ESTABLISHED:
      is_established_ = true;
      events_.published(name_);
      break;
    case AVAHI_ENTRY_GROUP_COLLISION:
      if (names_tried_ >= name_attempts_max) return fail("Avahi name", AVAHI_ERR_COLLISION);
      take_another_name();
      avahi_entry_group_reset(group);
      publish(avahi_entry_group_get_client(group));
      break;
    case AVAHI_ENTRY_GROUP_FAILURE:
      fail("Avahi entry group", avahi_client_errno(avahi_entry_group_get_client(group)));
      break;
    case AVAHI_ENTRY_GROUP_UNCOMMITED:
    case AVAHI_ENTRY_GROUP_REGISTERING:
      break;
  }
}

void AvahiSession::browse(AvahiClient* client) {
  browser_ = avahi_service_browser_new(client, AVAHI_IF_UNSPEC, protocol_of(own_.protocols),
                                       own_.store_type().c_str(), nullptr, AvahiLookupFlags{},
                                       &AvahiSession::browse_callback, this);
  if (browser_ == nullptr) fail("Avahi browser", avahi_client_errno(client));
}

void AvahiSession::ask_again() {
  if (broken_ || browser_ == nullptr) return;
  avahi_service_browser_free(std::exchange(browser_, nullptr));
  for (auto& [key, service] : services_) service.is_confirmed = false;
  own_seen_.clear();
  browse(client_);
}

// What the last browser found, and this one did not.
void AvahiSession::forget_unconfirmed() {
  for (auto it = services_.begin(); it != services_.end();) {
    const auto key = (it++)->first;
    if (!services_.at(key).is_confirmed) forget(key);
  }
}

void AvahiSession::on_browse(AvahiBrowserEvent event, const ServiceKey& key,
                             AvahiLookupResultFlags flags) {
  switch (event) {
    case AVAHI_BROWSER_NEW: {
      if ((flags & AVAHI_LOOKUP_RESULT_OUR_OWN) != 0) {
        if (std::get<2>(key) == name_) own_seen_.insert(key);
        return;
      }
      const auto known = services_.find(key);
      if (known != services_.end()) {
        if (known->second.is_confirmed) return;
        known->second.is_confirmed = true;
        resolve(key, known->second);
        return;
      }
      if (services_.size() >= services_max) return;
      resolve(key, services_[key]);
      break;
    }
    case AVAHI_BROWSER_REMOVE:
      own_seen_.erase(key);
      forget(key);
      break;
    case AVAHI_BROWSER_ALL_FOR_NOW:
      forget_unconfirmed();
      break;
    case AVAHI_BROWSER_FAILURE:
      fail("Avahi browser", avahi_client_errno(client_));
      break;
    default:
      break;
  }
}

void AvahiSession::resolve(const ServiceKey& key, Service& service) {
  const auto& [card, protocol, name, domain] = key;
  if (service.resolver != nullptr) avahi_service_resolver_free(service.resolver);
  // Kept while the service is seen, so that a changed address or port is told.
  service.resolver = avahi_service_resolver_new(client_, card, protocol, name.c_str(), service_type,
                                                domain.c_str(), protocol, AvahiLookupFlags{},
                                                &AvahiSession::resolve_callback, this);
  service.retry_at =
      service.resolver != nullptr ? Clock::time_point::max() : Clock::now() + resolve_again_after;
}

void AvahiSession::on_resolve(const ServiceKey& key, AvahiResolverEvent event,
                              const AvahiAddress* address, std::uint16_t port,
                              AvahiStringList* txt) {
  const auto found = services_.find(key);
  if (found == services_.end()) return;
  Service& service = found->second;
  if (event != AVAHI_RESOLVER_FOUND || address == nullptr) {
    avahi_service_resolver_free(std::exchange(service.resolver, nullptr));
    service.retry_at = Clock::now() + resolve_again_after;
    return;
  }
  const auto device = device_in_txt(own_, txt_map(txt));
  if (!device || port == 0) return;
  const std::string where = join_host_port(host_of(*address, std::get<0>(key)), port);
  if (!service.address.empty() && service.address != where) events_.lost(service.address);
  service.address = where;
  events_.found(where, *device);
}

void AvahiSession::forget(const ServiceKey& key) {
  const auto known = services_.find(key);
  if (known == services_.end()) return;
  if (known->second.resolver != nullptr) avahi_service_resolver_free(known->second.resolver);
  const std::string address = known->second.address;
  services_.erase(known);
  for (const auto& [other, service] : services_) {
    if (service.address == address) return;  // still seen another way
  }
  if (!address.empty()) events_.lost(address);
}

void AvahiSession::retry_resolvers() {
  const auto now = Clock::now();
  for (auto& [key, service] : services_) {
    if (service.retry_at <= now) resolve(key, service);
  }
}

// ---- from C

void AvahiSession::client_callback(AvahiClient* client, AvahiClientState state, void* self) {
  static_cast<AvahiSession*>(self)->on_client(client, state);
}

void AvahiSession::group_callback(AvahiEntryGroup* group, AvahiEntryGroupState state, void* self) {
  static_cast<AvahiSession*>(self)->on_group(group, state);
}

void AvahiSession::browse_callback(AvahiServiceBrowser*, AvahiIfIndex card, AvahiProtocol protocol,
                                   AvahiBrowserEvent event, const char* name, const char*,
                                   const char* domain, AvahiLookupResultFlags flags, void* self) {
  static_cast<AvahiSession*>(self)->on_browse(
      event, {card, protocol, name == nullptr ? "" : name, domain == nullptr ? "" : domain}, flags);
}

void AvahiSession::resolve_callback(AvahiServiceResolver*, AvahiIfIndex card,
                                    AvahiProtocol protocol, AvahiResolverEvent event,
                                    const char* name, const char*, const char* domain, const char*,
                                    const AvahiAddress* address, std::uint16_t port,
                                    AvahiStringList* txt, AvahiLookupResultFlags, void* self) {
  static_cast<AvahiSession*>(self)->on_resolve(
      {card, protocol, name == nullptr ? "" : name, domain == nullptr ? "" : domain}, event,
      address, port, txt);
}

}  // namespace titan::discovery
