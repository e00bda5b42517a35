// What `systemctl status` shows of a terminal, told to systemd by its own small protocol: one
// datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)). Without that variable nobody
// asked.
#pragma once

#include <string>

namespace titan::pos {

// One line. Lost if systemd does not take it at once: the next one tells the same anew.
void show_in_service_manager(const std::string& line);

}  // namespace titan::pos
