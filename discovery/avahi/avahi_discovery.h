// Addresses from mDNS: publishes this terminal and finds the others of its store, through the
// Avahi daemon's client library.
//
// The library blocks on D-Bus calls, for up to 25 s when the daemon hangs; so it runs on a thread
// of its own, and everything it finds is posted to the loop. Without a daemon or D-Bus there is one
// clear warning, and a quiet attempt every few seconds; a daemon that restarts is found again.
// Honours DBUS_SYSTEM_BUS_ADDRESS.
//
// Constructed, destroyed and called back on the loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/ids.h"
#include "discovery/avahi/service_record.h"

namespace titan::discovery {

struct AvahiCallbacks {
  // "10.77.0.3:7411", "[fe80::1%eth0]:7411".
  std::function<void(const std::string& address, const DeviceId& device)> on_found;
  std::function<void(const std::string& address)> on_lost;
  // Why mDNS does not work, in words; empty: it does again. Told when it changes.
  std::function<void(const std::string& reason)> on_problem;
  std::function<void(const std::string& message)> on_warning;
  std::function<void(const std::string& message)> on_note;
};

class AvahiDiscovery {
 public:
  AvahiDiscovery(boost::asio::io_context& loop, ServiceRecord own, AvahiCallbacks callbacks);
  // Withdraws the service; waits at most 300 ms for a daemon that does not answer.
  ~AvahiDiscovery();
  AvahiDiscovery(const AvahiDiscovery&) = delete;
  AvahiDiscovery& operator=(const AvahiDiscovery&) = delete;

  // Asks who is there anew, and where each of them is.
  void ask_again();
  // A card of ours came, went or has another address. The daemon follows by itself; whether it
  // really did is watched from now on.
  void network_changed();
  // A call of the library has not come back for a while: the daemon hangs, or D-Bus waits for it to
  // be started (which, with enable-dbus=no, never ends).
  bool is_silent() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace titan::discovery
